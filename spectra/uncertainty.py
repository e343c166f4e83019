"""From amounts and their covariance to phase fractions and their standard deviation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


def fraction_and_sigma(amounts: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Fraction of each phase and its standard deviation, by the delta method.

    .. math:: f_k = a_k / S, \quad S = \sum_j a_j, \quad
              \sigma_k^2 = (C_{kk} - 2 f_k \sum_j C_{kj} + f_k^2 \sum_{ij} C_{ij}) / S^2

    Parameters
    ----------
    amounts
        `(phase, ...)` amounts in any one unit.
    covariance
        `(phase, phase)`, the same everywhere, or `(phase, phase, ...)` covariance of the amounts, in that unit
        squared.

    Returns
    -------
    `(phase, ...)` fractions and `(phase, ...)` standard deviations, unitless. Fractions sum to 1 and are not
    clipped to [0, 1]. Where the amounts do not sum to more than zero there is no fraction: both are NaN. The
    delta method is of first order: use it where S is several times its own standard deviation.
    """
    covariance = covariance.reshape(
        *covariance.shape[:2], *(1,) * (amounts.ndim + 1 - covariance.ndim), *covariance.shape[2:]
    )
    rows = covariance.sum(axis=1)  # (phase, ...)
    own = np.stack([covariance[k, k] for k in range(len(amounts))])  # (phase, ...)
    inverse = _reciprocal_of_positive(amounts.sum(axis=0))
    fraction = amounts * inverse
    variance = (rows.sum(axis=0) * fraction - 2 * rows) * fraction + own
    # Rounding can leave a variance of zero slightly negative.
    return fraction, np.sqrt(np.maximum(variance, 0)) * inverse


def estimator_covariance(estimator: FloatArray, variance: FloatArray) -> FloatArray:
    """Covariance of linear estimates from the variance of the data.

    Parameters
    ----------
    estimator
        `(phase, energy)` matrix from a spectrum to the estimates.
    variance
        `(energy, ...)` variance of every datum.

    Returns
    -------
    `(phase, phase, ...)` covariance.
    """
    n_phases, n_energies = estimator.shape
    products = (estimator[:, np.newaxis] * estimator).reshape(n_phases**2, n_energies)
    covariance = products.astype(variance.dtype) @ variance.reshape(n_energies, -1)
    return covariance.reshape(n_phases, n_phases, *variance.shape[1:])


def _reciprocal_of_positive(values: FloatArray) -> FloatArray:
    """Return the reciprocal where a value is positive and NaN elsewhere, without a floating-point warning."""
    # Below this squares underflow, so a residual sum cannot be told from zero.
    floor = values.dtype.type(np.sqrt(np.finfo(values.dtype).tiny))
    return np.asarray(1 / np.where(values > floor, values, values.dtype.type(np.nan)))
