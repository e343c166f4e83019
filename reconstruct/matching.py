"""The frames of one energy against what the phase volumes predict for them: Gauss-Newton on their displacements.

Whatever is fixed in the detector frame adds the same to all frames of an energy. All sums here are taken over what is
left when the mean over the angles is removed, so a fixed pattern, known or not, cannot pull the displacements; it
costs less than 1 % of their accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_EDGE_PX = 3  # pixels at the rim of the frame whose gradient or neighbourhood is incomplete
N_MOTIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyMatch:
    """What the frames of one energy tell about their displacements.

    Parameters
    ----------
    step_px
        `(angle, 2)` displacement (v, u) still missing in each frame, pixels.
    gain
        `(angle,)` measured over predicted contrast of each frame.
    sigma_px
        `(angle,)` standard error of `step_px`, mean of v and u, pixels.
    misfit
        `(angle,)` mean square of what is left of each frame after its step.
    noise
        Variance of a pixel, from differences between neighbours.
    normal
        `(column, column)` products of the columns of a motion of the whole energy: for motion along v, x and y the
        derivative of each component. Amplitudes of the components are projected out.
    right
        `(column,)` their products with the residual.
    pattern
        `(v, u)` mean over the angles of what the prediction leaves, unitless.
    """

    step_px: NDArray[np.float64]
    gain: NDArray[np.float64]
    sigma_px: NDArray[np.float64]
    misfit: NDArray[np.float64]
    noise: float
    normal: NDArray[np.float64]
    right: NDArray[np.float64]
    pattern: NDArray[np.float32]


def match_energy(
    measured: NDArray[np.float32],
    components: NDArray[np.float32],
    *,
    spectrum: FloatArray,
    angles_rad: FloatArray,
    kept: NDArray[np.bool_],
) -> EnergyMatch:
    """Match all frames of one energy to their prediction.

    Parameters
    ----------
    measured
        `(angle, v, u)` line integrals as measured.
    components
        `(component, angle, v, u)` predicted sinograms of the components, as the detector would see them.
    spectrum
        `(component,)` weight of each component at this energy.
    angles_rad
        `(angle,)` radians.
    kept
        `(angle,)` frames to use for what all frames have in common.
    """
    slopes = np.stack(
        [-np.gradient(components, axis=2), -np.gradient(components, axis=3)]
    )  # (direction, component, ...)
    weights = np.asarray(spectrum, np.float32)
    predicted = np.tensordot(weights, components, axes=1)
    residual = measured - predicted
    inner = _inner(residual)
    centred = inner - inner[kept].mean(axis=0)
    moved = [np.tensordot(weights, _inner(slope), axes=1) for slope in slopes]
    # an error of contrast is common to all frames rather than their own, so its column is treated as the residual is
    contrast = _inner(predicted)
    contrast -= contrast[kept].mean(axis=0)
    step, gain, sigma, misfit = _match_frames(centred, [*moved, contrast])
    columns = _motion_columns(slopes, components, angles_rad, kept=kept)
    normal, right = _project_out(columns, centred[kept], n_motion=N_MOTIONS * len(components))
    pattern = residual[kept].mean(axis=0, dtype=np.float64)
    return EnergyMatch(
        step_px=step,
        gain=1 + gain,
        sigma_px=sigma,
        misfit=misfit,
        noise=_pixel_variance(residual),
        normal=normal,
        right=right,
        pattern=(pattern - pattern.mean()).astype(np.float32),
    )


def _inner(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(..., v, u)` to `(..., pixel)` without the rim and without the mean, which stands for the lamp."""
    cut = frames[..., _EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
    pixels: NDArray[np.float32] = cut.reshape(*cut.shape[:-2], -1)
    centred: NDArray[np.float32] = pixels - pixels.mean(axis=-1, keepdims=True)
    return centred


def _pixel_variance(frames: NDArray[np.float32]) -> float:
    return float((1.4826 * np.median(np.abs(np.diff(frames, axis=-1)))) ** 2 / 2)


def _match_frames(
    residual: NDArray[np.float32], columns: list[NDArray[np.float32]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Step, gain less 1, standard error and mean square left of every frame by itself."""
    stacked = np.stack(columns, axis=1)  # (angle, column, pixel)
    normal = (stacked @ stacked.transpose(0, 2, 1)).astype(np.float64)
    right = (stacked @ residual[..., None])[..., 0].astype(np.float64)
    # a frame without any contrast has no normal equations to speak of: its step is zero, its error large
    normal += 1e-12 * (np.trace(normal, axis1=1, axis2=2).max() + 1e-30) * np.eye(len(columns))
    inverse = np.linalg.inv(normal)
    solution = (inverse @ right[..., None])[..., 0]
    squares = np.einsum("ap,ap->a", residual, residual).astype(np.float64)
    misfit = np.maximum(squares - (solution * right).sum(axis=1), 0) / residual.shape[1]
    sigma = np.sqrt(misfit * (inverse[:, 0, 0] + inverse[:, 1, 1]) / 2)
    return solution[:, :2], solution[:, 2], sigma, misfit


def _slopes(components: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(direction, component, angle, v, u)` change of each component with a displacement along v and along u."""
    slopes = np.empty((2, *components.shape), np.float32)
    for index, component in enumerate(components):
        for direction in range(2):
            np.negative(np.gradient(component, axis=1 + direction), out=slopes[direction, index])
    return slopes


def _motion_columns(
    slopes: NDArray[np.float32],
    components: NDArray[np.float32],
    angles_rad: FloatArray,
    *,
    kept: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """`(column, angle, pixel)`: each component moved along v, x and y, then the components; mean over angles 0.

    Filled one by one: these columns are the largest array of an alignment.
    """
    angles = np.asarray(angles_rad)[kept]
    along_v, along_u = slopes
    parts = [(along_v, np.ones_like(angles)), (along_u, np.cos(angles)), (along_u, -np.sin(angles))]
    parts.append((components, np.ones_like(angles)))
    sources = [(frames, weight) for stack, weight in parts for frames in stack]
    n_v, n_u = components.shape[-2:]
    columns = np.empty((len(sources), len(angles), (n_v - 2 * _EDGE_PX) * (n_u - 2 * _EDGE_PX)), np.float32)
    for column, (frames, weight) in zip(columns, sources, strict=True):
        np.multiply(_inner(frames[kept]), weight[:, None].astype(np.float32), out=column)
        column -= column.mean(axis=0)
    return columns


def _project_out(
    columns: NDArray[np.float32], residual: NDArray[np.float32], *, n_motion: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal equations of the first columns with the other columns removed."""
    flat = columns.reshape(len(columns), -1)
    products = (flat @ flat.T).astype(np.float64)
    right = (flat @ residual.ravel()).astype(np.float64)
    motion, rest = slice(0, n_motion), slice(n_motion, None)
    transfer = products[motion, rest] @ np.linalg.pinv(products[rest, rest], hermitian=True)
    return products[motion, motion] - transfer @ products[rest, motion], right[motion] - transfer @ right[rest]
