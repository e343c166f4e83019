"""Labels painted by hand."""
