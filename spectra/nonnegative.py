"""Non-negative amounts of more phases than all active sets can be tried for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from xanesmap.spectra.fit_arrays import KernelModel, KernelResult

FloatArray = NDArray[np.floating[Any]]


def nonnegative_amounts(amounts: FloatArray, root: FloatArray) -> FloatArray:
    """Non-negative amounts of the least sum of squares, from those of the free fit.

    The sum of squares is a paraboloid about the free solution, so that each voxel is a problem of as many rows as
    phases, solved by the active set method of Lawson and Hanson; the data are not needed again.

    Parameters
    ----------
    amounts
        `(phase, voxel)` amounts of the free fit.
    root
        `(phase, phase)` triangle T with T'T the inverse of their covariance, up to a factor.

    Returns
    -------
    `(phase, voxel)` amounts, of the type of those given; NaN stays.

    References
    ----------
    C. L. Lawson and R. J. Hanson, Solving Least Squares Problems (1974), chapter 23.
    """
    found = np.array(amounts)
    triangle = root.astype(np.float64) / np.abs(root).max()
    for voxel in np.flatnonzero((amounts < 0).any(axis=0)):
        found[:, voxel] = nnls(triangle, triangle @ amounts[:, voxel].astype(np.float64))[0]
    return found


def pin_negative(spectra: FloatArray, model: KernelModel, result: KernelResult) -> None:
    """Turn a free fit into the non-negative one, in place; standard deviations stay those of the free fit.

    Parameters
    ----------
    spectra
        `(energy, voxel)` spectra that were fitted.
    model
        Matrices of the fit.
    result
        Arrays of the free fit.
    """
    n_phases = len(model.curvature)
    voxels = np.flatnonzero((result.coefficients[:n_phases] < 0).any(axis=0))
    free = result.coefficients[:n_phases, voxels]
    amounts = nonnegative_amounts(free, model.root)
    result.coefficients[:n_phases, voxels] = amounts
    result.coefficients[n_phases:, voxels] += model.follow @ (amounts - free)
    total = amounts.sum(axis=0)
    result.amount[voxels] = total
    result.fraction[:, voxels] = amounts / np.where(total > 0, total, np.nan)
    data = spectra[:, voxels]
    residual = data - model.design @ result.coefficients[:, voxels]
    squares = (data**2).sum(axis=0)
    result.r_factor[voxels] = (residual**2).sum(axis=0) / np.where(squares > 0, squares, np.nan)
