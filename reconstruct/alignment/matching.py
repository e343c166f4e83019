"""The frames of one energy against what the phase volumes predict for them: Gauss-Newton on their displacements.

Whatever is fixed in the detector frame adds the same to all frames of an energy. All sums here are taken over what is
left when the mean over the angles is removed, so a fixed pattern, known or not, cannot pull the displacements; it
costs less than 1 % of their accuracy. The sums are formed over some angles after others, so that no more than a few
times the frames of one energy is ever in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
Motion = Literal["v", "x", "y", "magnification"]
"""Of the object along v, x or y; or away from the middle of the detector, by one pixel at its left and right rim."""
RIGID: tuple[Motion, ...] = ("v", "x", "y")

_EDGE_PX = 3  # pixels at the rim of the frame whose gradient or neighbourhood is incomplete
_FRAMES_FOR_NOISE = 12
_CHUNK_BYTES = 64_000_000  # of all columns of the angles that are treated together


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyMatch:
    """What the frames of one energy tell about their displacements.

    Parameters
    ----------
    step_px
        `(angle, 2)` displacement (v, u) still missing in each frame, pixels.
    roll_rad
        `(angle,)` rotation in the plane of the detector still missing in each frame, radians; 0 where not asked for.
    gain
        `(angle,)` measured over predicted contrast of each frame.
    sigma_px
        `(angle,)` standard error of `step_px`, mean of v and u, pixels.
    misfit
        `(angle,)` mean square of what is left of each frame after its step.
    unexplained
        `(angle,)` share of what the frame shows, noise taken off, that is left of it after its step.
    noise
        Variance of a pixel, from differences between neighbours.
    normal
        `(column, column)` products of the columns of a motion of the whole energy: for each motion the derivative of
        each component. Amplitudes of the components are projected out.
    right
        `(column,)` their products with the residual.
    pattern
        `(v, u)` mean over the angles of what the prediction leaves, the components weighted so that it leaves least,
        unitless.
    """

    step_px: NDArray[np.float64]
    roll_rad: NDArray[np.float64]
    gain: NDArray[np.float64]
    sigma_px: NDArray[np.float64]
    misfit: NDArray[np.float64]
    unexplained: NDArray[np.float64]
    noise: float
    normal: NDArray[np.float64]
    right: NDArray[np.float64]
    pattern: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One energy; arrays as in `match_energy`, and the means over the angles kept that are taken off."""

    measured: NDArray[np.float32]
    components: NDArray[np.float32]
    weights: NDArray[np.float32]
    angles_rad: NDArray[np.float64]
    kept: NDArray[np.bool_]
    motions: tuple[Motion, ...]
    roll: Literal["known", "fit"]
    mean_residual: NDArray[np.float64]
    mean_contrast: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frames:
    """Solutions frame by frame."""

    step: NDArray[np.float64]
    gain: NDArray[np.float64]
    sigma: NDArray[np.float64]
    misfit: NDArray[np.float64]
    shown: NDArray[np.float64]


def match_energy(
    measured: NDArray[np.float32],
    components: NDArray[np.float32],
    *,
    spectrum: FloatArray,
    angles_rad: FloatArray,
    kept: NDArray[np.bool_],
    motions: tuple[Motion, ...] = RIGID,
    roll: Literal["known", "fit"] = "known",
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
    motions
        Motions of the whole energy to form equations for.
    roll
        Whether a rotation in the plane of the detector is fitted to each frame.
    """
    weights = np.asarray(spectrum, np.float32)
    mean_measured = measured[kept].mean(axis=0, dtype=np.float64)
    mean_components = np.stack([component[kept].mean(axis=0, dtype=np.float64) for component in components])
    mean_contrast = np.tensordot(weights.astype(np.float64), mean_components, axes=1)
    mean_residual = mean_measured - mean_contrast
    task = _Task(
        measured=measured,
        components=components,
        weights=weights,
        angles_rad=np.asarray(angles_rad, np.float64),
        kept=kept,
        motions=motions,
        roll=roll,
        mean_residual=mean_residual,
        mean_contrast=mean_contrast,
    )
    n_motion = len(motions) * len(components)
    sums = _Sums(n_motion + len(components), _inner_size(measured))
    solved = [_match_chunk(task, chunk, sums) for chunk in _chunks(task)]
    frames = {name: np.concatenate([getattr(part, name) for part in solved]) for name in _Frames.__slots__}
    noise = _pixel_variance(measured, mean_measured)
    products, right_sides = sums.centred()
    normal, right = _project_out(products, right_sides, n_motion=n_motion)
    # weights that are a little wrong would leave some of the object in the mean
    change = np.linalg.pinv(products[n_motion:, n_motion:], hermitian=True) @ right_sides[n_motion:]
    pattern = mean_residual - np.tensordot(change, mean_components, axes=1)
    return EnergyMatch(
        step_px=frames["step"][:, :2],
        roll_rad=frames["step"][:, 2] if roll == "fit" else np.zeros(len(measured)),
        gain=1 + frames["gain"],
        sigma_px=frames["sigma"],
        misfit=frames["misfit"],
        unexplained=np.maximum(frames["misfit"] - noise, 0) / np.maximum(frames["shown"] - noise, 0.1 * noise),
        noise=noise,
        normal=normal,
        right=right,
        pattern=(pattern - pattern.mean()).astype(np.float32),
    )


def _chunks(task: _Task) -> Iterator[slice]:
    n_angles, n_v, n_u = task.measured.shape
    columns = 2 * len(task.components) * (len(task.motions) + 3)
    length = max(1, int(_CHUNK_BYTES / (4 * columns * n_v * n_u)))
    for start in range(0, n_angles, length):
        yield slice(start, min(start + length, n_angles))


def _pixel_variance(frames: NDArray[np.float32], mean: NDArray[np.float64]) -> float:
    """Variance of a pixel from second differences along u, in which neither the object nor a fixed pattern shows."""
    some = frames[:: max(1, len(frames) // _FRAMES_FOR_NOISE)]
    spreads = [np.median(np.abs(np.diff(frame - mean, n=2, axis=-1))) for frame in some]
    return float((1.4826 * np.median(spreads)) ** 2 / 6)


def _inner(frames: NDArray[Any]) -> NDArray[np.float32]:
    """`(..., v, u)` to `(..., pixel)` without the rim and without the mean, which stands for the lamp."""
    cut = frames[..., _EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
    pixels = cut.reshape(*cut.shape[:-2], -1)
    return np.asarray(pixels - pixels.mean(axis=-1, keepdims=True), np.float32)


def _inner_size(frames: NDArray[Any]) -> int:
    n_v, n_u = frames.shape[-2:]
    return int((n_v - 2 * _EDGE_PX) * (n_u - 2 * _EDGE_PX))


def _match_chunk(task: _Task, chunk: slice, sums: _Sums) -> _Frames:
    """Solve the frames of some angles, and add them to the sums of the whole energy."""
    components = task.components[:, chunk]
    slopes = _slopes(components)
    predicted = np.tensordot(task.weights, components, axes=1)
    residual = _inner(task.measured[chunk] - predicted) - _inner(task.mean_residual)
    # an error of contrast is common to all frames rather than their own, so its column is treated as the residual is
    contrast = _inner(predicted) - _inner(task.mean_contrast)
    moved = [np.tensordot(task.weights, slope, axes=1) for slope in slopes]
    if task.roll == "fit":
        moved.append(_rolled(*moved))
    kept = task.kept[chunk]
    sums.add(_motion_columns(task, slopes, components, chunk)[:, kept], residual[kept])
    return _match_frames(residual, [*(_inner(column) for column in moved), contrast], shown=residual + contrast)


def _slopes(components: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(direction, component, angle, v, u)` change of each component with a displacement along v and along u."""
    slopes = np.empty((2, *components.shape), np.float32)
    for index, component in enumerate(components):
        for direction in range(2):
            np.negative(np.gradient(component, axis=1 + direction), out=slopes[direction, index])
    return slopes


def _from_middle(frames: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`(v, 1)` and `(1, u)` pixels from the middle of the detector."""
    v, u = (np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in frames.shape[-2:])
    return v[:, None], u[None, :]


def _rolled(along_v: NDArray[np.float32], along_u: NDArray[np.float32]) -> NDArray[np.float32]:
    """Change with a rotation about the middle of the detector, from u towards v, per radian."""
    v, u = _from_middle(along_v)
    return along_v * u - along_u * v


def _match_frames(
    residual: NDArray[np.float32], columns: list[NDArray[np.float32]], *, shown: NDArray[np.float32]
) -> _Frames:
    """Step, gain less 1, standard error, mean squares left and shown of every frame; the last column is the gain's."""
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
    return _Frames(
        step=solution[:, :-1],
        gain=solution[:, -1],
        sigma=sigma,
        misfit=misfit,
        shown=np.mean(shown**2, axis=1, dtype=np.float64),
    )


def _motion_columns(
    task: _Task, slopes: NDArray[np.float32], components: NDArray[np.float32], chunk: slice
) -> NDArray[np.float32]:
    """`(column, angle, pixel)`: each component moved in each of the ways asked for, then the components."""
    along_v, along_u = slopes
    angles = task.angles_rad[chunk, None, None]
    n_angles, n_pixels = components.shape[1], _inner_size(components)
    columns = np.empty(((len(task.motions) + 1) * len(components), n_angles, n_pixels), np.float32)
    sources = [_moved(motion, v, u, angles) for motion in task.motions for v, u in zip(along_v, along_u, strict=True)]
    for column, frames in zip(columns, [*sources, *components], strict=True):
        column[:] = _inner(frames)
    return columns


def _moved(
    motion: Motion, along_v: NDArray[np.float32], along_u: NDArray[np.float32], angles_rad: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Change of one component with a motion."""
    if motion == "v":
        return along_v
    if motion == "magnification":
        v, u = _from_middle(along_v)
        return np.asarray((along_v * v + along_u * u) / u.max(), np.float32)
    weight = np.cos(angles_rad) if motion == "x" else -np.sin(angles_rad)
    return along_u * weight.astype(np.float32)


class _Sums:
    """Normal equations of all angles, less what their means over the angles would contribute."""

    def __init__(self, n_columns: int, n_pixels: int) -> None:
        self._products = np.zeros((n_columns, n_columns))
        self._right = np.zeros(n_columns)
        self._totals = np.zeros((n_columns, n_pixels))
        self._n_angles = 0

    def add(self, columns: NDArray[np.float32], residual: NDArray[np.float32]) -> None:
        """Add the angles of a chunk: `(column, angle, pixel)` and their residual, its mean over all angles being 0."""
        flat = columns.reshape(len(columns), -1)
        self._products += flat @ flat.T
        self._right += flat @ residual.ravel()
        self._totals += columns.sum(axis=1)
        self._n_angles += columns.shape[1]

    def centred(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Products of the columns, their means over the angles taken off, and their products with the residual."""
        means = self._totals @ self._totals.T / max(self._n_angles, 1)
        return self._products - means, self._right


def _project_out(
    products: NDArray[np.float64], right: NDArray[np.float64], *, n_motion: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal equations of the first columns with the other columns removed."""
    motion, rest = slice(0, n_motion), slice(n_motion, None)
    transfer = products[motion, rest] @ np.linalg.pinv(products[rest, rest], hermitian=True)
    return products[motion, motion] - transfer @ products[rest, motion], right[motion] - transfer @ right[rest]
