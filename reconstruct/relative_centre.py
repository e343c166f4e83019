"""Rotation centres of many energies against one another, far below the noise of any single energy.

Each energy is matched to what all energies together predict for it: the projections are unmixed into the sinograms of
the phases, and the projections of one energy are a combination of these, moved by its own centre. So contrast that
turns round at the edge does not matter, and energies with little contrast borrow the shape from the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.centre import CentreEstimate, find_centre
from xanesmap.reconstruct.engines import FloatArray
from xanesmap.reconstruct.scan import same_angles

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
    if not all(same_angles(angles, angles_rad[0]) for angles in angles_rad):
        return [find_centre(frames, angles) for frames, angles in zip(projections, angles_rad, strict=True)]
    first = [find_centre(frames, angles_rad[0]) for frames in projections]
    centres = np.array([estimate.centre for estimate in first])
    sigma = np.zeros(len(centres))
    for _ in range(_ROUNDS):
        steps, sigma = _displacements(projections, centres - centres.mean(), unmixing)
        centres = centres + steps
        if np.abs(steps).max() < _CONVERGED_PX:
            break
    common = _common_centre(projections, centres - centres.mean(), angles_rad[0])
    absolute = centres - centres.mean() + common.centre
    return [
        CentreEstimate(centre=float(c), sigma=float(np.hypot(s, common.sigma)), method=common.method)
        for c, s in zip(absolute, sigma, strict=True)
    ]


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
    """Frames moved to higher columns by linear interpolation; the outermost columns go on beyond the edge."""
    positions = np.clip(np.arange(frames.shape[-1]) - offset, 0, frames.shape[-1] - 1)
    left = np.minimum(positions.astype(np.intp), frames.shape[-1] - 2)
    share = (positions - left).astype(np.float32)
    moved: NDArray[np.float32] = frames[..., left]
    moved *= 1 - share
    beyond = frames[..., left + 1]
    beyond *= share
    moved += beyond
    return moved


def _displacements(
    projections: Sequence[NDArray[np.float32]], offsets: NDArray[np.float64], unmixing: FloatArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps still missing in the offsets of all energies, and their standard deviations, pixels.

    Least squares on all pixels for the amount of each component, an air level and the displacement; the derivative
    of the prediction along u is the column of the last (Gauss-Newton). As the derivative of a sum of components is
    the sum of their derivatives, the columns of all energies are combinations of the same few, whose products are
    formed once.
    """
    components = _unmix(projections, offsets, unmixing)
    columns = np.stack([*components, *-np.gradient(components, axis=-1)], axis=1)  # (angle, column, v, u)
    columns -= columns.mean(axis=(0, 2, 3), dtype=np.float64, keepdims=True)  # what an air level would take away
    columns = columns.reshape(*columns.shape[:2], -1)
    normal = _products(columns, columns)
    steps = []
    for frames, offset in zip(projections, offsets, strict=True):
        moved = _move_columns(frames, -offset)
        right = _products(columns, moved.reshape(len(moved), 1, -1))[:, 0]
        steps.append(_step(normal, right, spread=float(np.var(moved, dtype=np.float64)), n_values=moved.size))
    found = np.array(steps)
    return found[:, 0], found[:, 1]


def _products(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """`(column, column)` inner products of `(angle, column, pixel)` arrays, summed in double precision."""
    products: NDArray[np.float64] = np.matmul(first, second.transpose(0, 2, 1)).sum(axis=0, dtype=np.float64)
    return products


def _step(
    normal: NDArray[np.float64], right: NDArray[np.float64], *, spread: float, n_values: int
) -> tuple[float, float]:
    """Displacement of one energy and its standard deviation from the products of all columns.

    The first half of the columns are the components, the second half their derivatives; `spread` is the variance of
    the values fitted.
    """
    n_phases = len(right) // 2
    amounts = np.linalg.pinv(normal[:n_phases, :n_phases], hermitian=True) @ right[:n_phases]
    combine = np.zeros((2 * n_phases, n_phases + 1))
    combine[:n_phases, :n_phases] = np.eye(n_phases)
    combine[n_phases:, -1] = amounts
    inverse = np.linalg.pinv(combine.T @ normal @ combine, hermitian=True)
    solution = inverse @ (combine.T @ right)
    noise = max(spread - float(solution @ (combine.T @ right)) / n_values, 0.0)
    step = float(np.clip(solution[-1], -_LARGEST_STEP_PX, _LARGEST_STEP_PX))
    return step, float(np.sqrt(noise * inverse[-1, -1]))


def _common_centre(
    projections: Sequence[NDArray[np.float32]], offsets: NDArray[np.float64], angles_rad: FloatArray
) -> CentreEstimate:
    """Centre of the sum of all energies, whose object stands out best."""
    total = np.zeros_like(projections[0])
    for frames, offset in zip(projections, offsets, strict=True):
        total += _move_columns(frames, -offset)
    return find_centre(total, angles_rad)
