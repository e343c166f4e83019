"""Where every frame of a scan lies, found across the edge."""
