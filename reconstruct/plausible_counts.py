"""Counts that no detector delivers, told from those that one does."""

import numpy as np

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
