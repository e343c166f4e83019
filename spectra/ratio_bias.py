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
    with_total = covariance.sum(axis=1)  # (phase, ...)
    variance = with_total.sum(axis=0)
    safe, significant = _safe_total(amounts, variance)
    bias: FloatArray = np.where(significant, (amounts / safe * variance - with_total) / safe**2, 0)
    return bias


def ratio_scatter(amounts: FloatArray, covariance: FloatArray) -> FloatArray:
    r"""Standard deviation of the fractions less their bias, over that of linear error propagation.

    .. math:: (1 - \rho)^{3/2}, \quad \rho = \mathrm{var}(S) / S^2

    Parameters
    ----------
    amounts, covariance
        As of `ratio_bias`.

    Returns
    -------
    `(...)` factor, unitless, the same for all phases: 0.97 where the total is known to 13 %. One where the total is
    below three of its standard deviations.

    Notes
    -----
    To second order in the noise. Subtracting the bias, which grows with the fraction by :math:`\rho` of it, takes that
    share of the scatter away: one factor. The variance of linear propagation, a quadratic function of the fraction
    with the curvature :math:`2 \, \mathrm{var}(S)`, is taken at the fraction as measured and comes out too large by the
    share :math:`\rho` on average: the square root of another.
    """
    variance = covariance.sum(axis=(0, 1))
    safe, significant = _safe_total(amounts, variance)
    factor: FloatArray = np.where(significant, 1 - variance / safe**2, 1) ** 1.5
    return factor


def _safe_total(amounts: FloatArray, variance: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Total where it is significant, 1 elsewhere; and where that is."""
    total = amounts.sum(axis=0)
    significant = total > _SMALLEST_SIGNIFICANCE * np.sqrt(np.maximum(variance, 0))
    return np.where(significant, total, 1), significant
