"""The arrays that go into the compiled fit and come out of it (plain NumPy; importing this compiles nothing)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


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
    root
        `(phase, phase)` triangle T with T'T the curvature.
    curvature
        `(phase, phase)` half the second derivative of the plain sum of squares along the amounts, for equal weights.
    follow
        `(background column, phase)` change of every background coefficient per change of an amount.
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
    root: FloatArray
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
