"""The arithmetic of the linear combination fit, compiled: the data are read from memory once.

Voxels are taken a few hundred at a time, so that their spectra stay in the cache between the solution and the
residuals. Every inner loop runs over voxels, which the compiler turns into vector instructions.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_TILE: Final = 1024

# Neither "nnan" nor "ninf": a missing voxel is NaN and has to stay NaN.
_compiled: Final = njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


class KernelModel(NamedTuple):
    """Matrices of a fit, all in the type of the data.

    Parameters
    ----------
    solver
        `(column, energy)` matrix from a spectrum to its coefficients.
    offset
        `(column,)` what is added to them.
    design
        `(energy, column)` columns of the model.
    weights
        `(energy,)` relative weights, mean 1.
    active_sets
        `(set, phase, phase)` matrices of `constrained.active_sets`; none for a fit without inequalities.
    kept
        `(set, phase)` 0 where a set pins a phase to zero, else 1.
    curvature
        `(phase, phase)` half the second derivative of the plain sum of squares along the amounts, for equal weights.
    follow
        `(column, phase)` change of every coefficient per change of an amount.
    repeat
        `(1,)` 1 if the plain sum of squares has to be formed again for the constrained coefficients, because
        weights differ and `curvature` does not give it; else 0.
    n_free
        `(1,)` energies minus coefficients, to take the variance of a datum from the residuals; 0 if it is known.
    """

    solver: FloatArray
    offset: FloatArray
    design: FloatArray
    weights: FloatArray
    active_sets: FloatArray
    kept: FloatArray
    curvature: FloatArray
    follow: FloatArray
    repeat: FloatArray
    n_free: FloatArray


class KernelCovariance(NamedTuple):
    """Covariance C of the amounts, of data of variance 1 where the residuals set the scale.

    The last axis is 1 long where all voxels share it.

    Parameters
    ----------
    own
        `(phase, voxel)` diagonal of C.
    rows
        `(phase, voxel)` twice the sums of the rows of C.
    total
        `(voxel,)` sum of C.
    """

    own: FloatArray
    rows: FloatArray
    total: FloatArray


class KernelResult(NamedTuple):
    """Arrays that `fit_voxels` fills, all in the type of the data; see `combination.CombinationFit`.

    Parameters
    ----------
    coefficients
        `(column, voxel)` amounts, then background.
    fraction, fraction_sigma
        `(phase, voxel)`.
    amount, amount_sigma, r_factor
        `(voxel,)`.
    """

    coefficients: FloatArray
    fraction: FloatArray
    fraction_sigma: FloatArray
    amount: FloatArray
    amount_sigma: FloatArray
    r_factor: FloatArray


@_compiled
def fit_voxels(spectra, model, covariance, result, start, stop):  # type: ignore[no-untyped-def]
    """Fit the voxels from `start` to `stop`.

    Parameters
    ----------
    spectra
        `(energy, voxel)` C-contiguous spectra.
    covariance
        `KernelCovariance`.
    model
        `KernelModel`.
    result
        `KernelResult`, of which the columns from `start` to `stop` are filled.
    start, stop
        Voxels to fit.
    """
    sums = np.empty((7, _TILE), spectra.dtype)
    for first in range(start, stop, _TILE):
        last = min(first + _TILE, stop)
        _solve(spectra, model, result.coefficients, first, last)
        _sum_squares(spectra, result.coefficients, model, sums, first, last)
        _fill_sigma(model, covariance, result, sums, first, last)
        if len(model.active_sets) > 0:
            _constrain(model, result.coefficients, sums[0], first, last)
        if model.repeat[0] > 0:
            _sum_squares(spectra, result.coefficients, model, sums, first, last)
        _fill_fraction(result, sums, first, last)


@_compiled
def _solve(spectra, model, coefficients, first, last):  # type: ignore[no-untyped-def]
    n_energies = len(spectra)
    paired = n_energies - n_energies % 4
    for column in range(len(coefficients)):
        row = coefficients[column][first:last]
        row[:] = model.offset[column]
        solver = model.solver[column]
        # Four energies at a time: fewer passes over the row of results.
        for energy in range(0, paired, 4):
            a, b, c, d = solver[energy], solver[energy + 1], solver[energy + 2], solver[energy + 3]
            data_a = spectra[energy][first:last]
            data_b = spectra[energy + 1][first:last]
            data_c = spectra[energy + 2][first:last]
            data_d = spectra[energy + 3][first:last]
            for v in range(last - first):
                row[v] += a * data_a[v] + b * data_b[v] + c * data_c[v] + d * data_d[v]
        for energy in range(paired, n_energies):
            a = solver[energy]
            data_a = spectra[energy][first:last]
            for v in range(last - first):
                row[v] += a * data_a[v]


@_compiled
def _sum_squares(spectra, coefficients, model, sums, first, last):  # type: ignore[no-untyped-def]
    """Sum the squared residuals themselves: y'y - b'A'y has no digits left in float32 when the fit is good."""
    sums[:] = 0
    plain, weighted, squares, residual = sums[0], sums[1], sums[2], sums[3]
    n_columns = len(coefficients)
    paired = n_columns - (n_columns - 1) % 2
    for energy in range(len(spectra)):
        design = model.design[energy]
        data = spectra[energy][first:last]
        _subtract(data, design[0], coefficients[0][first:last], residual)
        # Columns two at a time: fewer passes over the residuals.
        for column in range(1, paired, 2):
            a, b = design[column], design[column + 1]
            row_a, row_b = coefficients[column][first:last], coefficients[column + 1][first:last]
            for v in range(last - first):
                residual[v] -= a * row_a[v] + b * row_b[v]
        if paired < n_columns:
            _subtract(residual, design[paired], coefficients[paired][first:last], residual)
        weight = model.weights[energy]
        for v in range(last - first):
            square = residual[v] * residual[v]
            plain[v] += square
            weighted[v] += weight * square
            squares[v] += data[v] * data[v]


@_compiled
def _subtract(values, factor, row, out):  # type: ignore[no-untyped-def]
    for v in range(len(row)):
        out[v] = values[v] - factor * row[v]


@_compiled
def _fill_sigma(model, covariance, result, sums, first, last):  # type: ignore[no-untyped-def]
    """Fill in the standard deviations of the coefficients as they stand; `fraction_and_sigma` explains them."""
    dtype = sums.dtype
    scatter, own, rows, total, inverse = sums[1], sums[3], sums[4], sums[5], sums[6]
    _invert_amount(result, inverse, first, last)
    _spread(covariance.total, total, first, last)
    amount_sigma = result.amount_sigma[first:last]
    for v in range(last - first):
        scatter[v] = np.sqrt(scatter[v] / model.n_free[0]) if model.n_free[0] > 0 else dtype.type(1)
        amount_sigma[v] = np.sqrt(total[v]) * scatter[v]
    for phase in range(len(result.fraction)):
        _spread(covariance.own[phase], own, first, last)
        _spread(covariance.rows[phase], rows, first, last)
        amount = result.coefficients[phase][first:last]
        sigma = result.fraction_sigma[phase][first:last]
        for v in range(last - first):
            fraction = amount[v] * inverse[v]
            variance = (total[v] * fraction - rows[v]) * fraction + own[v]
            # Rounding can leave a variance of zero slightly negative; NaN passes through.
            variance = dtype.type(0) if variance < 0 else variance
            sigma[v] = np.sqrt(variance) * inverse[v] * scatter[v]


@_compiled
def _fill_fraction(result, sums, first, last):  # type: ignore[no-untyped-def]
    plain, squares, inverse = sums[0], sums[2], sums[6]
    _invert_amount(result, inverse, first, last)
    for phase in range(len(result.fraction)):
        amount = result.coefficients[phase][first:last]
        fraction = result.fraction[phase][first:last]
        for v in range(last - first):
            fraction[v] = amount[v] * inverse[v]
    r_factor = result.r_factor[first:last]
    floor = _smallest(sums)
    for v in range(last - first):
        r_factor[v] = plain[v] / squares[v] if squares[v] > floor else sums.dtype.type(np.nan)


@_compiled
def _invert_amount(result, inverse, first, last):  # type: ignore[no-untyped-def]
    """Fill in the amount, and its inverse where it is positive; NaN elsewhere, for there is no fraction."""
    amount = result.amount[first:last]
    amount[:] = result.coefficients[0][first:last]
    for phase in range(1, len(result.fraction)):
        row = result.coefficients[phase][first:last]
        for v in range(last - first):
            amount[v] += row[v]
    floor = _smallest(inverse)
    one, missing = inverse.dtype.type(1), inverse.dtype.type(np.nan)
    for v in range(last - first):
        inverse[v] = one / amount[v] if amount[v] > floor else missing


@_compiled
def _smallest(values):  # type: ignore[no-untyped-def]
    """Return what counts as zero: the square root of the smallest normal number, below which squares vanish."""
    return values.dtype.type(1e-19) if values.itemsize == 4 else values.dtype.type(1.5e-154)


@_compiled
def _spread(values, row, first, last):  # type: ignore[no-untyped-def]
    if len(values) == 1:
        row[:] = values[0]
    else:
        row[: last - first] = values[first:last]


@_compiled
def _constrain(model, coefficients, plain, first, last):  # type: ignore[no-untyped-def]
    """Move coefficients to the non-negative solution, and add what that costs to the squared residuals."""
    curvature, follow, sets, kept = model.curvature, model.follow, model.active_sets, model.kept
    n_phases = len(curvature)
    scratch = np.empty((3, n_phases), coefficients.dtype)
    free, change, conditions = scratch[0], scratch[1], scratch[2]
    for voxel in range(first, last):
        negative = False
        for phase in range(n_phases):
            free[phase] = coefficients[phase, voxel]
            negative |= free[phase] < 0
        if not negative:
            continue
        _change_to_best_set(sets, kept, free, change, conditions)
        for phase in range(n_phases):
            coefficients[phase, voxel] = free[phase] + change[phase]
            for other in range(n_phases):
                plain[voxel - first] += change[phase] * curvature[phase, other] * change[other]
            for column in range(n_phases, len(coefficients)):
                coefficients[column, voxel] += follow[column, phase] * change[phase]


@_compiled
def _change_to_best_set(sets, kept, free, change, conditions):  # type: ignore[no-untyped-def]
    """Find the set of pinned phases that meets the Karush-Kuhn-Tucker conditions.

    Rounding can leave every set violating them; the least violation is then as good, because where sets are
    nearly tied their solutions nearly coincide.
    """
    n_phases = len(free)
    zero = free.dtype.type(0)
    best = free.dtype.type(-np.inf)
    for number in range(len(sets)):
        violation = zero
        for phase in range(n_phases):
            condition = zero
            for other in range(n_phases):
                condition += sets[number, phase, other] * free[other]
            conditions[phase] = condition
            violation = min(violation, condition)
        if violation > best:
            best = violation
            for phase in range(n_phases):
                change[phase] = kept[number, phase] * max(conditions[phase], zero) - free[phase]
        if violation == zero:
            break
