"""Noise of weighted means over voxels, where a few voxels of the rim hold next to nothing and have huge errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_MOST = 3.0


def weighted_noise(weight: FloatArray, sigma: FloatArray) -> FloatArray:
    """Weight times error of every voxel.

    Parameters
    ----------
    weight
        `(...)` edge step, not negative.
    sigma
        `(...)` standard deviation of the fraction; not finite counts as nothing.

    Returns
    -------
    `(...)` their product, which is the same in every voxel where the noise of the attenuation is, cut at three times
    its median: where the edge step of a voxel is itself mostly noise, linear error propagation breaks down.
    """
    noise: FloatArray = weight * np.where(np.isfinite(sigma), sigma, 0)
    known = noise[noise > 0]
    return np.minimum(noise, _MOST * float(np.median(known))) if known.size else noise


def relative_noise(amount: FloatArray, sigma: FloatArray) -> float:
    """Standard deviation of the edge step of a voxel over the edge step, `(voxel,)` each; 0 where it is not known."""
    known = np.isfinite(amount) & np.isfinite(sigma)
    typical = float(np.median(amount[known])) if known.any() else 0.0
    return float(np.median(sigma[known])) / typical if typical > 0 else 0.0
