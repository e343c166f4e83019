"""The offset between the energy scale of a scan and that of its references, found from the spectra themselves.

The references are moved along the energy until a linear combination of them describes the spectra best. Amounts and
background are free in every spectrum, so composition cannot pass for an offset and an offset not for composition;
what remains is a problem in one number (two with a drift), solved by variable projection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import FitError
from xanesmap.spectra.background import Background, background_columns
from xanesmap.spectra.reference import Reference, covered_energies, sample_references, sample_slopes

FloatArray = NDArray[np.floating[Any]]
Drift = Literal["none", "linear"]

SEARCH_EV: Final = 5.0
"""Offsets looked at, to either side: monochromators are off by 1.4 to 2.9 eV between beamtimes (FXI, 2019-2020)."""
LARGEST_SIGMA_EV: Final = 0.03
"""Above this standard error (0.004 in a LiFePO4 fraction) an offset that may be zero is not taken as known: a scan that
is right already must not be harmed."""

_GRID_EV: Final = 0.25
_MARGIN_EV: Final = 0.5
_ROUNDS: Final = 30
_CONVERGED_EV: Final = 1e-6
_LARGEST_STEP_EV: Final = 0.25
_LEAST_SIGNIFICANCE: Final = 5.0
# A second offset counts as excluded when its sum of squares is this many residual variances above the best.
_EXCLUDED: Final = 9.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnergyOffset:
    """An energy offset and what it is worth.

    Parameters
    ----------
    offset_ev
        What is added to the recorded energies to put them on the references' scale, eV; at the middle of the scan
        where there is a drift.
    sigma_ev
        Its standard error, eV, from the residuals, so that what the references do not describe counts too.
    drift_ev, drift_sigma_ev
        Change of the offset from the first to the last energy and its standard error, eV; 0 where not fitted.
    fraction
        `(phase,)` mean composition of the spectra at this offset, unitless.
    fraction_per_ev
        `(phase,)` change of that composition per eV of error of the offset.
    misfit, misfit_without
        Root mean square residual of the mean spectrum over its edge step, at this offset and at 0, unitless.
    energies_ev
        `(point,)` recorded energies that the references cover, eV.
    spectrum, fitted, fitted_without
        `(point,)` mean spectrum, its fit, and its fit without offset, in the unit of the spectra.
    doubt
        Why the offset is not determined, as the end of a sentence; empty where it is.
    """

    offset_ev: float
    sigma_ev: float
    drift_ev: float
    drift_sigma_ev: float
    fraction: FloatArray
    fraction_per_ev: FloatArray
    misfit: float
    misfit_without: float
    energies_ev: FloatArray
    spectrum: FloatArray
    fitted: FloatArray
    fitted_without: FloatArray
    doubt: str = ""

    @property
    def determined(self) -> bool:
        """Whether the spectra tell the offset."""
        return not self.doubt

    @property
    def fraction_error(self) -> FloatArray:
        """`(phase,)` systematic error of the mean fractions, one standard error of the offset."""
        return np.abs(self.fraction_per_ev) * self.sigma_ev


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """Second moments of the spectra at the energies used, and the curves they are fitted with.

    Parameters
    ----------
    references
        References.
    energies_ev, root_weights
        `(point,)`.
    moments
        `(point, point)` sum over the spectra of their products.
    mean
        `(point,)` mean of the spectra.
    background
        `(column, point)`.
    basis
        `(parameter, point)` change of the energies per parameter.
    """

    references: Sequence[Reference]
    energies_ev: FloatArray
    root_weights: FloatArray
    moments: FloatArray
    mean: FloatArray
    background: FloatArray
    basis: FloatArray


def fit_energy_offset(
    spectra: ArrayLike,
    references: Sequence[Reference],
    energies_ev: ArrayLike,
    *,
    background: Background = "victoreen",
    noise: ArrayLike | None = None,
    drift: Drift = "none",
) -> EnergyOffset:
    r"""Offset of the energy scale, shared by all spectra, with the amounts and background of each free.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra in any one unit: the summed spectrum of a scan, or many voxels.
    references
        Reference spectra.
    energies_ev
        `(energy,)` recorded photon energies in eV, increasing.
    background
        As in `background_columns`.
    noise
        `(energy,)` standard deviation of a spectrum at each energy, in any unit: weights only. None: all alike.
    drift
        "linear" adds an offset that changes linearly with the number of the energy, as a monochromator that warms up.

    Returns
    -------
    The offset within 5 eV of 0 that describes the spectra best. Energies that leave a reference's range are not used.
    `doubt` says where the result is no measurement: too few energies, no edge, a minimum at the end of the range or a
    second one as good, a standard error above 0.03 eV and a fifth of the offset.

    Raises
    ------
    FitError
        If spectra and energies differ in number or are not finite.

    Notes
    -----
    With columns A(d) of references moved by d, weights W and :math:`P = 1 - W^{1/2} A (A^T W A)^{-1} A^T W^{1/2}`,
    the sum of squares over all spectra is :math:`\mathrm{tr}(P W^{1/2} S W^{1/2})`, where S is the sum of their
    products: the cost does not depend on the number of spectra. Steps are those of Gauss and Newton with the Jacobian
    of Kaufman. For weights that are the inverse variance, noise of the single spectra does not bias the offset.

    References
    ----------
    G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10, 413 (1973), doi:10.1137/0710036; L. Kaufman, BIT 15, 49
    (1975), doi:10.1007/BF01932995.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    columns = _columns(spectra, energies)
    weights = np.ones(energies.size) if noise is None else 1 / np.asarray(noise, dtype=np.float64) ** 2
    basis = np.ones((1, energies.size))
    if drift == "linear":
        basis = np.stack([basis[0], np.linspace(-0.5, 0.5, energies.size)])
    n_columns = len(references) + len(background_columns(energies[:1], kind=background))

    def problem(centre_ev: float, reach_ev: float) -> _Problem:
        used = covered_energies(references, energies, first_ev=centre_ev - reach_ev, last_ev=centre_ev + reach_ev)
        return _Problem(
            references=references,
            energies_ev=energies[used],
            root_weights=np.sqrt(weights[used] / weights[used].mean()),
            moments=columns[used] @ columns[used].T,
            mean=columns[used].mean(axis=1),
            background=background_columns(energies, kind=background)[:, used],
            basis=basis[:, used],
        )

    search = problem(0.0, SEARCH_EV)
    if search.energies_ev.size < n_columns + len(basis) + 1:
        doubt = f"{search.energies_ev.size} energies are too few to find it"
        return _outcome(problem(0.0, 0.0), columns.shape[1], np.zeros(len(basis)), doubt=doubt)
    start, doubt = _search(search)
    near = problem(start, 2 * _MARGIN_EV)
    return _outcome(near, columns.shape[1], _refine(near, start), doubt=doubt)


def _columns(spectra: ArrayLike, energies: FloatArray) -> FloatArray:
    """`(energy, spectrum)` float64."""
    values = np.asarray(spectra, dtype=np.float64)
    if values.ndim == 0 or len(values) != energies.size:
        message = f"spectra of shape {values.shape} were given at {energies.size} energies; put energies first."
        raise FitError(message)
    if not np.isfinite(values).all():
        message = "spectra for an energy offset hold numbers that are not finite; leave those voxels out."
        raise FitError(message)
    return values.reshape(energies.size, -1)


def _design(problem: _Problem, parameters: FloatArray) -> FloatArray:
    """`(point, column)` references moved by the parameters, and background."""
    moved = problem.energies_ev + parameters @ problem.basis
    return np.concatenate([sample_references(problem.references, moved), problem.background]).T


def _projector(problem: _Problem, design: FloatArray) -> FloatArray:
    """`(point, point)` projector that leaves the residuals of a weighted spectrum."""
    orthogonal, _ = np.linalg.qr(design * problem.root_weights[:, np.newaxis])
    return np.asarray(np.eye(len(design)) - orthogonal @ orthogonal.T)


def _weighted_moments(problem: _Problem) -> FloatArray:
    return problem.root_weights[:, np.newaxis] * problem.moments * problem.root_weights


def _squares(problem: _Problem, parameters: FloatArray) -> float:
    """Weighted sum of squared residuals of all spectra."""
    return float(np.sum(_projector(problem, _design(problem, parameters)) * _weighted_moments(problem)))


def _search(problem: _Problem) -> tuple[float, str]:
    """Offset of the lowest sum of squares on a grid, and why it is not to be trusted."""
    grid = np.arange(-SEARCH_EV, SEARCH_EV + _GRID_EV / 2, _GRID_EV)
    steady = np.zeros(len(problem.basis) - 1)
    squares = np.array([_squares(problem, np.r_[offset, steady]) for offset in grid])
    best = int(np.argmin(squares))
    if best in (0, grid.size - 1):
        return 0.0, f"the best one lies beyond {SEARCH_EV:g} eV"
    n_free = problem.energies_ev.size - len(problem.references) - len(problem.background) - 1
    inner = (squares[1:-1] < squares[:-2]) & (squares[1:-1] < squares[2:])
    others = [index for index in np.flatnonzero(inner) + 1 if index != best]
    limit = squares[best] * (1 + _EXCLUDED / n_free)
    rival = next((float(grid[index]) for index in others if squares[index] < limit), None)
    doubt = "" if rival is None else f"{grid[best]:+.1f} and {rival:+.1f} eV describe the spectra alike"
    return float(grid[best]), doubt


def _refine(problem: _Problem, start_ev: float) -> FloatArray:
    """Parameters of the lowest sum of squares near a start, within the energies that the references cover."""
    centre = np.r_[start_ev, np.zeros(len(problem.basis) - 1)]
    reach = np.r_[_MARGIN_EV, np.full(len(problem.basis) - 1, 2 * _MARGIN_EV)]
    parameters = centre
    for _ in range(_ROUNDS):
        information, gradient = _equations(problem, parameters)
        step = np.clip(np.linalg.pinv(information) @ gradient, -_LARGEST_STEP_EV, _LARGEST_STEP_EV)
        parameters = np.clip(parameters + step, centre - reach, centre + reach)
        if np.abs(step).max() < _CONVERGED_EV:
            break
    return np.asarray(parameters)


def _equations(problem: _Problem, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Matrix and right side of the Gauss-Newton equations, summed over the spectra."""
    design, root = _design(problem, parameters), problem.root_weights[:, np.newaxis]
    solver = _solver(problem, design)
    projector = _projector(problem, design)
    slopes = _slopes(problem, parameters)  # (point, phase)
    jacobians = [
        projector @ (root * move[:, np.newaxis] * slopes) @ solver[: len(problem.references)] for move in problem.basis
    ]
    residuals = projector @ (root * problem.moments)  # (point, point): P W^1/2 S
    information = [[np.sum((a @ problem.moments) * b) for b in jacobians] for a in jacobians]
    return np.array(information), np.array([np.sum(residuals * jacobian) for jacobian in jacobians])


def _slopes(problem: _Problem, parameters: FloatArray) -> FloatArray:
    return sample_slopes(problem.references, problem.energies_ev + parameters @ problem.basis).T


def _outcome(problem: _Problem, n_spectra: int, parameters: FloatArray, *, doubt: str) -> EnergyOffset:
    n_phases, design = len(problem.references), _design(problem, parameters)
    amounts, fitted = _fit_mean(problem, design)
    _, fitted_without = _fit_mean(problem, _design(problem, 0 * parameters))
    step = float(amounts[:n_phases].sum())
    sigma = _sigma(problem, n_spectra, parameters)
    moved = -_solver(problem, design)[:n_phases] @ _slopes(problem, parameters) @ amounts[:n_phases]
    usable = step if step > 0 else np.nan
    fraction = amounts[:n_phases] / usable
    return EnergyOffset(
        offset_ev=float(parameters[0]),
        sigma_ev=float(sigma[0]),
        drift_ev=float(parameters[1]) if len(parameters) > 1 else 0.0,
        drift_sigma_ev=float(sigma[1]) if len(parameters) > 1 else 0.0,
        fraction=fraction,
        fraction_per_ev=(moved - fraction * moved.sum()) / usable,
        misfit=float(np.sqrt(np.mean((problem.mean - fitted) ** 2))) / usable,
        misfit_without=float(np.sqrt(np.mean((problem.mean - fitted_without) ** 2))) / usable,
        energies_ev=problem.energies_ev,
        spectrum=problem.mean,
        fitted=fitted,
        fitted_without=fitted_without,
        doubt=_edge_doubt(problem, design, amounts) or doubt or _sigma_doubt(float(parameters[0]), float(sigma[0])),
    )


def _solver(problem: _Problem, design: FloatArray) -> FloatArray:
    """`(column, point)` matrix from a spectrum to its coefficients."""
    return np.asarray(np.linalg.pinv(design * problem.root_weights[:, np.newaxis]) * problem.root_weights)


def _fit_mean(problem: _Problem, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    amounts = _solver(problem, design) @ problem.mean
    return amounts, design @ amounts


def _sigma(problem: _Problem, n_spectra: int, parameters: FloatArray) -> FloatArray:
    """`(parameter,)` standard errors from the residuals; infinite where nothing tells."""
    n_points = problem.energies_ev.size
    n_columns = len(problem.references) + len(problem.background)
    n_free = n_spectra * (n_points - n_columns) - len(parameters)
    information, _ = _equations(problem, parameters)
    if n_free < 1 or np.linalg.matrix_rank(information) < len(parameters):
        return np.full(len(parameters), np.inf)
    variance = _squares(problem, parameters) / n_free
    return np.asarray(np.sqrt(np.maximum(variance, 0) * np.diag(np.linalg.inv(information))))


def _edge_doubt(problem: _Problem, design: FloatArray, amounts: FloatArray) -> str:
    """Whether the mean spectrum holds an edge that stands out of what the fit leaves."""
    n_phases, solver = len(problem.references), _solver(problem, design)
    residual = (problem.mean - design @ amounts) * problem.root_weights
    n_free = max(len(residual) - len(amounts), 1)
    total = solver[:n_phases].sum(axis=0) / problem.root_weights
    sigma = np.sqrt(np.sum(total**2) * np.sum(residual**2) / n_free)
    return "" if amounts[:n_phases].sum() > _LEAST_SIGNIFICANCE * sigma else "the spectra show no edge"


def _sigma_doubt(offset_ev: float, sigma_ev: float) -> str:
    if sigma_ev <= max(LARGEST_SIGMA_EV, abs(offset_ev) / _LEAST_SIGNIFICANCE):
        return ""
    return f"its standard error would be {sigma_ev:.2g} eV"
