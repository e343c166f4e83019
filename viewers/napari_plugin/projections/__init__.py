"""The projection browser."""
