"""Series of charge states."""
