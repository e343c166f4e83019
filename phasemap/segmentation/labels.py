"""Phase labels from fractions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def label_phases(
    fraction: NDArray[np.floating[Any]], mask: NDArray[np.bool_], *, pure_threshold: float
) -> NDArray[np.uint8]:
    """Phase of every voxel by thresholds.

    Parameters
    ----------
    fraction
        `(phase, z, y, x)` phase fractions.
    mask
        `(z, y, x)` True inside the sample.
    pure_threshold
        A voxel belongs to the phase that holds at least this share, above one half.

    Returns
    -------
    `(z, y, x)` labels: 0 outside, 1... the phases in order, number of phases + 1 where none reaches the threshold
    (mixed).

    References
    ----------
    The default of 0.7 follows Yu et al., Nat. Commun. 9, 921 (2018), doi:10.1038/s41467-018-03401-x.
    """
    mixed = len(fraction) + 1
    labels = np.full(mask.shape, mixed, np.uint8)
    for index, values in enumerate(fraction):
        labels[values >= pure_threshold] = index + 1
    labels[~mask] = 0
    return labels
