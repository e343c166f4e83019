"""Zingers (stray X-rays that light up single pixels) and bad pixels: found and filled within a sinogram.

Everything here works on one sinogram `(angle, u)` at a time, so the outcome does not depend on how the
detector is cut into slabs, and temporary memory stays small.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.scan import CountArray, FloatArray

BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

SAME_FRAME = ((0, -1), (0, 1))
OTHER_FRAMES = tuple((da, du) for da in (-1, 1) for du in (-1, 0, 1))
NEIGHBOURS = (*SAME_FRAME, *OTHER_FRAMES)
"""Steps (angle, u) from a pixel to its eight neighbours, those of its own frame first."""

MAX_PASSES = 3
"""A zinger three pixels wide is found from its ends inwards."""


def find_zingers(
    transmission: FloatArray, *, variance_slope: FloatArray, variance_offset: FloatArray, n_sigma: float
) -> BoolArray:
    """Pixels brighter than their neighbours by many times the noise.

    A zinger hits one frame: it must exceed the three neighbours in the frame before, the three in the frame
    after, and at least one of the two in its own, so that two zingers side by side are found. A value within
    the range of its neighbours is never called a zinger, so edges and gaps between particles stay; a zinger
    fainter than the edge it sits on stays as well.

    Parameters
    ----------
    transmission
        `(angle, u)` transmission, finite.
    variance_slope, variance_offset
        `(u,)` the noise variance of a transmission t is `variance_slope * t + variance_offset`.
    n_sigma
        Excess over those neighbours, in standard deviations expected at their level.

    Returns
    -------
    `(angle, u)` True where a zinger is.
    """
    around = np.pad(transmission, 1, mode="reflect")
    # Necessary and cheap: above the lower one of the two neighbours in each direction.
    lower_u = np.minimum(around[1:-1, :-2], around[1:-1, 2:])
    lower_angle = np.minimum(around[:-2, 1:-1], around[2:, 1:-1])
    level = np.maximum(lower_u, lower_angle)
    excess = transmission - level
    possible = (excess > 0) & (excess**2 > n_sigma**2 * _variance(level, variance_slope, variance_offset))
    angles, columns = np.nonzero(possible)
    found = np.zeros(transmission.shape, dtype=np.bool_)
    if angles.size:
        level_here = _highest_normal_level(_gather(around, angles, columns))  # (candidate,)
        variance = _variance(level_here, variance_slope[columns], variance_offset[columns])
        found[angles, columns] = transmission[angles, columns] - level_here > n_sigma * np.sqrt(variance)
    return found


def remove_zingers(
    transmission: FloatArray, *, variance_slope: FloatArray, variance_offset: FloatArray, n_sigma: float
) -> BoolArray:
    """Replace zingers of a sinogram, in place, by the median of their valid neighbours.

    Parameters
    ----------
    transmission
        `(angle, u)` transmission, finite; changed in place.
    variance_slope, variance_offset, n_sigma
        As for :func:`find_zingers`.

    Returns
    -------
    `(angle, u)` True where a value was replaced.
    """
    replaced = np.zeros(transmission.shape, dtype=np.bool_)
    for _ in range(MAX_PASSES):
        found = find_zingers(
            transmission, variance_slope=variance_slope, variance_offset=variance_offset, n_sigma=n_sigma
        )
        if not np.any(found):
            break
        fill_from_neighbours(transmission, found)
        replaced |= found
    return replaced


def fill_from_neighbours(values: FloatArray, bad: BoolArray) -> None:
    """Fill bad values of a sinogram, in place, with the median of their valid neighbours.

    Wide gaps are filled from their rim inwards.

    Parameters
    ----------
    values
        `(angle, u)` values; those marked bad are not looked at, and are changed in place.
    bad
        `(angle, u)` True where a value is to be filled; at least one is False.
    """
    missing = bad.copy()
    while np.any(missing):
        angles, columns = np.nonzero(missing)
        around = _gather(_pad(values), angles, columns)  # (8, missing)
        valid = ~_gather(_pad(missing), angles, columns)
        reached = np.any(valid, axis=0)
        if not np.any(reached):
            break
        known = np.where(valid, around, np.nan)[:, reached]
        angles, columns = angles[reached], columns[reached]
        values[angles, columns] = np.nanmedian(known, axis=0)
        missing[angles, columns] = False


def spread_of_neighbours(values: FloatArray, where: BoolArray) -> FloatArray:
    """Mean squared difference between values of a sinogram and their eight neighbours.

    Parameters
    ----------
    values
        `(angle, u)` values.
    where
        `(angle, u)` True where the spread is wanted.

    Returns
    -------
    `(n_true,)` spread, in the order of `values[where]`.
    """
    angles, columns = np.nonzero(where)
    around = _gather(_pad(values), angles, columns)
    return np.asarray(np.mean((around - values[where]) ** 2, axis=0))


def mean_without_zingers(
    frames: CountArray, *, gain: float, read_variance: float, n_sigma: float | None
) -> tuple[NDArray[np.float32], int]:
    """Mean of repeated frames, each zinger replaced by the median over the frames.

    Parameters
    ----------
    frames
        `(frame, v, u)` counts of the same thing; with fewer than three nothing can be told from a zinger.
    gain
        Counts per photon; 0 for frames without light.
    read_variance
        Variance without light, counts squared.
    n_sigma
        Excess over the median, in standard deviations; None to keep all.

    Returns
    -------
    `(v, u)` mean counts, and the number of zingers.
    """
    values = frames.astype(np.float32)
    if n_sigma is None or values.shape[0] < 3:
        return values.mean(axis=0), 0
    median = np.median(values, axis=0)  # (v, u)
    # Beam flicker is common to a row; half a count of rounding keeps noiseless darks from being all zingers.
    common = np.median(values - median, axis=2, keepdims=True)  # (frame, v, 1)
    variance = gain * np.maximum(median, 0) + read_variance + 0.25
    found = values - common - median > n_sigma * np.sqrt(variance)
    np.copyto(values, median + common, where=found)
    return values.mean(axis=0), int(np.count_nonzero(found))


def _highest_normal_level(neighbours: FloatArray) -> FloatArray:
    same, other = neighbours[: len(SAME_FRAME)], neighbours[len(SAME_FRAME) :]
    return np.asarray(np.maximum(other.max(axis=0), same.min(axis=0)))


def _variance(level: FloatArray, slope: FloatArray, offset: FloatArray) -> FloatArray:
    return np.asarray(slope * np.maximum(level, 0) + offset)


def _pad(values: NDArray[Any]) -> NDArray[Any]:
    return np.pad(values, 1, mode="reflect")


def _gather(around: NDArray[Any], angles: IndexArray, columns: IndexArray) -> NDArray[Any]:
    """`(8, n)` neighbours of n pixels, from the sinogram with one reflected pixel on each side."""
    return np.stack([around[angles + 1 + da, columns + 1 + du] for da, du in NEIGHBOURS])
