"""Which energies tell most about the phases, so that the next beamtime can measure fewer."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import FitError
from xanesmap.spectra.combination_model import MAXIMUM_CONDITION

FloatArray = NDArray[np.floating[Any]]

_SPARE: Final = 1
"""Energies kept beyond the coefficients, so that a residual is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySet:
    """The best energies of their number.

    Parameters
    ----------
    energies_ev
        Energies, eV, in increasing order.
    removed_ev
        The one that the next smaller set does without, eV; NaN for the smallest.
    sigma_fraction
        Standard deviation of a fraction, the largest over the phases and over the pure and equal mixtures, per unit of
        noise at one energy of one edge step.
    sigma_equal_dose
        The same where the exposure saved is given to the energies left.
    sigma_offset_ev
        Standard error of an energy offset fitted to the summed spectrum of an equal mixture, eV, per unit of its noise
        at one energy of one edge step; infinite where it cannot be found, NaN where it was not asked for.
    """

    energies_ev: tuple[float, ...]
    removed_ev: float
    sigma_fraction: float
    sigma_equal_dose: float
    sigma_offset_ev: float


def rank_energies(
    energies_ev: ArrayLike,
    references: ArrayLike,
    background: ArrayLike,
    *,
    slopes: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> tuple[EnergySet, ...]:
    """Remove the energy that matters least, again and again.

    Parameters
    ----------
    energies_ev
        `(energy,)` energies to choose from, eV.
    references
        `(phase, energy)` normalised absorption at these.
    background
        `(column, energy)` background columns.
    slopes
        `(phase, energy)` slopes of the references, 1/eV, for the error of the energy offset. The offset is one number
        for all voxels, so it does not decide which energy goes.
    noise
        `(energy,)` relative standard deviation at each energy; all alike when not given.

    Returns
    -------
    Sets from all energies down to one more than the coefficients, each with the sigma of the fraction it would give.
    Elimination is greedy: a set is not proved the best of its size. Few energies leave little to check a fit by: 12
    to 16 are a sensible minimum.

    Raises
    ------
    FitError
        Fewer energies than it takes, or references that cannot be told apart.

    References
    ----------
    Backward elimination for experimental design: V. V. Fedorov, Theory of Optimal Experiments, Academic Press (1972).
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    design = _design(references, background, noise=noise)
    moved = None if slopes is None else _moved(design, slopes, noise=noise)
    n_phases = len(np.atleast_2d(np.asarray(references)))
    least = design.shape[1] + _SPARE
    if energies.size < least or np.linalg.cond(design / np.linalg.norm(design, axis=0)) > MAXIMUM_CONDITION:
        message = (
            f"{energies.size} energies cannot be ranked for {design.shape[1]} coefficients: {least} or more are "
            "needed, and references that they can tell apart."
        )
        raise FitError(message)
    kept, sets = np.arange(energies.size), []
    while True:
        sigma = _sigma(design[kept], n_phases)
        candidates = [_sigma(np.delete(design[kept], i, axis=0), n_phases) for i in range(kept.size)]
        remove = int(np.argmin(candidates))
        more = kept.size > least and np.isfinite(candidates[remove])
        sets.append(
            EnergySet(
                energies_ev=tuple(energies[kept].tolist()),
                removed_ev=float(energies[kept[remove]]) if more else float("nan"),
                sigma_fraction=sigma,
                sigma_equal_dose=sigma * float(np.sqrt(kept.size / energies.size)),
                sigma_offset_ev=float("nan") if moved is None else _sigma_of_last(moved[kept]),
            )
        )
        if not more:
            return tuple(sets)
        kept = np.delete(kept, remove)


def _design(references: ArrayLike, background: ArrayLike, *, noise: ArrayLike | None) -> FloatArray:
    """`(energy, column)` columns in units of the noise: phases first."""
    columns = [np.atleast_2d(np.asarray(references, dtype=np.float64)), np.asarray(background, dtype=np.float64)]
    return _over_noise(np.concatenate(columns).T, noise)


def _moved(design: FloatArray, slopes: ArrayLike, *, noise: ArrayLike | None) -> FloatArray:
    """The design with what an energy offset adds to an equal mixture as its last column."""
    slope = np.asarray(slopes, dtype=np.float64).mean(axis=0)[:, np.newaxis]
    return np.concatenate([design, _over_noise(slope, noise)], axis=1)


def _over_noise(columns: FloatArray, noise: ArrayLike | None) -> FloatArray:
    return columns if noise is None else columns / np.asarray(noise, dtype=np.float64)[:, np.newaxis]


def _sigma_of_last(design: FloatArray) -> float:
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return float("inf")
    return float(np.sqrt(np.linalg.inv(design.T @ design)[-1, -1]))


def _sigma(design: FloatArray, n_phases: int) -> float:
    """Largest standard deviation of a fraction over the pure and equal mixtures of unit amount."""
    normal = design.T @ design
    if np.linalg.matrix_rank(normal) < len(normal):
        return float("inf")
    covariance = np.linalg.inv(normal)[:n_phases, :n_phases]
    mixtures = np.vstack([np.eye(n_phases), np.full((1, n_phases), 1 / n_phases)])
    variances = [
        covariance[k, k] - 2 * mixture[k] * covariance[k].sum() + mixture[k] ** 2 * covariance.sum()
        for mixture in mixtures
        for k in range(n_phases)
    ]
    return float(np.sqrt(max(variances)))
