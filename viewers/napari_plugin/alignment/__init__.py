"""The alignment check."""
