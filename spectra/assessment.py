"""How good the fit of every voxel is: residuals against noise, and a verdict in one number."""

from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xanesmap.spectra.combination_model import CombinationModel

FloatArray = NDArray[np.floating[Any]]

_SIGNIFICANT: Final = 3.0
"""Standard deviations from which an amount, or the distance of a fraction from 0 to 1, is more than noise."""
_LARGEST_CHI_SQUARE: Final = 2.0
"""Reduced chi-square below which no fit is called poor: the noise itself is known to some ten percent."""
_CHI_SQUARE_SIGMA: Final = 5.0


class Assessment(IntEnum):
    """Verdict on the fit of one voxel; the first that applies, from the bottom up to `NO_SIGNAL`."""

    OUTSIDE_SAMPLE = 0
    """Not part of the sample."""
    OK = 1
    """The references describe the spectrum within its noise."""
    NO_SIGNAL = 2
    """The edge step is below three of its standard deviations, so that a fraction means nothing."""
    POOR_FIT = 3
    """The residuals are larger than the noise explains: another phase, misalignment or an artefact."""
    OUTSIDE_REFERENCES = 4
    """A fraction is below 0 or above 1 by more than three standard deviations."""


def effective_energies(weights: FloatArray) -> float:
    """Effective number of energies of a weighted fit.

    Parameters
    ----------
    weights
        `(energy,)` weight times variance of each energy, in any unit: all alike for the usual 1 / variance, lower for
        energies that a robust fit trusts less.

    Returns
    -------
    Sum of the weights squared over the sum of their squares.

    References
    ----------
    L. Kish, Survey Sampling, Wiley (1965).
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def reduced_chi_square(
    spectra: FloatArray, coefficients: FloatArray, model: CombinationModel, *, variance: FloatArray
) -> FloatArray:
    """Squared residuals over their variance, per degree of freedom.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra.
    coefficients
        `(column, ...)` amounts, then background, of their fit.
    model
        The model fitted. Energies without weight do not count.
    variance
        `(energy,)` or `(energy, ...)` variance of every datum, in the unit of the spectra squared.

    Returns
    -------
    `(...)` unitless: 1 on average where the references describe the spectra and the variance is right. NaN where no
    energy is left over. A normalisation correlates the noise; its residuals are then those of the normalised spectra
    over the diagonal of their covariance.
    """
    used = np.flatnonzero(model.used)
    data, sigma2 = _as_fitted(spectra, variance, model)
    n_free = _degrees_of_freedom(model, used)
    total = np.zeros(spectra.shape[1:], dtype=np.result_type(spectra, np.float32))
    for energy in used:  # one energy at a time keeps the memory that of a map
        residual = data[energy] - np.tensordot(model.design[energy].astype(total.dtype), coefficients, 1)
        total += residual**2 / sigma2[energy]
    return total / total.dtype.type(n_free) if n_free > 0 else np.full_like(total, np.nan)


def assess_fit(
    *,
    fraction: FloatArray,
    fraction_sigma: FloatArray,
    amount: FloatArray,
    amount_sigma: FloatArray,
    chi_square: FloatArray,
    n_free: float,
) -> NDArray[np.uint8]:
    """Verdict on every voxel.

    Parameters
    ----------
    fraction, fraction_sigma
        `(phase, ...)` fractions and standard deviations, unitless.
    amount, amount_sigma
        `(...)` edge step and standard deviation, in one unit.
    chi_square
        `(...)` reduced chi-square; NaN where it is not known.
    n_free
        Degrees of freedom of it.

    Returns
    -------
    `(...)` numbers of `Assessment`, never `OUTSIDE_SAMPLE`. A fit is poor from the larger of 2 and 1 + 5 sqrt(2 / n).
    """
    limit = max(_LARGEST_CHI_SQUARE, 1 + _CHI_SQUARE_SIGMA * np.sqrt(2 / max(n_free, 1.0)))
    beyond = np.maximum(-fraction, fraction - 1) > _SIGNIFICANT * fraction_sigma
    verdict = np.full(amount.shape, Assessment.OK, np.uint8)
    verdict[beyond.any(axis=0)] = Assessment.OUTSIDE_REFERENCES
    verdict[chi_square > limit] = Assessment.POOR_FIT
    signal = (amount > _SIGNIFICANT * amount_sigma) & np.isfinite(fraction).all(axis=0)
    verdict[~signal] = Assessment.NO_SIGNAL
    return verdict


def degrees_of_freedom(model: CombinationModel) -> int:
    """Energies with weight minus coefficients of a model."""
    return _degrees_of_freedom(model, np.flatnonzero(model.used))


def _degrees_of_freedom(model: CombinationModel, used: NDArray[np.intp]) -> int:
    return int(used.size - model.design.shape[1])


def _as_fitted(spectra: FloatArray, variance: FloatArray, model: CombinationModel) -> tuple[FloatArray, FloatArray]:
    """Spectra and their variance after the normalisation of the model."""
    if model.matrix is None:
        return spectra, variance
    matrix = model.matrix.astype(spectra.dtype)
    return np.tensordot(matrix, spectra, 1), np.tensordot(matrix**2, variance, 1)
