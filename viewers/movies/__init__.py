"""Movies and pictures in files."""
