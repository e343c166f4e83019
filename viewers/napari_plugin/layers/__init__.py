"""Layers of a viewer: planned, added, found again, saved."""
