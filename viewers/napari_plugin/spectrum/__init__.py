"""The spectrum probe."""
