"""Linear combination fit: how much of each reference spectrum every voxel holds, with an error bar.

The model of a voxel is mu(E) = sum_k a_k r_k(E) + sum_j b_j B_j(E), fitted by weighted least squares. There are
few columns, so the solution is one small matrix times the data, and its covariance has a closed form.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import FitError
from xanesmap.spectra.combination_model import CombinationModel, amount_covariance, make_model
from xanesmap.spectra.constrained import MAXIMUM_PHASES, active_sets, following_columns, sum_to_one_direction
from xanesmap.spectra.fit_arrays import KernelCovariance, KernelModel, KernelResult
from xanesmap.spectra.nonnegative import pin_negative
from xanesmap.spectra.uncertainty import estimator_covariance, fraction_and_sigma

__all__ = [
    "CombinationFit",
    "CombinationModel",
    "Constraint",
    "amount_covariance",
    "fit_combination",
    "fraction_and_sigma",
    "make_model",
]

FloatArray = NDArray[np.floating[Any]]
Constraint = Literal["free", "non-negative", "sum-to-one"]

_BLOCK: Final = 2**15
"""Voxels handed to a thread at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CombinationFit:
    """Result of a linear combination fit; `...` stands for the voxels.

    Parameters
    ----------
    amounts
        `(phase, ...)` amount of each phase: its edge step, in the unit of the spectra (1/um).
    fraction
        `(phase, ...)` share of each phase in the absorbing atoms, unitless, sums to 1, not clipped; NaN where
        the amount is not positive.
    fraction_sigma
        `(phase, ...)` standard deviation of the fraction, statistical only, unitless.
    amount
        `(...)` edge step of all phases together, in the unit of the spectra.
    amount_sigma
        `(...)` its standard deviation.
    r_factor
        `(...)` sum of squared residuals over sum of squared data, without weights, unitless; NaN for a spectrum
        of zeros.
    background
        `(column, ...)` coefficients of the background columns, in the unit of the spectra.
    """

    amounts: FloatArray
    fraction: FloatArray
    fraction_sigma: FloatArray
    amount: FloatArray
    amount_sigma: FloatArray
    r_factor: FloatArray
    background: FloatArray


def fit_combination(
    spectra: NDArray[Any],
    model: CombinationModel,
    *,
    constraint: Constraint = "free",
    variance: NDArray[Any] | None = None,
    threads: int = 1,
) -> CombinationFit:
    """Fit every spectrum with the references and background columns of a model.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra, such as attenuation in 1/um; float32 and float64 are computed as they are.
    model
        Columns and weights, sampled at the energies of the spectra.
    constraint
        "free": no constraint, the only choice that leaves averages over pure regions unbiased. "non-negative":
        no amount below zero, exact, background free. "sum-to-one": amounts of any sign
        sum to 1, for spectra that are already edge-normalised.
    variance
        `(energy,)` or `(energy, ...)` variance of every datum in the unit of the spectra squared, independent
        between energies. None: the residuals of each voxel tell, RSS / (energies - coefficients).
    threads
        Number of threads. Leave it at 1 where the caller runs in threads itself.

    Returns
    -------
    The fit, in the type of the spectra. `fraction_sigma` and `amount_sigma` of a non-negative fit are those of
    the free fit, because an amount pinned at zero has no error of its own: the sum of squares has no minimum
    there, it is cut off. Those of a sum-to-one fit are its own.

    Raises
    ------
    FitError
        If the energies of spectra, model and variance differ in number, no variance is given and no residual is
        left to take it from.
    """
    from xanesmap.spectra.fit_kernel import fit_voxels  # numba takes half a second to import

    values = np.asarray(spectra)
    values = values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
    known = None if variance is None else np.asarray(variance, dtype=values.dtype)
    _check(values, model, constraint=constraint, variance=known)
    columns = np.ascontiguousarray(values).reshape(len(values), -1)  # (energy, voxel)
    kernel_model, covariance = _prepare(model, constraint, scatter="residuals" if known is None else "known")
    matrices = KernelModel(*(np.ascontiguousarray(m, dtype=values.dtype) for m in kernel_model))
    if known is not None:
        estimator = _raw_estimator(matrices.solver[: model.n_phases], model)
        covariance = estimator_covariance(estimator, known.reshape(len(known), -1))
    shared = _kernel_covariance(covariance.astype(values.dtype))
    result = _empty_result(model, n_voxels=columns.shape[1], dtype=values.dtype)
    many = constraint == "non-negative" and model.n_phases > MAXIMUM_PHASES

    def fit_block(start: int, stop: int) -> None:
        if model.matrix is None and not many:
            fit_voxels(columns, matrices, shared, result, start, stop)
            return
        # Block by block: all normalised spectra at once would take the memory of the spectra again.
        for first in range(start, stop, _BLOCK):
            part = slice(first, min(first + _BLOCK, stop))
            block = _normalised(columns[:, part], model)
            fitted = _empty_result(model, n_voxels=block.shape[1], dtype=values.dtype)
            fit_voxels(block, matrices, _part(shared, part), fitted, 0, block.shape[1])
            if many:
                pin_negative(block, matrices, fitted)
            for whole, values_of_part in zip(result, fitted, strict=True):
                whole[..., part] = values_of_part

    _run_blocks(fit_block, n_voxels=columns.shape[1], threads=threads)
    return _with_voxel_shape(result, values.shape[1:])


def _raw_estimator(estimator: FloatArray, model: CombinationModel) -> FloatArray:
    """From a matrix for normalised spectra to one for spectra as they are."""
    return estimator if model.matrix is None else estimator @ model.matrix.astype(estimator.dtype)


def _normalised(columns: FloatArray, model: CombinationModel) -> FloatArray:
    """Contiguous spectra as they are fitted."""
    return np.ascontiguousarray(columns if model.matrix is None else model.matrix.astype(columns.dtype) @ columns)


def _part(covariance: KernelCovariance, part: slice) -> KernelCovariance:
    """Covariance of some voxels, or that which all share."""
    shared = covariance.total.shape[-1] == 1
    return covariance if shared else KernelCovariance(*(np.ascontiguousarray(array[..., part]) for array in covariance))


def _prepare(
    model: CombinationModel, constraint: Constraint, *, scatter: Literal["known", "residuals"]
) -> tuple[KernelModel, FloatArray]:
    """Matrices of a fit, and `(phase, phase, 1)` covariance of its amounts for data of variance 1 / weight."""
    k, weights = model.n_phases, model.weights / model.weights.mean()
    inverse = model.normal_inverse * model.weights.mean()
    direction = sum_to_one_direction(inverse, n_phases=k) if constraint == "sum-to-one" else np.zeros(len(inverse))
    free = model.normalised_solver
    solver = free - np.outer(direction, free[:k].sum(axis=0))
    covariance = inverse[:k, :k] - inverse[:k, :k].sum() * np.outer(direction[:k], direction[:k])
    few = constraint == "non-negative" and k <= MAXIMUM_PHASES
    root = model.amount_root / np.sqrt(model.weights.mean())
    sets, kept = active_sets(root) if few else (np.empty((0, k, k)), np.empty((0, k)))
    n_free = len(weights) - len(inverse) + (constraint == "sum-to-one")
    matrices = KernelModel(
        solver=solver,
        offset=direction,
        design=model.design,
        weights=weights,
        active_sets=sets,
        kept=kept,
        root=root,
        curvature=root.T @ root,
        follow=following_columns(inverse, n_phases=k),
        repeat=np.array([few and not np.allclose(weights, 1.0, rtol=1e-9)]),
        n_free=np.array([n_free if scatter == "residuals" else 0]),
    )
    return matrices, covariance[:, :, np.newaxis]


def _kernel_covariance(covariance: FloatArray) -> KernelCovariance:
    """From `(phase, phase, voxel)`, where the last axis may be 1 long."""
    rows = covariance.sum(axis=1)  # (phase, voxel)
    return KernelCovariance(
        own=np.stack([covariance[k, k] for k in range(len(covariance))]),
        rows=2 * rows,
        total=np.maximum(rows.sum(axis=0), 0),
    )


def _run_blocks(fit_block: Callable[[int, int], None], *, n_voxels: int, threads: int) -> None:
    starts = range(0, n_voxels, _BLOCK)
    stops = [min(start + _BLOCK, n_voxels) for start in starts]
    if threads == 1:
        fit_block(0, n_voxels)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fit_block, starts, stops))


def _check(
    spectra: FloatArray, model: CombinationModel, *, constraint: Constraint, variance: FloatArray | None
) -> None:
    n_energies, n_columns = model.design.shape
    if spectra.ndim == 0 or len(spectra) != n_energies:
        message = (
            f"spectra of shape {spectra.shape} were given for a model of {n_energies} energies; put the energies "
            "along the first axis and sample the references at the same ones."
        )
        raise FitError(message)
    if variance is not None and variance.shape not in ((n_energies,), spectra.shape):
        message = (
            f"variance of shape {variance.shape} was given for spectra of shape {spectra.shape}; give one value "
            "per energy or one per datum."
        )
        raise FitError(message)
    if variance is None and n_energies - n_columns + (constraint == "sum-to-one") < 1:
        message = (
            f"{n_energies} energies and {n_columns} coefficients leave no residual to take the noise from; give "
            "the variance, or measure at more energies."
        )
        raise FitError(message)


def _empty_result(model: CombinationModel, *, n_voxels: int, dtype: np.dtype[Any]) -> KernelResult:
    k = model.n_phases
    return KernelResult(
        coefficients=np.empty((k + len(model.background), n_voxels), dtype),
        fraction=np.empty((k, n_voxels), dtype),
        fraction_sigma=np.empty((k, n_voxels), dtype),
        amount=np.empty(n_voxels, dtype),
        amount_sigma=np.empty(n_voxels, dtype),
        r_factor=np.empty(n_voxels, dtype),
    )


def _with_voxel_shape(result: KernelResult, shape: tuple[int, ...]) -> CombinationFit:
    arrays = KernelResult(*(array.reshape(array.shape[:-1] + shape) for array in result))
    n_phases = len(arrays.fraction)
    return CombinationFit(
        amounts=arrays.coefficients[:n_phases],
        fraction=arrays.fraction,
        fraction_sigma=arrays.fraction_sigma,
        amount=arrays.amount,
        amount_sigma=arrays.amount_sigma,
        r_factor=arrays.r_factor,
        background=arrays.coefficients[n_phases:],
    )
