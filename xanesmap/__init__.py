"""XANES spectro-tomography phase mapping."""

__version__ = "0.1.0"
