"""Results on disk: OME-Zarr stores, written whole or not at all."""
