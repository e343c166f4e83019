"""Exact constrained least squares for a few components, reduced to small matrices.

Both constraints start from the free solution: the sum of squares is a paraboloid around it, so that the data are
not needed again.
"""

from itertools import chain, combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import FitError

FloatArray = NDArray[np.floating[Any]]

MAXIMUM_PHASES: Final = 5
"""Most phases for which all 2^5 active sets are tried; `nonnegative` does more."""


def active_sets(root: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Matrices that solve a non-negative fit, one for each set of phases pinned to zero.

    Minimise :math:`|T (a - a_0)|^2` over :math:`a \ge 0`, where :math:`a_0` is the free solution and :math:`T^T T` the
    inverse of its covariance. Each matrix times :math:`a_0` gives the amounts of the phases that are not pinned
    and the multipliers of those that are. All of them are non-negative for one set only (Karush-Kuhn-Tucker):
    that set holds the solution, exact and unique.

    Parameters
    ----------
    root
        `(phase, phase)` triangle T (`CombinationModel.amount_root`), up to a factor.

    Returns
    -------
    `(set, phase, phase)` matrices, without the set that pins nothing, multipliers scaled to the unit of an amount;
    and `(set, phase)`, 0 where a set pins a phase, else 1.

    Raises
    ------
    FitError
        If there are more than five phases.

    References
    ----------
    C. L. Lawson and R. J. Hanson, Solving Least Squares Problems (1974), chapter 23.
    """
    n_phases = len(root)
    if n_phases > MAXIMUM_PHASES:
        message = (
            f"all active sets of {n_phases} phases were asked for, at most {MAXIMUM_PHASES} phases are possible; use "
            "`nonnegative` for more."
        )
        raise FitError(message)
    sizes = range(1, n_phases + 1)
    pinned = list(chain.from_iterable(combinations(range(n_phases), size) for size in sizes))
    kept = np.array([[float(phase not in pins) for phase in range(n_phases)] for pins in pinned])
    return np.array([_pivot(root, list(pins)) for pins in pinned]), kept


def following_columns(covariance: FloatArray, *, n_phases: int) -> FloatArray:
    """Change of every background coefficient per change of an amount, the background re-fitted.

    Parameters
    ----------
    covariance
        `(column, column)` covariance of all coefficients, up to a factor, phases first.
    n_phases
        Number of phases.

    Returns
    -------
    `(background column, phase)` matrix.
    """
    return np.asarray(np.linalg.solve(covariance[:n_phases, :n_phases], covariance[:n_phases, n_phases:]).T)


def sum_to_one_direction(covariance: FloatArray, *, n_phases: int) -> FloatArray:
    r"""Change of every coefficient per missing unit of the sum of amounts, at the least cost.

    .. math:: b = b_0 + d \, (1 - \textstyle\sum_k a_{0,k}), \quad d = C_{\cdot a} 1 / (1^T C_{aa} 1)

    Parameters
    ----------
    covariance
        `(column, column)` covariance of all coefficients, up to a factor, phases first.
    n_phases
        Number of phases.

    Returns
    -------
    `(column,)` direction d, which sums to 1 over the phases.
    """
    direction = covariance[:, :n_phases].sum(axis=1)
    return np.asarray(direction / direction[:n_phases].sum())


def _pivot(root: FloatArray, pins: list[int]) -> FloatArray:
    identity = np.eye(len(root))
    free = [phase for phase in range(len(root)) if phase not in pins]
    solution = identity.copy()
    solution[pins] = 0
    # least squares in the triangle, not in its square: what nearly parallel references cost is not squared
    solution[np.ix_(free, pins)] = np.linalg.lstsq(root[:, free], root[:, pins], rcond=None)[0]
    multipliers = root.T @ (root @ (solution - identity)) / (root**2).sum(axis=0)[:, np.newaxis]
    solution[pins] = multipliers[pins]
    return solution
