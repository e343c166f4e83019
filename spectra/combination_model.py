"""The columns of a linear combination fit, their weights, and what follows from them alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import FitError
from xanesmap.spectra.uncertainty import estimator_covariance

FloatArray = NDArray[np.floating[Any]]

MAXIMUM_CONDITION: Final = 1e4
"""Largest ratio of singular values of the columns, each scaled to unit length.

It bounds how much noise is magnified: at 1e4 even noise of 0.1 % of an edge step leaves nothing of a fraction.
LiFePO4, FePO4 and a background column have 10 to 20.
"""

_NO_SAY: Final = 1e-12
"""Relative weight of an energy that is to have no say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CombinationModel:
    """Columns and weights of a linear combination fit. Make it with `make_model`, which checks it.

    Parameters
    ----------
    references
        `(phase, energy)` normalised absorption of each phase, unitless.
    background
        `(column, energy)` background columns, unitless; may be empty.
    weights
        `(energy,)` weight of each energy in the sum of squares.
    matrix
        `(energy, energy)` normalisation that spectra go through before the fit, as references and background did;
        None for none.
    """

    references: FloatArray
    background: FloatArray
    weights: FloatArray
    matrix: FloatArray | None = None

    @property
    def used(self) -> NDArray[np.bool_]:
        """`(energy,)` false for the energies that have no say in the fit."""
        return np.asarray(self.weights > 1e3 * _NO_SAY * self.weights.max())

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.references)

    @property
    def design(self) -> FloatArray:
        """`(energy, column)` matrix A of the model: phases first, then background."""
        return np.concatenate([self.references, self.background]).T

    @property
    def normal_inverse(self) -> FloatArray:
        """`(column, column)` inverse of A'WA: covariance of the coefficients where W is 1 / variance."""
        inverse = np.linalg.inv(self._orthogonal()[1])
        return np.asarray(inverse @ inverse.T)

    @property
    def amount_root(self) -> FloatArray:
        """`(phase, phase)` triangle T; T'T is the inverse covariance of the free amounts where W is 1 / variance.

        From the columns themselves: by way of the covariance the digits lost would double.
        """
        ordered = np.concatenate([self.background, self.references]).T * np.sqrt(self.weights)[:, np.newaxis]
        return np.asarray(np.linalg.qr(ordered)[1][-self.n_phases :, -self.n_phases :])

    @property
    def solver(self) -> FloatArray:
        """`(column, energy)` matrix from a spectrum, before any normalisation, to its coefficients."""
        solver = self.normalised_solver
        return solver if self.matrix is None else np.asarray(solver @ self.matrix)

    @property
    def normalised_solver(self) -> FloatArray:
        """`(column, energy)` matrix M = (A'WA)^-1 A'W from a spectrum as it is fitted to its coefficients."""
        basis, triangle = self._orthogonal()
        return np.asarray(np.linalg.solve(triangle, basis.T) * np.sqrt(self.weights))

    def residuals(self, spectra: FloatArray) -> FloatArray:
        """What the free fit leaves of spectra `(energy, spectrum)`, normalised as they are fitted."""
        fitted = self._normalised(spectra)
        return np.asarray(fitted - self.design @ (self.normalised_solver @ fitted))

    def without_background(self, spectra: FloatArray) -> FloatArray:
        """Spectra `(energy, spectrum)`, normalised as they are fitted, less the background of the free fit."""
        fitted = self._normalised(spectra)
        return np.asarray(fitted - self.background.T @ (self.normalised_solver[self.n_phases :] @ fitted))

    def _normalised(self, spectra: FloatArray) -> FloatArray:
        return spectra if self.matrix is None else np.asarray(self.matrix @ spectra)

    def _orthogonal(self) -> tuple[FloatArray, FloatArray]:
        basis, triangle = np.linalg.qr(self.design * np.sqrt(self.weights)[:, np.newaxis])
        return basis, triangle


def make_model(
    references: ArrayLike,
    background: ArrayLike,
    *,
    noise: ArrayLike | None = None,
    names: Sequence[str] = (),
    matrix: ArrayLike | None = None,
) -> CombinationModel:
    """Put references and background columns together and check that a fit can tell them apart.

    Parameters
    ----------
    references
        `(phase, energy)` normalised absorption, unitless.
    background
        `(column, energy)` background columns, unitless; `(0, energy)` for none.
    noise
        `(energy,)` standard deviation of a spectrum at each energy, in any unit; the weights are 1 / noise^2.
        Infinite: the energy has no say. None: all energies weigh the same.
    names
        Name of each phase, for the error message.
    matrix
        `(energy, energy)` normalisation (`edge_normalisation.normalising_matrix`) for spectra, references and
        background alike.

    Returns
    -------
    The model.

    Raises
    ------
    FitError
        If the shapes do not match, a number is not finite, the noise is not positive, there are fewer energies
        than columns, or columns are nearly linear combinations of one another.
    """
    normalise = None if matrix is None else np.asarray(matrix, dtype=np.float64)
    phases, columns = (np.atleast_2d(np.asarray(curves, dtype=np.float64)) for curves in (references, background))
    model = CombinationModel(
        references=phases if normalise is None else phases @ normalise.T,
        background=columns if normalise is None else columns @ normalise.T,
        weights=np.ones(np.shape(references)[-1]) if noise is None else _weights(noise),
        matrix=normalise,
    )
    n_energies = model.references.shape[1]
    if model.background.shape[1] != n_energies or model.weights.shape != (n_energies,):
        message = (
            f"references at {n_energies} energies were given with a background at {model.background.shape[1]} and "
            f"noise at {model.weights.size}; sample all of them at the energies of the scan."
        )
        raise FitError(message)
    labels = _labels(model, names)
    if not (np.isfinite(model.design).all() and np.isfinite(model.weights).all()):
        message = f"references ({', '.join(labels)}) or noise hold numbers that are not finite; give finite ones."
        raise FitError(message)
    _check_determined(model, labels)
    return model


def amount_covariance(model: CombinationModel, variance: FloatArray) -> FloatArray:
    """Covariance of the free amounts from the variance of the data: M diag(variance) M', for any weights.

    Parameters
    ----------
    model
        The model.
    variance
        `(energy, ...)` variance of every datum, independent between energies, in the unit of the spectra squared.

    Returns
    -------
    `(phase, phase, ...)` covariance in that unit, of the type of `variance`.
    """
    return estimator_covariance(model.solver[: model.n_phases], variance)


def _weights(noise: ArrayLike) -> FloatArray:
    sigma = np.asarray(noise, dtype=np.float64)
    if not (sigma > 0).all() or not np.isfinite(sigma).any():
        message = "the noise of an energy is zero, negative or not a number; give a positive standard deviation."
        raise FitError(message)
    weights = 1.0 / sigma**2
    # Not zero, so that the variance 1 / weight stays a number.
    return np.asarray(np.maximum(weights, _NO_SAY * weights.max()))


def _labels(model: CombinationModel, names: Sequence[str]) -> list[str]:
    phases = list(names) or [f"reference {number}" for number in range(1, model.n_phases + 1)]
    return phases + [f"background column {number}" for number in range(1, len(model.background) + 1)]


def _check_determined(model: CombinationModel, labels: Sequence[str]) -> None:
    n_energies, n_columns = model.design.shape
    if n_energies < n_columns:
        message = (
            f"{n_columns} coefficients ({', '.join(labels)}) were asked for from {n_energies} energies; measure at "
            f"{n_columns} or more, or fit fewer phases or background columns."
        )
        raise FitError(message)
    columns = model.design * np.sqrt(model.weights)[:, np.newaxis]
    lengths = np.linalg.norm(columns, axis=0)
    _, singular, vectors = np.linalg.svd(columns / np.where(lengths > 0, lengths, 1.0))
    condition = singular[0] / singular[-1] if singular[-1] > 0 else np.inf
    if condition > MAXIMUM_CONDITION:
        involved = [label for label, share in zip(labels, vectors[-1], strict=True) if abs(share) > 0.1]
        message = (
            f"the fit cannot tell {' and '.join(involved)} apart on these energies (condition number "
            f"{condition:.2g}, limit {MAXIMUM_CONDITION:.0g}); drop one, or add energies where they differ."
        )
        raise FitError(message)
