"""Particles, cores, shells and fronts in numbers with errors."""
