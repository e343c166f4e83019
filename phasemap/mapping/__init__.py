"""From counts, or from volumes, to maps of phases: what a run does slab by slab."""
