"""Rotation centres of many energies against one another, far below the noise of any single energy.

Each energy is matched to what all energies together predict for it: the projections are unmixed into the sinograms of
the phases, and the projections of one energy are a combination of these, moved by its own centre. So contrast that
turns round at the edge does not matter, and energies with little contrast borrow the shape from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift as spline_shift

from xanesmap.reconstruct.centre import CentreEstimate, find_centre
from xanesmap.reconstruct.engines import FloatArray

_ROUNDS = 4
_LARGEST_STEP_PX = 2.0
_CONVERGED_PX = 0.01


def find_centres(
    projections: Sequence[NDArray[np.float32]], angles_rad: Sequence[FloatArray], *, unmixing: FloatArray
) -> list[CentreEstimate]:
    """Rotation centre of every energy.

    Parameters
    ----------
    projections
        For each energy `(angle, v, u)` line integrals of the same detector rows.
    angles_rad
        For each energy `(angle,)` radians.
    unmixing
        `(phase, energy)` matrix from the spectrum of a pixel to its phase amounts.

    Returns
    -------
    One estimate per energy. Where the angles differ between energies by more than half a step, each is found by
    itself.

    Raises
    ------
    DataError
        Nothing stands out of the noise.
    """
    if not _same_angles(angles_rad):
        return [find_centre(frames, angles) for frames, angles in zip(projections, angles_rad, strict=True)]
    first = [find_centre(frames, angles_rad[0]) for frames in projections]
    centres = np.array([estimate.centre for estimate in first])
    sigma = np.zeros(len(centres))
    for _ in range(_ROUNDS):
        components = _unmix(projections, centres - centres.mean(), unmixing)
        steps = [_displacement(p, components, c - centres.mean()) for p, c in zip(projections, centres, strict=True)]
        centres = centres + np.array([step for step, _ in steps])
        sigma = np.array([error for _, error in steps])
        if max(abs(step) for step, _ in steps) < _CONVERGED_PX:
            break
    common = _common_centre(projections, centres - centres.mean(), angles_rad[0])
    absolute = centres - centres.mean() + common.centre
    return [
        CentreEstimate(centre=float(c), sigma=float(np.hypot(s, common.sigma)), method=common.method)
        for c, s in zip(absolute, sigma, strict=True)
    ]


def _same_angles(angles_rad: Sequence[FloatArray]) -> bool:
    first = np.asarray(angles_rad[0])
    half_step = 0.5 * float(np.median(np.abs(np.diff(first))))
    return all(len(a) == len(first) and np.abs(np.asarray(a) - first).max() < half_step for a in angles_rad)


def _unmix(
    projections: Sequence[NDArray[np.float32]], offsets: NDArray[np.float64], unmixing: FloatArray
) -> NDArray[np.float32]:
    """`(phase, angle, v, u)` sinograms of the phases, every energy moved back by its offset."""
    components = np.zeros((len(unmixing), *projections[0].shape), np.float32)
    for frames, offset, weights in zip(projections, offsets, np.asarray(unmixing).T, strict=True):
        moved = _move_columns(frames, -offset)
        for component, weight in zip(components, weights, strict=True):
            component += np.float32(weight) * moved
    return components


def _move_columns(frames: NDArray[np.float32], offset: float) -> NDArray[np.float32]:
    return np.asarray(spline_shift(frames, (0, 0, offset), order=1, mode="nearest"), np.float32)


def _displacement(frames: NDArray[np.float32], components: NDArray[np.float32], offset: float) -> tuple[float, float]:
    """Step still missing in the offset of one energy, and its standard deviation, pixels.

    Least squares on all pixels for the amount of each component, an air level and the displacement; the derivative
    of the prediction along u is the column of the last (Gauss-Newton).
    """
    moved = _move_columns(frames, -offset).ravel()
    columns = [component.ravel() for component in components] + [np.ones_like(moved)]
    amounts = _solve(columns, moved)[0]
    prediction = np.tensordot(amounts[:-1].astype(np.float32), components, axes=1)
    gradient = -np.gradient(prediction, axis=-1).ravel()
    solution, covariance = _solve([*columns, gradient], moved)
    step = float(np.clip(solution[-1], -_LARGEST_STEP_PX, _LARGEST_STEP_PX))
    return step, float(np.sqrt(covariance[-1, -1]))


def _solve(columns: list[NDArray[Any]], values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solution and covariance of least squares by normal equations: a handful of columns, millions of pixels."""
    design = np.stack(columns)
    inverse = np.linalg.pinv((design @ design.T).astype(np.float64), hermitian=True)
    solution = inverse @ (design @ values).astype(np.float64)
    residual = values - solution.astype(np.float32) @ design
    return solution, inverse * float(np.mean(residual**2, dtype=np.float64))


def _common_centre(
    projections: Sequence[NDArray[np.float32]], offsets: NDArray[np.float64], angles_rad: FloatArray
) -> CentreEstimate:
    """Centre of the sum of all energies, whose object stands out best."""
    total = np.zeros_like(projections[0])
    for frames, offset in zip(projections, offsets, strict=True):
        total += _move_columns(frames, -offset)
    return find_centre(total, angles_rad)
