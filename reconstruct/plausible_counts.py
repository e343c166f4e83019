"""Counts that no detector delivers, told from those that one does."""

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.scan import CountArray

LARGEST_COUNT = 1e18
"""Far above any detector; the square of a larger count does not fit into single precision (3.4e38)."""


def plausible_or_nan(counts: CountArray) -> CountArray:
    """Counts with NaN in the place of infinite and absurdly large ones, which would overflow in sums and squares.

    Parameters
    ----------
    counts
        Raw counts of any shape.

    Returns
    -------
    The same counts, same shape and data type, in the byte order of the machine where some are replaced; the array
    itself where all are plausible.
    """
    if counts.dtype.kind != "f":
        return counts
    with np.errstate(over="ignore"):  # half precision has no such limit
        limit = counts.dtype.type(LARGEST_COUNT)
    absurd = np.isinf(counts) | (np.abs(counts) > limit)
    return np.where(absurd, counts.dtype.type(np.nan), counts) if absurd.any() else counts


def implausible_frames(counts: CountArray) -> NDArray[np.int_]:
    """Numbers of the frames with a count that no detector delivers.

    Parameters
    ----------
    counts
        `(frame, v, u)` raw counts.

    Returns
    -------
    `(k,)` frames with NaN, infinite or absurdly large counts, increasing; none for integers.
    """
    if counts.dtype.kind != "f":
        return np.zeros(0, dtype=np.int_)
    # By the extremes of each frame, which are NaN where a count is, and take no copy of the frames.
    low, high = (found(axis=(1, 2)).astype(np.float64) for found in (counts.min, counts.max))
    return np.flatnonzero(~((low >= -LARGEST_COUNT) & (high <= LARGEST_COUNT)))
