"""Rotation centre of one tomogram."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

from xanesmap.errors import DataError
from xanesmap.reconstruct.engines import FloatArray

_LOG = logging.getLogger(__name__)

# The object is where the smoothed, strongest projection stands above the air by this many widths of the smoothed noise,
# and by this share of its maximum. The maximum over many angles of noise alone varies by about three widths.
_SUPPORT_SIGMA = 5.0
_SUPPORT_SHARE = 0.08
_SMOOTHING_PX = 2.0
_MARGIN_PX = 3
# Pixels from which the noise is told, known to 0.3 % then.
_NOISE_PIXELS = 500_000
# Error of the symmetry method, measured on discs cut by the field (96 to 288 columns, 121 to 361 angles): 0 to 0.75 px.
_SYMMETRY_SIGMA_PX = 0.5
_TUNING = 3.0  # residuals above this many standard deviations lose weight, as for a frame that jumped

CentreMethod = Literal["mass", "symmetry", "given"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreEstimate:
    """Rotation centre with its uncertainty.

    Parameters
    ----------
    centre
        Detector column of the rotation axis, pixels.
    sigma
        One standard deviation, pixels: from the scatter of the projections about the fit for `mass`, a fixed half
        pixel for `symmetry`, NaN for `given`. The noise of the flats is the same in all projections and not in the
        scatter: errors up to 2.4 times as large were seen.
    method
        `mass` (centre of mass), `symmetry` (Fourier double wedge) or `given` by the user.
    """

    centre: float
    sigma: float
    method: CentreMethod


def given_centre(centre: float) -> CentreEstimate:
    """Rotation centre as the user gave it, detector column in pixels."""
    return CentreEstimate(centre=float(centre), sigma=float("nan"), method="given")


def find_centre(projections: FloatArray, angles_rad: FloatArray) -> CentreEstimate:
    """Rotation centre from the projections themselves.

    Parameters
    ----------
    projections
        `(angle, v, u)` line integrals, unitless.
    angles_rad
        `(angle,)` radians.

    Returns
    -------
    The estimate by centre of mass where the object lies inside the field at every angle, by the symmetry of the
    sinogram otherwise.

    Raises
    ------
    DataError
        Nothing stands out of the noise.
    """
    window = object_window(projections)
    if window is None:
        message = (
            "No object stands out of the noise of the projections, so the rotation centre cannot be found. "
            "Check that flats and projections belong together, or give --centre."
        )
        raise DataError(message)
    rows, columns = window
    n_u = projections.shape[-1]
    if columns.start <= 1 or columns.stop >= n_u - 1:
        _LOG.info("The object reaches the edge of the field: rotation centre from sinogram symmetry.")
        return centre_by_symmetry(projections[:, rows], angles_rad)
    return centre_by_mass(projections[:, rows], angles_rad, columns=columns)


def object_window(projections: FloatArray) -> tuple[slice, slice] | None:
    """Detector rows and columns that the object ever covers.

    Parameters
    ----------
    projections
        `(angle, v, u)` line integrals.

    Returns
    -------
    Slices of v and u with a margin of a few pixels, or None where nothing stands out of the noise.
    """
    strongest = np.max([gaussian_filter(frame, _SMOOTHING_PX) for frame in projections], axis=0)
    # The maximum over angles has a floor of its own in air; the darkest quarter is taken for air.
    floor = float(np.median(strongest[strongest <= np.percentile(strongest, 25)]))
    noise = _pixel_noise(projections) / (2 * np.sqrt(np.pi) * _SMOOTHING_PX)
    faintest = max(_SUPPORT_SIGMA * noise, _SUPPORT_SHARE * float(strongest.max() - floor))
    covered = strongest > floor + faintest
    if not covered.any():
        return None
    covered = binary_dilation(covered, iterations=_MARGIN_PX)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _pixel_noise(projections: FloatArray) -> float:
    """Standard deviation of one pixel, from differences of neighbouring columns."""
    some = projections[:: 1 + projections.size // _NOISE_PIXELS]
    return float(1.4826 / np.sqrt(2) * np.median(np.abs(np.diff(some, axis=-1))))


def centre_by_mass(projections: FloatArray, angles_rad: FloatArray, *, columns: slice) -> CentreEstimate:
    """Rotation centre from the centre of mass of every projection.

    Parameters
    ----------
    projections
        `(angle, v, u)` line integrals of rows that hold the object.
    angles_rad
        `(angle,)` radians.
    columns
        Detector columns that hold the object at every angle; the columns outside give the air level.

    Notes
    -----
    The centre of mass moves as `centre + x cos t - y sin t`, exactly, for any object inside the field (first
    Helgason-Ludwig condition; Natterer, The Mathematics of Computerized Tomography (2001), theorem II.4.2,
    doi:10.1137/1.9780898719284). Three parameters are fitted with a Huber-type loss, so frames that jumped do not
    pull.
    """
    positions = np.arange(columns.start, columns.stop)
    air = np.ones(projections.shape[-1], bool)
    air[columns] = False
    profile = projections.sum(axis=1, dtype=np.float64)  # (angle, u)
    if air.sum() >= 4:
        profile = profile - profile[:, air].mean(axis=1, keepdims=True)
    profile = profile[:, columns]
    mass = profile.sum(axis=1)
    position = profile @ positions / mass
    design = np.stack([np.ones_like(angles_rad), np.cos(angles_rad), -np.sin(angles_rad)], axis=1)
    solution, sigma = _robust_fit(design, position)
    return CentreEstimate(centre=float(solution[0]), sigma=sigma, method="mass")


def _robust_fit(design: NDArray[Any], values: NDArray[Any], *, rounds: int = 10) -> tuple[NDArray[np.float64], float]:
    """Iteratively reweighted least squares; solution and standard deviation of its first parameter."""
    weights = np.ones(len(values))
    solution = np.zeros(design.shape[1])
    for _ in range(rounds):
        root = np.sqrt(weights)
        solution = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        residual = np.abs(values - design @ solution)
        scale = 1.4826 * np.median(residual) + 1e-12
        weights = np.minimum(1, _TUNING * scale / np.maximum(residual, 1e-12))
    inverse = np.linalg.pinv((design * weights[:, None]).T @ design)
    return solution, float(scale * np.sqrt(inverse[0, 0]))


def centre_by_symmetry(projections: FloatArray, angles_rad: FloatArray) -> CentreEstimate:
    """Rotation centre from the double wedge that the Fourier transform of a full-turn sinogram must leave empty.

    Parameters
    ----------
    projections
        `(angle, v, u)` line integrals.
    angles_rad
        `(angle,)` radians; at least 150 degrees are needed.

    Raises
    ------
    DataError
        The angles span too little.

    References
    ----------
    Vo et al., Opt. Express 22, 19078 (2014), doi:10.1364/OE.22.019078, as coded in algotom.
    """
    from algotom.prep.calculation import find_center_vo

    span = float(np.ptp(angles_rad))
    if span < np.deg2rad(150):
        message = (
            f"The object reaches the edge of the field and the angles span {np.rad2deg(span):.0f} degrees only, so "
            "the rotation centre cannot be found. Give --centre."
        )
        raise DataError(message)
    order = np.argsort(angles_rad)
    half_turn = order[angles_rad[order] - angles_rad[order[0]] <= np.pi + 1e-6]
    sinogram = projections[half_turn].mean(axis=1, dtype=np.float64)
    middle, reach = (sinogram.shape[1] - 1) / 2, sinogram.shape[1] / 8
    centre = find_center_vo(sinogram.astype(np.float32), start=middle - reach, stop=middle + reach, ratio=1.0, ncore=1)
    return CentreEstimate(centre=float(centre), sigma=_SYMMETRY_SIGMA_PX, method="symmetry")
