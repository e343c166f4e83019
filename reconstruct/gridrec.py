"""TomoPy's gridrec behind the engine protocol, made quantitative.

TomoPy is the field's standard and on conda-forge only, so it is imported when an engine is made, never before. Three
things are put right around its call (measured with TomoPy 1.15.2, ENGINES.md 1): rows are padded to twice their
width, since gridrec pads to the next power of two only and wraps around where the width already is one; its gain of
1.12 to 1.24, rising outwards, is divided out; and the zero frequency it drops is restored from the mass of the
projections. Raw TomoPy slices are therefore 12 to 30 % higher than the ones from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import tomopy
from numpy.typing import NDArray
from scipy.optimize import least_squares

from xanesmap.reconstruct.engines import FilterName, FloatArray
from xanesmap.reconstruct.filters import angular_weights, check_sinograms, inscribed_circle, padded_length
from xanesmap.reconstruct.fourier import FourierEngine

# Width (pixels) and number of the Gaussian spots that measure the gain along one axis.
_SPOT_SIGMA = 3.0
_SPOTS = 15
_GAIN_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TomopyEngine:
    """Gridrec of TomoPy with padding, gain map and zero frequency corrected.

    Parameters
    ----------
    filter_name
        Apodisation of the ramp filter, TomoPy's own names.
    threads
        TomoPy's `ncore`; None uses all cores.

    References
    ----------
    Gursoy et al., J. Synchrotron Rad. 21, 1188 (2014), doi:10.1107/S1600577514013939; Dowd et al., Proc. SPIE 3772,
    224 (1999), doi:10.1117/12.363725.
    """

    filter_name: FilterName = "ramlak"
    threads: int | None = None

    @property
    def name(self) -> str:
        """Name used in configuration and provenance."""
        return "tomopy"

    @property
    def version(self) -> str:
        """Version of TomoPy."""
        return f"tomopy {tomopy.__version__}"

    def reconstruct(self, sinograms: FloatArray, angles_rad: FloatArray, *, centre: float) -> NDArray[np.float32]:
        """Filtered back-projection; shapes, units and errors as `FourierEngine.reconstruct`."""
        check_sinograms(sinograms, angles_rad)
        weights = angular_weights(angles_rad)
        n_u = sinograms.shape[-1]
        weighted = np.asarray(sinograms, np.float32) * (weights * len(weights) / np.pi)[:, None].astype(np.float32)
        slices = _gridrec(weighted, angles_rad, centre=centre, filter_name=self.filter_name, threads=self.threads)
        slices /= _gain_map(n_u)
        mass = np.tensordot(np.asarray(sinograms, np.float64).sum(axis=-1), weights, axes=(1, 0)) / weights.sum()
        return _restore_mass(slices, mass)

    def project(self, slices: FloatArray, angles_rad: FloatArray, *, centre: float) -> NDArray[np.float32]:
        """Line integrals by the Fourier engine: the program has one projector, whichever engine reconstructs."""
        return FourierEngine(threads=self.threads).project(slices, angles_rad, centre=centre)


def _gridrec(
    sinograms: NDArray[np.float32],
    angles_rad: FloatArray,
    *,
    centre: float,
    filter_name: str,
    threads: int | None,
) -> NDArray[np.float32]:
    """Gridrec on padded rows, its axis moved to the middle of the slice; `(slice, n_u, n_u)`, gain not corrected."""
    n_u = sinograms.shape[-1]
    padded, origin = _pad_and_move_axis(sinograms, angles_rad)
    slices = tomopy.recon(
        padded,
        np.asarray(angles_rad, np.float32),
        center=centre + origin,
        sinogram_order=True,
        algorithm="gridrec",
        filter_name=filter_name,
        num_gridx=n_u,
        num_gridy=n_u,
        ncore=threads,
    )
    return np.asarray(slices, np.float32)


def _pad_and_move_axis(sinograms: NDArray[np.float32], angles_rad: FloatArray) -> tuple[NDArray[np.float32], int]:
    """Zero-padded rows, and the padded column of detector column 0.

    Gridrec puts the rotation axis of an `n_u` wide slice at column `ceil(n_u / 2)` and row `n_u - 1 - ceil(n_u / 2)`.
    Moving each projection by the offset seen along its angle brings it to `(n_u - 1) / 2` without resampling.
    """
    n_u = sinograms.shape[-1]
    length = padded_length(n_u)
    origin = (length - n_u) // 2
    offset = (n_u + 1) // 2 - (n_u - 1) / 2
    angles = np.asarray(angles_rad, np.float64)
    shift = offset * (np.cos(angles) + np.sin(angles)) - origin
    frequency = scipy.fft.rfftfreq(length)
    phase = np.exp(2j * np.pi * shift[:, None] * frequency).astype(np.complex64)
    moved = scipy.fft.irfft(scipy.fft.rfft(sinograms, length, axis=-1) * phase, length, axis=-1)
    return np.ascontiguousarray(moved, np.float32), origin


def _restore_mass(slices: NDArray[np.float32], mass: NDArray[np.float64]) -> NDArray[np.float32]:
    """Add to each slice the constant that makes its sum over the inscribed circle equal to `mass`."""
    circle = inscribed_circle(slices.shape[-1])
    missing = (mass - np.sum(slices, axis=(1, 2), where=circle, dtype=np.float64)) / circle.sum()
    return np.asarray((slices + missing[:, None, None].astype(np.float32)) * circle, np.float32)


def _gain_map(n_u: int) -> NDArray[np.float32]:
    """`(n_u, n_u)` gain of padded gridrec: the product of one profile along x and its mirror image along y."""
    columns = np.arange(n_u) - (n_u - 1) / 2
    parameters = _gain_parameters()
    along_x, at_axis = (_gain_profile(x, parameters, length=_transform_length(n_u)) for x in (columns, np.zeros(1)))
    # the spots that were measured lie on the x axis, so each ratio holds the gain at y = 0 once too much
    return np.asarray(np.outer(along_x[::-1], along_x) / at_axis, np.float32)


def _gain_profile(x: FloatArray, parameters: NDArray[np.float64], *, length: int) -> NDArray[np.float64]:
    """Even polynomial of fourth order in distance over transform length, about a point some pixels off the axis."""
    middle, *coefficients = parameters
    return np.asarray(np.polynomial.polynomial.polyval(((x - middle) / length) ** 2, coefficients), np.float64)


def _transform_length(n_u: int) -> int:
    """Length of gridrec's transforms: the next power of two of the padded row."""
    return 1 << (padded_length(n_u) - 1).bit_length()


@lru_cache(maxsize=1)
def _gain_parameters() -> NDArray[np.float64]:
    """`(middle, c0, c2, c4)` of the gain profile along x, measured once.

    Gaussian spots of known mass are reconstructed at several distances along x. The gain scales with the length of
    the transform, so one size serves all.
    """
    distance = np.linspace(-0.42 * _GAIN_SIZE, 0.42 * _GAIN_SIZE, _SPOTS)
    angles = np.linspace(0, np.pi, 2 * _GAIN_SIZE, endpoint=False)
    centre = (_GAIN_SIZE - 1) / 2
    columns = np.arange(_GAIN_SIZE) - centre
    spread = columns - distance[:, None, None] * np.cos(angles)[:, None]
    sinograms = np.exp(-0.5 * (spread / _SPOT_SIGMA) ** 2) / (np.sqrt(2 * np.pi) * _SPOT_SIGMA)
    slices = _gridrec(sinograms.astype(np.float32), angles, centre=centre, filter_name="ramlak", threads=None)
    measured = np.array([_spot_mass(image, columns, x) for image, x in zip(slices, distance, strict=True)])
    length = _transform_length(_GAIN_SIZE)

    def misfit(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_gain_profile(distance, parameters, length=length) - measured, np.float64)

    fitted = least_squares(misfit, [0, 1, 1, 1])
    parameters: NDArray[np.float64] = fitted.x
    return parameters


def _spot_mass(image: NDArray[np.float32], columns: NDArray[Any], x: float) -> float:
    """Mass of a unit spot at `(x, 0)`, above the constant offset of the slice around it."""
    radius = np.hypot(columns[None, :] - x, columns[:, None])
    spot = radius <= 5 * _SPOT_SIGMA
    around = (radius > 6 * _SPOT_SIGMA) & (radius <= 8 * _SPOT_SIGMA)
    return float(np.sum(image[spot] - np.median(image[around])))
