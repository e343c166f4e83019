"""Alignment of a scan as a job: chosen, run, kept, checked, reported."""
