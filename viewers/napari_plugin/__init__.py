"""The napari plugin: models without Qt in plain modules, thin widgets (`*_widget`) on top."""
