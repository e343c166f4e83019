"""Volumes and image stacks that other programs made, opened without reading them."""
