"""The main job from a window."""
