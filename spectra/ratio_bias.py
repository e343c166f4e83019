"""Bias of a fraction that comes from dividing one noisy amount by another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

# Below this many standard deviations of the total the expansion in noise over total means nothing.
_SMALLEST_SIGNIFICANCE = 3.0


def ratio_bias(amounts: FloatArray, covariance: FloatArray) -> FloatArray:
    r"""How much too large each fraction is on average, to second order in the noise.

    .. math:: E[\hat f_k] - f_k = \frac{f_k \, \mathrm{var}(S) - \mathrm{cov}(a_k, S)}{S^2}, \quad S = \sum_j a_j

    Parameters
    ----------
    amounts
        `(phase, ...)` amounts of the free fit.
    covariance
        `(phase, phase, ...)` their covariance, in that unit squared.

    Returns
    -------
    `(phase, ...)` bias of the fractions, unitless; it sums to 0 over the phases. Zero where the total is below three
    of its standard deviations.

    Notes
    -----
    A single voxel hardly notices: the bias is about sigma^2, 0.003 where sigma is 0.09. The mean over a pure particle
    does, because it is the same in every voxel: at a tenth of the photons it is 0.03.

    References
    ----------
    Hartley and Ross, Nature 174, 270 (1954), doi:10.1038/174270a0.
    """
    total = amounts.sum(axis=0)
    with_total = covariance.sum(axis=1)  # (phase, ...)
    variance = with_total.sum(axis=0)
    significant = total > _SMALLEST_SIGNIFICANCE * np.sqrt(np.maximum(variance, 0))
    safe = np.where(significant, total, 1)
    bias: FloatArray = np.where(significant, (amounts / safe * variance - with_total) / safe**2, 0)
    return bias
