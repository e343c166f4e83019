"""Figures of Matplotlib, and what they are made of."""
