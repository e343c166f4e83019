"""The core-shell view."""
