"""The one protocol through which everything speaks to a reconstruction engine.

Geometry, the same for every engine (DESIGN.md, drawn in docs/geometry.md): in a slice of `n` x `n` pixels with row y
and column x, let X = x - (n - 1)/2 and Y = y - (n - 1)/2. The ray through (X, Y) at angle t meets the detector at

    u = centre + X cos t - Y sin t

with pixel centres at integers. This is TomoPy's orientation with the rotation axis in the middle of the slice.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

EngineName = Literal["auto", "fourier", "tomopy"]
FilterName = Literal["ramlak", "shepp", "cosine", "hann"]


class Engine(Protocol):
    """Filtered back-projection and its forward projection, on stacks of slices."""

    @property
    def name(self) -> str:
        """Name used in configuration and provenance."""

    @property
    def version(self) -> str:
        """Version of the library that does the transforms."""

    def reconstruct(self, sinograms: FloatArray, angles_rad: FloatArray, *, centre: float) -> NDArray[np.float32]:
        """`(slice, angle, u)` line integrals to `(slice, n_u, n_u)` attenuation per pixel."""

    def project(self, slices: FloatArray, angles_rad: FloatArray, *, centre: float) -> NDArray[np.float32]:
        """`(slice, n, n)` attenuation per pixel to `(slice, angle, n)` line integrals."""


def tomopy_available() -> bool:
    """Whether TomoPy can be imported here."""
    return find_spec("tomopy") is not None


def make_engine(name: EngineName = "auto", *, filter_name: FilterName = "ramlak", threads: int | None = None) -> Engine:
    """Engine by name.

    Parameters
    ----------
    name
        `auto` takes TomoPy where it is importable and the built-in Fourier engine elsewhere.
    filter_name
        Apodisation of the ramp filter; `ramlak` is the plain ramp.
    threads
        Threads each transform may use; None uses all cores.

    Raises
    ------
    DataError
        The engine is unknown or its library is not installed.
    """
    if name not in ("auto", "fourier", "tomopy"):
        message = f"Engine {name!r} is not known. Use auto, fourier or tomopy."
        raise DataError(message)
    if name == "fourier" or (name == "auto" and not tomopy_available()):
        from xanesmap.reconstruct.fourier import FourierEngine

        return FourierEngine(filter_name=filter_name, threads=threads)
    if not tomopy_available():
        message = (
            "Engine 'tomopy' was asked for, but TomoPy is not installed here. Install it from conda-forge "
            "(environment.yml does), or use --engine fourier."
        )
        raise DataError(message)
    from xanesmap.reconstruct.gridrec import TomopyEngine

    return TomopyEngine(filter_name=filter_name, threads=threads)
