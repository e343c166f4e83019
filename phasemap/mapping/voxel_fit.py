"""Fit of a slab of attenuation, with the error bars that the noise of its voxels makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.propagation import VoxelVariance, spread_to_pixels
from xanesmap.spectra.assessment import assess_fit, degrees_of_freedom, reduced_chi_square
from xanesmap.spectra.combination import (
    CombinationModel,
    Constraint,
    amount_covariance,
    fit_combination,
    fraction_and_sigma,
)
from xanesmap.spectra.ratio_bias import ratio_bias, ratio_scatter

FloatArray = NDArray[np.floating[Any]]


def fit_slab(
    mu: NDArray[np.float32],
    model: CombinationModel,
    covariances: Iterable[NDArray[np.float32]],
    *,
    constraint: Constraint,
    noise: Literal["counted", "from residuals"] = "counted",
) -> dict[str, NDArray[Any]]:
    """Fit every voxel of a slab.

    Parameters
    ----------
    mu
        `(energy, row, y, x)` attenuation, 1/um; voxels that are NaN at an energy stay NaN.
    model
        References, background and weights.
    covariances
        For each row in turn `(phase, phase, y, x)` covariance of the free amounts, (1/um)^2.
    constraint
        Constraint of the fit.
    noise
        Where the covariances come from: counting statistics, against which residuals can be held, or the residuals
        themselves, which leaves nothing to hold them against.

    Returns
    -------
    `fraction` and `fraction_sigma` `(phase, row, y, x)`; `amount`, `amount_sigma`, `residual`, `assessment` and, for
    counted noise, `chi_square` `(row, y, x)`: the layers of a result.
    """
    fit = fit_combination(mu, model, constraint=constraint, variance=1 / model.weights)
    # Row by row, and into the arrays of the fit: all at once would take as much memory again as the attenuation.
    chi_square = np.full(mu.shape[1:], np.nan, np.float32)
    unit = float(amount_covariance(model, 1 / model.weights).sum())
    for row, covariance in enumerate(covariances):
        fraction, sigma = fraction_and_sigma(fit.amounts[:, row], covariance)
        if constraint == "free":
            sigma *= ratio_scatter(fit.amounts[:, row], covariance)
            fraction -= ratio_bias(fit.amounts[:, row], covariance)
        fit.fraction[:, row], fit.fraction_sigma[:, row] = fraction, sigma
        variance = covariance.sum(axis=(0, 1))
        fit.amount_sigma[row] = np.sqrt(variance)
        if noise == "counted":
            # the noise of a voxel is that of the weights times one number, which its amount tells
            coefficients = np.concatenate([fit.amounts[:, row], fit.background[:, row]])
            relative = reduced_chi_square(mu[:, row], coefficients, model, variance=1 / model.weights)
            chi_square[row] = relative * unit / np.where(variance > 0, variance, np.nan)
    assessment = assess_fit(
        fraction=fit.fraction,
        fraction_sigma=fit.fraction_sigma,
        amount=fit.amount,
        amount_sigma=fit.amount_sigma,
        chi_square=chi_square,
        n_free=degrees_of_freedom(model),
    )
    return {
        **({"chi_square": chi_square} if noise == "counted" else {}),
        "assessment": assessment,
        "fraction": fit.fraction,
        "fraction_sigma": fit.fraction_sigma,
        "amount": fit.amount,
        "amount_sigma": fit.amount_sigma,
        "residual": fit.r_factor,
    }


def covariances_of_noise(
    model: CombinationModel, noise: VoxelVariance, *, groups: Sequence[int], n_u: int
) -> Iterator[NDArray[np.float32]]:
    """`(phase, phase, y, x)` covariance of the free amounts, (1/um)^2, of one row after another.

    The same in all rows of a group: interpolation between groups would need those of the next slab. Fit and
    interpolation are both linear, so the covariance is formed on the coarse points and spread afterwards.

    Parameters
    ----------
    model
        References, background and weights.
    noise
        Variance of attenuation, (1/um)^2, with the energies in front of its own axes: `counting` `(energy, group,
        point, point)`, `ring` `(energy, group, radius)`.
    groups
        Group of every row.
    n_u
        Columns of a slice.
    """
    counting, ring = amount_covariance(model, noise.counting), amount_covariance(model, noise.ring)
    before, covariance = -1, np.empty(0, np.float32)
    for group in groups:
        if group != before:
            covariance = _spread(counting[:, :, group], ring[:, :, group], n_u=n_u)
        before = group
        yield covariance


def _spread(counting: FloatArray, ring: FloatArray, *, n_u: int) -> NDArray[np.float32]:
    n_phases = len(counting)
    covariance = np.empty((n_phases, n_phases, n_u, n_u), np.float32)
    for first in range(n_phases):
        for second in range(first + 1):
            spread = spread_to_pixels(counting[first, second], ring[first, second], n_u=n_u)
            covariance[first, second] = covariance[second, first] = spread
    return covariance
