"""Motion of whole energies against one another, solved for all energies at once.

The components are made from all energies, so they follow when one energy is moved: the residual then shows only a part
of the motion, for the image of one phase moved against that of the other only 2 % of it, and an update frame by frame
would need hundreds of rounds. Here the answer of the components is part of the equations (variable projection; Golub
and Pereyra, SIAM J. Numer. Anal. 10, 413 (1973), doi:10.1137/0710036), for motion of the object along v, x and y and
for the magnification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

# Eigenvalues of the scaled normal matrix: 0 for the motion of all energies alike, from about 0.02 on for all others.
_SMALLEST_EIGENVALUE = 1e-3
_ROUNDING = 1e-12


def solve_rigid_motion(
    normals: Sequence[FloatArray], rights: Sequence[FloatArray], *, spectra: FloatArray, damping: float = 0.0
) -> NDArray[np.float64]:
    """Motion of every energy that explains the residuals of all.

    Parameters
    ----------
    normals
        For each energy the products of its motion columns, from `match_energy`.
    rights
        For each energy their products with the residual.
    spectra
        `(energy, component)` weight of each component.
    damping
        Share of its curvature below which a motion is only partly followed, 0 to 1: what the residual hardly shows is
        not to be trusted while frames are still far from their place.

    Returns
    -------
    `(energy, motion)` pixels, with mean 0 over the energies, in the order of the columns of the normal equations; at
    angle t a motion (x, y) shows in u as `x cos t - y sin t`.
    """
    n_energies, n_components = spectra.shape
    n_motions = len(rights[0]) // n_components
    answers = _answers(np.asarray(spectra, np.float64), n_motions=n_motions)
    size = n_motions * n_energies
    matrix, vector = np.zeros((size, size)), np.zeros(size)
    for answer, normal, right in zip(answers, normals, rights, strict=True):
        matrix += answer.T @ normal @ answer
        vector += answer.T @ right
    motion: NDArray[np.float64] = _pseudo_solve(matrix, vector, damping=damping).reshape(n_motions, n_energies).T
    motion -= motion.mean(axis=0)
    return motion


def _answers(spectra: NDArray[np.float64], *, n_motions: int) -> NDArray[np.float64]:
    """`(energy, column, motion of every energy)`: how much each component of an energy lags when energies move.

    Moving energy F by t moves component j in the data by `b_Fj t`, and what is unmixed from all energies, seen at
    energy E, by `P_EF b_Fj t` with the hat matrix P of the unmixing.
    """
    n_energies, n_components = spectra.shape
    hat = spectra @ np.linalg.pinv(spectra)
    rest = np.eye(n_energies) - hat
    rest[np.abs(rest) < _ROUNDING] = 0  # with as many components as energies nothing lags, and nothing is to be read
    lag = rest[:, None] * spectra.T[None]  # (E, component, F)
    answers = np.zeros((n_energies, n_motions, n_components, n_motions, n_energies))
    for motion in range(n_motions):
        answers[:, motion, :, motion] = lag
    return answers.reshape(n_energies, n_motions * n_components, n_motions * n_energies)


def _pseudo_solve(matrix: NDArray[np.float64], vector: NDArray[np.float64], *, damping: float) -> NDArray[np.float64]:
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(matrix * scale[:, None] * scale)
    inverse = np.where(values > _SMALLEST_EIGENVALUE, 1 / np.maximum(values, max(damping, _SMALLEST_EIGENVALUE)), 0.0)
    solution: NDArray[np.float64] = scale * (vectors @ (inverse * (vectors.T @ (scale * vector))))
    return solution
