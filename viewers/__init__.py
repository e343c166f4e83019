"""Results for the eye: figures and viewers."""
