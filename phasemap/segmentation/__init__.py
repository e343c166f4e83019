"""Sample, particles and phase labels, which know the noise."""
