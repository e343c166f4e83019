"""First displacements of all frames, from the centre of mass of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

_BORDER_SHARE = 0.07  # of the detector, on each side, taken for air
_AIR_PERCENTILE = 5
_AIR_SMOOTHING_PX = 2.0
_SIDE_PX = 3
# Of the attenuation of the object, at a side; and a line integral that no fixed pattern has over many pixels.
_TOUCHING = 0.15
_LEAST_TOUCHING = 0.02
_SMOOTHING_PX = 1.0
_SIGMA = 5.0  # smoothed noise above which a pixel counts as object


def air_level(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Attenuation of the air around the object in every frame: the lamp against its flats.

    Parameters
    ----------
    frames
        `(angle, v, u)` line integrals.

    Returns
    -------
    `(angle,)` median over the border of the frame; where the object reaches over its sides, the lowest part of the
    frame, which is air as long as there is any.
    """
    if touches_sides(frames):
        smooth = gaussian_filter(frames, (0, _AIR_SMOOTHING_PX, _AIR_SMOOTHING_PX))
        return np.asarray(np.percentile(smooth, _AIR_PERCENTILE, axis=(1, 2)), np.float32)
    n_v, n_u = frames.shape[1:]
    rows, columns = max(2, round(_BORDER_SHARE * n_v)), max(2, round(_BORDER_SHARE * n_u))
    border = np.ones((n_v, n_u), bool)
    border[rows:-rows, columns:-columns] = False
    return np.asarray(np.median(frames[:, border], axis=1), np.float32)


def touches_sides(frames: NDArray[np.float32]) -> bool:
    """Whether the object reaches over the left or right side of the detector.

    Parameters
    ----------
    frames
        `(angle, v, u)` line integrals.
    """
    mean = gaussian_filter(frames.mean(axis=0, dtype=np.float64), _AIR_SMOOTHING_PX)
    air, most = np.percentile(mean, [_AIR_PERCENTILE, 99])
    sides = np.stack([mean[:, :_SIDE_PX].mean(axis=1), mean[:, -_SIDE_PX:].mean(axis=1)])
    # of the rows of a side the fullest fifth: a particle need not cover all of them
    return bool(np.percentile(sides, 80, axis=1).max() > air + max(_TOUCHING * (most - air), _LEAST_TOUCHING))


def coarse_displacement(
    centres: Sequence[FloatArray], angles_rad: Sequence[FloatArray], *, n_columns: int
) -> list[NDArray[np.float64]]:
    """Displacement of every frame from its centre of mass.

    In v the centre of mass stays where it is, in u it moves as `x cos t - y sin t`, the same at all energies (first
    Helgason-Ludwig condition; Natterer, The Mathematics of Computerized Tomography (2001), theorem II.4.2,
    doi:10.1137/1.9780898719284). What is left is displacement, and some change of the centre of mass with the contrast
    of the phases, which the matching takes out.

    Parameters
    ----------
    centres
        For each energy `(angle, 2)` centre of mass (v, u) of every frame, pixels; NaN where there is no object.
    angles_rad
        For each energy `(angle,)` radians.
    n_columns
        Detector columns.

    Returns
    -------
    For each energy `(angle, 2)` displacement (v, u), pixels.

    Raises
    ------
    DataError
        No object in most of the frames.
    """
    found = np.concatenate([np.isfinite(c[:, 0]) for c in centres])
    if found.mean() < 0.5:
        message = (
            f"Nothing stands out of the noise in {int((~found).sum())} of {len(found)} frames, so they cannot be "
            "aligned. Check that flats and projections belong together, or leave those files out."
        )
        raise DataError(message)
    axis, orbit = _orbit(centres, angles_rad)
    middle = np.nanmedian(np.concatenate([c[:, 0] for c in centres]))
    displacements = []
    for centre, column, angles in zip(centres, axis, angles_rad, strict=True):
        along_v = centre[:, 0] - middle
        along_u = centre[:, 1] - _circle(angles) @ orbit - (n_columns - 1) / 2
        along_v[np.isnan(along_v)] = np.nanmedian(along_v) if np.isfinite(along_v).any() else 0.0
        along_u[np.isnan(along_u)] = column - (n_columns - 1) / 2
        displacements.append(np.stack([along_v, along_u], axis=1))
    return displacements


def centres_of_mass(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centre of mass of every frame.

    Parameters
    ----------
    frames
        `(angle, v, u)` line integrals, 0 in air.

    Returns
    -------
    `(angle, 2)` rows and columns, pixels; NaN for frames without an object.
    """
    smooth = gaussian_filter(frames, (0, _SMOOTHING_PX, _SMOOTHING_PX))
    pixel_noise = 1.4826 / np.sqrt(2) * np.median(np.abs(np.diff(frames, axis=-1)))
    smooth -= _SIGMA * pixel_noise / (2 * np.sqrt(np.pi) * _SMOOTHING_PX)
    np.maximum(smooth, 0, out=smooth)
    rows, columns = smooth.sum(axis=2, dtype=np.float64), smooth.sum(axis=1, dtype=np.float64)
    mass = rows.sum(axis=1)
    mass[mass <= 0.01 * np.median(mass)] = np.nan
    v = rows @ np.arange(rows.shape[1]) / mass
    u = columns @ np.arange(columns.shape[1]) / mass
    return np.stack([v, u], axis=1)


def _circle(angles_rad: FloatArray) -> NDArray[np.float64]:
    return np.stack([np.cos(angles_rad), -np.sin(angles_rad)], axis=1)


def _orbit(
    centres: Sequence[FloatArray], angles_rad: Sequence[FloatArray]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column of the axis at every energy, and the common position (x, y) of the centre of mass."""
    n_energies = len(centres)
    designs, values = [], []
    for index, (centre, angles) in enumerate(zip(centres, angles_rad, strict=True)):
        seen = np.isfinite(centre[:, 1])
        axis = np.zeros((int(seen.sum()), n_energies))
        axis[:, index] = 1
        designs.append(np.concatenate([axis, _circle(np.asarray(angles))[seen]], axis=1))
        values.append(centre[seen, 1])
    solution = np.linalg.lstsq(np.concatenate(designs), np.concatenate(values), rcond=None)[0]
    return solution[:n_energies], solution[n_energies:]
