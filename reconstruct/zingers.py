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

Steps = tuple[tuple[int, int], ...]

NEIGHBOURS: Steps = ((0, -1), (0, 1), *((da, du) for da in (-1, 1) for du in (-1, 0, 1)))
"""Steps (angle, u) from a pixel to its eight neighbours."""

WIDEST = 3
"""Widest zinger, pixels."""
REACH = 3
"""Farthest that frames may jump from one to the next, pixels."""
OTHER_FRAMES: Steps = tuple((da, du) for da in (-1, 1) for du in range(-REACH, REACH + 1))
"""Steps (angle, u) to where the frames before and after may show what a pixel shows."""
SIDES = tuple((left, right) for left in range(1, WIDEST + 1) for right in range(1, WIDEST + 2 - left))
"""Distances to the pixels just left and right of a zinger that the pixel is part of."""

MAX_PASSES = 3
"""What stood beside a zinger that is filled may be found then."""


def find_zingers(
    transmission: FloatArray, *, variance_slope: FloatArray, variance_offset: FloatArray, n_sigma: float
) -> BoolArray:
    """Pixels brighter than their neighbours by many times the noise.

    A zinger hits one frame and few pixels: it must exceed what the frames before and after show within three pixels,
    and be a peak at most three pixels wide in its own frame. Edges and gaps between particles stay, in a scan whose
    frames jump as well: an edge that one frame shows elsewhere is no peak, and a gap is found again beside its place.
    A zinger fainter than the edge it sits on stays too.

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
    around = _pad(transmission, REACH)
    n_angles, n_u = transmission.shape
    # Necessary and cheap: above the lowest within reach on either side, and one of the frames before and after.
    own = around[REACH : REACH + n_angles]
    left = np.minimum.reduce([own[:, REACH - step : REACH - step + n_u] for step in range(1, WIDEST + 1)])
    right = np.minimum.reduce([own[:, REACH + step : REACH + step + n_u] for step in range(1, WIDEST + 1)])
    lower_u = np.maximum(left, right)
    before, after = around[REACH - 1 : REACH - 1 + n_angles], around[REACH + 1 : REACH + 1 + n_angles]
    lower_angle = np.minimum(before, after)[:, REACH : REACH + n_u]
    level = np.maximum(lower_u, lower_angle)
    excess = transmission - level
    possible = (excess > 0) & (excess**2 > n_sigma**2 * _variance(level, variance_slope, variance_offset))
    angles, columns = np.nonzero(possible)
    found = np.zeros(transmission.shape, dtype=np.bool_)
    if angles.size:
        level_here = _highest_normal_level(around, angles, columns)  # (candidate,)
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
        around = _gather(_pad(values, 1), angles, columns, width=1, steps=NEIGHBOURS)  # (8, missing)
        valid = ~_gather(_pad(missing, 1), angles, columns, width=1, steps=NEIGHBOURS)
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
    around = _gather(_pad(values, 1), angles, columns, width=1, steps=NEIGHBOURS)
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


def _highest_normal_level(around: FloatArray, angles: IndexArray, columns: IndexArray) -> FloatArray:
    """`(n,)` what n pixels may show if they are no zinger, from the sinogram with `REACH` reflected pixels around."""
    other = _gather(around, angles, columns, width=REACH, steps=OTHER_FRAMES).max(axis=0)
    sides = [((0, -left), (0, right)) for left, right in SIDES]
    own = [_gather(around, angles, columns, width=REACH, steps=steps).max(axis=0) for steps in sides]
    return np.asarray(np.maximum(other, np.minimum.reduce(own)))


def _variance(level: FloatArray, slope: FloatArray, offset: FloatArray) -> FloatArray:
    return np.asarray(slope * np.maximum(level, 0) + offset)


def _pad(values: NDArray[Any], width: int) -> NDArray[Any]:
    return np.pad(values, width, mode="reflect")


def _gather(around: NDArray[Any], angles: IndexArray, columns: IndexArray, *, width: int, steps: Steps) -> NDArray[Any]:
    """`(step, n)` neighbours of n pixels, from the sinogram with `width` reflected pixels around."""
    return np.stack([around[angles + width + da, columns + width + du] for da, du in steps])
