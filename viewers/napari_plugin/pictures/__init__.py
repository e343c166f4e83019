"""Pictures and movies of what a viewer shows."""
