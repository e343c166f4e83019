"""File formats of scans: read with care, and written."""
