"""Noise of attenuation told by the residuals of its fit, where no counts tell it.

The scatter of a spectrum about its fit holds the noise and whatever the references do not describe. Its variance is
estimated in two factors: how the energies differ, found once for all voxels, and how voxels differ, found from each
spectrum and its neighbours (reduced chi-square).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.stats import chi2

from xanesmap.errors import FitError
from xanesmap.spectra.combination import CombinationModel, amount_covariance

FloatArray = NDArray[np.floating[Any]]

POOLED_FREEDOM: Final = 100
"""Degrees of freedom a variance is pooled from: 100 give it to 14 %, a standard deviation to 7 %."""

# A voxel that scatters beyond what chance does once in a thousand voxels keeps its own variance: it holds something
# that its neighbours do not.
_CHANCE = 1e-3
# Energies are told apart where each column has this many; a variance may differ from the median by this factor.
_ENERGIES_PER_COLUMN = 3
_LARGEST_RATIO = 16.0
_ROUNDS = 20
_LEAST_FREEDOM = 0.05
_BLOCK = 1 << 16


def degrees_of_freedom(model: CombinationModel) -> float:
    """Expected weighted sum of squared residuals of data of variance 1 / weight: energies minus coefficients.

    A normalisation before the fit spends some more, which need not be a whole number.

    Raises
    ------
    FitError
        There are none, so that no residual tells the noise.
    """
    n_energies, n_columns = int(np.count_nonzero(model.used)), model.design.shape[1]
    variances = _variances(model)
    left = np.eye(len(variances)) - model.design @ model.normalised_solver
    left = left if model.matrix is None else left @ model.matrix
    freedom = float(np.sum((model.weights[:, None] * left**2 * variances)[model.used]))
    if n_energies <= n_columns or freedom < _LEAST_FREEDOM:
        message = (
            f"{n_energies} energies and {n_columns} columns of the fit leave no residual, and nothing else tells the "
            "noise of reconstructed volumes. Fit fewer phases or background columns, or measure at more energies."
        )
        raise FitError(message)
    return freedom


def _variances(model: CombinationModel) -> NDArray[np.float64]:
    """`(energy,)` relative variances of the data; a typical one for energies without a say, which have none."""
    variances = 1 / model.weights
    return np.asarray(np.where(model.used, variances, np.median(variances[model.used])))


def second_moments(spectra: FloatArray) -> NDArray[np.float64]:
    """Sum of products of every two energies over all voxels with a value.

    Parameters
    ----------
    spectra
        `(energy, ...)` attenuation; voxels that are NaN at an energy, or zero at all, are left out.

    Returns
    -------
    `(energy, energy)` sums, in the unit of the spectra squared.
    """
    columns = spectra.reshape(len(spectra), -1)
    moments = np.zeros((len(spectra), len(spectra)))
    for start in range(0, columns.shape[1], _BLOCK):
        block = columns[:, start : start + _BLOCK].astype(np.float64)
        block = block[:, np.isfinite(block).all(axis=0)]
        moments += block @ block.T
    return moments


def energy_variances(moments: FloatArray, model: CombinationModel) -> NDArray[np.float64]:
    r"""How much noisier some energies are than others.

    Parameters
    ----------
    moments
        `(energy, energy)` sums of `second_moments`.
    model
        Columns of the fit.

    Returns
    -------
    `(energy,)` variances relative to their mean. All 1 with fewer than three energies per column, where residuals do
    not tell energies apart, with a normalisation, which spreads the noise of some over all, and where there is no
    residual. Within a factor of 16 of their median; 1 for energies without a say.

    Notes
    -----
    The variances that agree with the residuals they lead to: with weights 1/v and the fit y -> H y, the mean square
    of residual i is v_i (1 - h_ii), because the residuals have the covariance (I - H) V. Iterated from equal variances.

    References
    ----------
    Horn, Horn and Duncan, J. Am. Stat. Assoc. 70, 380 (1975), doi:10.1080/01621459.1975.10479877, for one spectrum.
    """
    used = model.used
    found = np.ones(len(used))
    if model.matrix is None and np.count_nonzero(used) >= _ENERGIES_PER_COLUMN * model.design.shape[1]:
        found[used] = _agreeing_variances(moments[np.ix_(used, used)], model.design[used])
    return found


def _agreeing_variances(moments: FloatArray, design: FloatArray) -> NDArray[np.float64]:
    n_energies = len(design)
    variances = np.ones(n_energies)
    for _ in range(_ROUNDS):
        left = np.eye(n_energies) - _hat_matrix(design, variances)
        squares = np.einsum("ij,jk,ik->i", left, moments, left)
        if squares.max() <= np.finfo(np.float32).eps ** 2 * np.trace(moments):
            return np.ones(n_energies)
        found = squares / np.maximum(np.diag(left), _LEAST_FREEDOM)
        median = float(np.median(found))
        found = np.clip(found, median / _LARGEST_RATIO, median * _LARGEST_RATIO)
        variances = found / found.mean()
    return variances


def _hat_matrix(design: FloatArray, variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(energy, energy)` matrix from a spectrum to its fit with weights 1 / variances."""
    scale = np.sqrt(variances)
    basis = np.linalg.qr(design / scale[:, None])[0]
    return np.asarray(scale[:, None] * (basis @ basis.T) / scale)


def residual_variance(spectra: NDArray[np.float32], model: CombinationModel) -> NDArray[np.float32]:
    """Variance of a datum of weight 1 that the residuals of a voxel tell: weighted sum of squares over freedom.

    Parameters
    ----------
    spectra
        `(energy, ...)` attenuation.
    model
        Columns and weights of the fit; it is done without constraint, which would only add to the residuals.

    Returns
    -------
    `(...)` variance in the unit of the spectra squared; NaN where a spectrum has a gap.
    """
    columns = spectra.reshape(len(spectra), -1)
    if model.matrix is not None:
        columns = model.matrix.astype(np.float32) @ columns
    coefficients = model.normalised_solver.astype(np.float32) @ columns
    residuals = model.design.astype(np.float32) @ coefficients
    np.subtract(columns, residuals, out=residuals)
    np.square(residuals, out=residuals)
    total = np.where(model.used, model.weights, 0).astype(np.float32) @ residuals
    return np.asarray(total / degrees_of_freedom(model), np.float32).reshape(spectra.shape[1:])


def window_px(n_free: float) -> int:
    """Side of the square of voxels over which variances are pooled: the smallest odd one with enough freedom."""
    side = 1
    while side**2 * n_free < POOLED_FREEDOM:
        side += 2
    return side


def pool_variance(own: NDArray[np.float32], *, n_free: float) -> NDArray[np.float32]:
    """Mean variance around each voxel of a slice, or its own where that is larger by more than chance.

    Parameters
    ----------
    own
        `(y, x)` variances of `residual_variance`. Voxels that are NaN or exactly zero have no data and do not count.
    n_free
        Degrees of freedom of each.

    Returns
    -------
    `(y, x)` variances; NaN where the surroundings have no data at all.
    """
    side = window_px(n_free)
    there = np.isfinite(own) & (own > 0)
    share = uniform_filter(there.astype(np.float64), side, mode="constant")
    mean = uniform_filter(np.where(there, own, 0).astype(np.float64), side, mode="constant")
    counted = share > 0.5 / side**2
    pooled = np.where(counted, mean / np.where(counted, share, 1), np.nan)
    limit = chi2.ppf(1 - _CHANCE, n_free) / n_free
    return np.where(there & (own > limit * pooled), own, pooled).astype(np.float32)


def covariances_of_residuals(mu: NDArray[np.float32], model: CombinationModel) -> Iterator[NDArray[np.float32]]:
    """`(phase, phase, y, x)` covariance of the free amounts of one row after another.

    Parameters
    ----------
    mu
        `(energy, row, y, x)` attenuation, 1/um.
    model
        Columns of the fit, with weights that are inverse to the variances of the energies.
    """
    n_free = degrees_of_freedom(model)
    unit = amount_covariance(model, _variances(model)).astype(np.float32)
    for row in range(mu.shape[1]):
        variance = pool_variance(residual_variance(mu[:, row], model), n_free=n_free)
        yield unit[:, :, None, None] * variance
