"""The arithmetic of the linear combination fit, compiled: the data are read from memory once.

Voxels are taken a few hundred at a time, so that their spectra stay in the cache between the solution and the
residuals. Every inner loop runs over voxels, which the compiler turns into vector instructions.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import njit

_TILE: Final = 1024


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep the machine code for the next process where a folder allows it."""
    # Neither "nnan" nor "ninf": a missing voxel is NaN and has to stay NaN.
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"contract", "reassoc", "nsz"},
    }
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written to
        return njit(**options)(function)


@_compiled
def fit_voxels(spectra, model, covariance, result, start, stop):
    """Fit the voxels from `start` to `stop`.

    Parameters
    ----------
    spectra
        `(energy, voxel)` C-contiguous spectra.
    covariance
        `fit_arrays.KernelCovariance`.
    model
        `fit_arrays.KernelModel`.
    result
        `fit_arrays.KernelResult`, of which the columns from `start` to `stop` are filled.
    start, stop
        Voxels to fit.
    """
    sums = np.empty((7, _TILE), spectra.dtype)
    for first in range(start, stop, _TILE):
        last = min(first + _TILE, stop)
        _solve(spectra, model, result.coefficients, first, last)
        _sum_squares(spectra, result.coefficients, model, sums, first, last)
        _fill_fraction(result, sums, first, last)
        _fill_sigma(model, covariance, result, sums, first, last)
        if len(model.active_sets) > 0:
            _constrain(model, result.coefficients, sums[0], first, last)
            _fill_fraction(result, sums, first, last)
        if model.repeat[0] > 0:
            _sum_squares(spectra, result.coefficients, model, sums, first, last)
        _fill_r_factor(result, sums, first, last)


@_compiled
def _solve(spectra, model, coefficients, first, last):
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
def _sum_squares(spectra, coefficients, model, sums, first, last):
    """Sum the squared residuals themselves: y'y - b'A'y has no digits left in float32 when the fit is good."""
    sums[:] = 0
    plain, weighted, squares, residual_a, residual_b = sums[0], sums[1], sums[2], sums[3], sums[4]
    weights, paired = model.weights, len(spectra) - len(spectra) % 2
    equal = weights.min() == weights.max()
    # Two energies at a time: fewer passes over the sums.
    for energy in range(0, paired, 2):
        _subtract_columns(spectra, coefficients, model.design, energy, residual_a, first, last)
        _subtract_columns(spectra, coefficients, model.design, energy + 1, residual_b, first, last)
        if not equal:
            _add_weighted_squares(weights[energy], weights[energy + 1], residual_a, residual_b, weighted, last - first)
        data_a, data_b = spectra[energy][first:last], spectra[energy + 1][first:last]
        for v in range(last - first):
            plain[v] += residual_a[v] * residual_a[v] + residual_b[v] * residual_b[v]
            squares[v] += data_a[v] * data_a[v] + data_b[v] * data_b[v]
    for energy in range(paired, len(spectra)):
        _subtract_columns(spectra, coefficients, model.design, energy, residual_a, first, last)
        data, weight = spectra[energy][first:last], weights[energy]
        for v in range(last - first):
            square = residual_a[v] * residual_a[v]
            plain[v] += square
            weighted[v] += weight * square
            squares[v] += data[v] * data[v]
    if equal:
        weighted[:] = plain
        weighted *= weights[0]


@_compiled
def _add_weighted_squares(weight_a, weight_b, residual_a, residual_b, out, count):
    for v in range(count):
        out[v] += weight_a * residual_a[v] * residual_a[v] + weight_b * residual_b[v] * residual_b[v]


@_compiled
def _subtract_columns(spectra, coefficients, design, energy, out, first, last):
    """Fill in the residuals of one energy, the first three or four columns at once."""
    data, row_a = spectra[energy][first:last], coefficients[0][first:last]
    a = design[energy, 0]
    start = 1
    if len(coefficients) >= 4:
        start = 4
        b, c, d = design[energy, 1], design[energy, 2], design[energy, 3]
        row_b, row_c, row_d = coefficients[1][first:last], coefficients[2][first:last], coefficients[3][first:last]
        for v in range(last - first):
            out[v] = data[v] - a * row_a[v] - b * row_b[v] - c * row_c[v] - d * row_d[v]
    elif len(coefficients) == 3:
        start = 3
        b, c = design[energy, 1], design[energy, 2]
        row_b, row_c = coefficients[1][first:last], coefficients[2][first:last]
        for v in range(last - first):
            out[v] = data[v] - a * row_a[v] - b * row_b[v] - c * row_c[v]
    else:
        for v in range(last - first):
            out[v] = data[v] - a * row_a[v]
    for column in range(start, len(coefficients)):
        _add_scaled(-design[energy, column], coefficients[column][first:last], out)


@_compiled
def _fill_fraction(result, sums, first, last):
    """Fill in the amount, and the fractions where it is positive; NaN elsewhere, for there is no fraction."""
    amount, inverse = result.amount[first:last], sums[6]
    amount[:] = result.coefficients[0][first:last]
    for phase in range(1, len(result.fraction)):
        _add_scaled(sums.dtype.type(1), result.coefficients[phase][first:last], amount)
    _invert_positive(amount, inverse)
    for phase in range(len(result.fraction)):
        row, fraction = result.coefficients[phase][first:last], result.fraction[phase][first:last]
        for v in range(last - first):
            fraction[v] = row[v] * inverse[v]


@_compiled
def _fill_sigma(model, covariance, result, sums, first, last):
    """Fill in the standard deviations of the fractions as they stand; `fraction_and_sigma` explains them."""
    dtype = sums.dtype
    scatter, own, rows, total, inverse = sums[1], sums[3], sums[4], sums[5], sums[6]
    _spread(covariance.total, total, first, last)
    amount_sigma, n_free = result.amount_sigma[first:last], model.n_free[0]
    for v in range(last - first):
        scatter[v] = np.sqrt(scatter[v] / n_free) if n_free > 0 else dtype.type(1)
        amount_sigma[v] = np.sqrt(total[v]) * scatter[v]
    for phase in range(len(result.fraction)):
        _spread(covariance.own[phase], own, first, last)
        _spread(covariance.rows[phase], rows, first, last)
        fraction, sigma = result.fraction[phase][first:last], result.fraction_sigma[phase][first:last]
        for v in range(last - first):
            variance = (total[v] * fraction[v] - rows[v]) * fraction[v] + own[v]
            # Rounding can leave a variance of zero slightly negative; NaN passes through.
            variance = dtype.type(0) if variance < 0 else variance
            sigma[v] = np.sqrt(variance) * inverse[v] * scatter[v]


@_compiled
def _fill_r_factor(result, sums, first, last):
    plain, inverse, r_factor = sums[0], sums[6], result.r_factor[first:last]
    _invert_positive(sums[2][: last - first], inverse)
    for v in range(last - first):
        r_factor[v] = plain[v] * inverse[v]


@_compiled
def _invert_positive(values, inverse):
    floor, one, missing = _smallest(values), values.dtype.type(1), values.dtype.type(np.nan)
    for v in range(len(values)):
        inverse[v] = one / values[v] if values[v] > floor else missing


@_compiled
def _smallest(values):
    """Return what counts as zero: the square root of the smallest normal number, below which squares vanish."""
    return values.dtype.type(1e-19) if values.itemsize == 4 else values.dtype.type(1.5e-154)


@_compiled
def _spread(values, row, first, last):
    if len(values) == 1:
        row[:] = values[0]
    else:
        row[: last - first] = values[first:last]


@_compiled
def _constrain(model, coefficients, plain, first, last):
    """Move coefficients to the non-negative solution, and add what that costs to the squared residuals."""
    n_phases, n_voxels = len(model.curvature), last - first
    lowest = np.zeros(n_voxels, coefficients.dtype)
    for phase in range(n_phases):
        _lower(lowest, coefficients[phase][first:last])
    index = _find_negative(lowest)
    if len(index) == 0:
        return
    # Gathering costs more than solving: where many voxels are negative all are solved, and the others left as they are.
    every = 3 * len(index) > n_voxels
    work = np.empty((3 * n_phases + 3, n_voxels if every else len(index)), coefficients.dtype)
    for phase in range(n_phases):
        _take(coefficients[phase][first:last], index, every, work[phase])
    _choose_active_set(model, work, n_phases)
    if every:
        for phase in range(n_phases):
            _clear_where_zero(lowest, work[n_phases + phase])
    cost = work[2 * n_phases]
    cost[:] = 0
    for phase in range(n_phases):
        slope, change = work[phase], work[n_phases + phase]  # the free amounts are no longer needed
        _combine(model.curvature[phase], work[n_phases:], slope)
        for i in range(len(cost)):
            cost[i] += change[i] * slope[i]
    _add_back(cost, index, every, plain[:n_voxels])
    for column in range(n_phases, len(coefficients)):
        _combine(model.follow[column - n_phases], work[n_phases:], cost)
        _add_back(cost, index, every, coefficients[column][first:last])
    for phase in range(n_phases):
        _add_back(work[n_phases + phase], index, every, coefficients[phase][first:last])
        _raise_to_zero(coefficients[phase][first:last])


@_compiled
def _find_negative(lowest):
    index, count = np.empty(len(lowest), np.int64), 0
    for v in range(len(lowest)):
        index[count] = v
        count += lowest[v] < 0
    return index[:count]


@_compiled
def _clear_where_zero(lowest, change):
    zero = change.dtype.type(0)
    for v in range(len(change)):
        change[v] = change[v] if lowest[v] < zero else zero


@_compiled
def _choose_active_set(model, work, n_phases):
    """Find the change of the amounts for the set that meets the Karush-Kuhn-Tucker conditions.

    Rows of `work`: free amounts, change (the result), conditions, best and present violation, number of the best set.
    Rounding can leave every set violating the conditions; the least violation is then as good, because where sets are
    nearly tied their solutions nearly coincide.
    """
    best, violation, chosen = work[3 * n_phases], work[3 * n_phases + 1], work[3 * n_phases + 2]
    best[:] = -np.inf
    for number in range(len(model.active_sets)):
        if n_phases == 3:
            _violation_of_three(model.active_sets[number], work, violation)
        else:
            violation[:] = 0
            for phase in range(n_phases):
                _combine(model.active_sets[number, phase], work, work[2 * n_phases + phase])
                _lower(violation, work[2 * n_phases + phase])
        _keep_best(violation, work.dtype.type(number), best, chosen)
    # The conditions of a set are formed again for its voxels: cheaper than carrying all changes along with the best.
    for number in range(len(model.active_sets)):
        for phase in range(n_phases):
            condition = work[2 * n_phases + phase]
            _combine(model.active_sets[number, phase], work, condition)
            kept, change = model.kept[number, phase], work[n_phases + phase]
            _change_where_chosen(work.dtype.type(number), chosen, kept, condition, work[phase], change)


@_compiled
def _violation_of_three(matrix, work, violation):
    """Fill in the lowest of three conditions in one pass over the voxels."""
    free_a, free_b, free_c = work[0], work[1], work[2]
    # numbers of their own: elements of an array might change with the results, as far as the compiler knows
    aa, ab, ac = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    ba, bb, bc = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    ca, cb, cc = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    for i in range(len(violation)):
        first = aa * free_a[i] + ab * free_b[i] + ac * free_c[i]
        second = ba * free_a[i] + bb * free_b[i] + bc * free_c[i]
        third = ca * free_a[i] + cb * free_b[i] + cc * free_c[i]
        first = first if first < second else second
        violation[i] = third if third < first else first


@_compiled
def _keep_best(violation, number, best, chosen):
    for i in range(len(best)):
        better = violation[i] > best[i]
        best[i] = violation[i] if better else best[i]
        chosen[i] = number if better else chosen[i]


@_compiled
def _combine(factors, rows, out):
    if len(factors) == 2:
        a, b, row_a, row_b = factors[0], factors[1], rows[0], rows[1]
        for i in range(len(out)):
            out[i] = a * row_a[i] + b * row_b[i]
        return
    if len(factors) == 3:
        a, b, c, row_a, row_b, row_c = factors[0], factors[1], factors[2], rows[0], rows[1], rows[2]
        for i in range(len(out)):
            out[i] = a * row_a[i] + b * row_b[i] + c * row_c[i]
        return
    first, row = factors[0], rows[0]
    for i in range(len(out)):
        out[i] = first * row[i]
    for number in range(1, len(factors)):
        if factors[number] != 0:
            _add_scaled(factors[number], rows[number], out)


@_compiled
def _change_where_chosen(number, chosen, kept, condition, free, change):
    zero = change.dtype.type(0)
    for i in range(len(change)):
        new = kept * max(condition[i], zero) - free[i]
        change[i] = new if chosen[i] == number else change[i]


@_compiled
def _add_scaled(factor, row, out):
    for i in range(len(row)):
        out[i] += factor * row[i]


@_compiled
def _lower(limit, values):
    for i in range(len(limit)):
        limit[i] = min(limit[i], values[i])


@_compiled
def _raise_to_zero(values):
    """Remove what rounding leaves below zero; NaN passes through."""
    zero = values.dtype.type(0)
    for i in range(len(values)):
        values[i] = zero if values[i] < 0 else values[i]


@_compiled
def _take(values, index, every, out):
    if every:
        out[:] = values
        return
    for i in range(len(out)):
        out[i] = values[index[i]]


@_compiled
def _add_back(values, index, every, out):
    if every:
        for i in range(len(values)):
            out[i] += values[i]
        return
    for i in range(len(values)):
        out[index[i]] += values[i]
