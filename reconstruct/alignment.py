"""Spectral projection matching: displacements of all frames of a scan, across an absorption edge.

No energy is compared with another. All energies together are unmixed into the volumes of a few components; these
predict every frame at its own angle and energy, whatever the contrast there, and each frame is moved onto its
prediction:

    undo the displacements (from the originals) -> unmix -> reconstruct -> project -> mix -> match -> displacements

Three things make it converge within ten rounds to the counting noise: whatever is fixed on the detector is projected
out (`matching`), motion of whole energies is solved for together with the answer of the components (`rigid_motion`),
and the volumes are never made positive, which would turn their noise into a bias.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

from xanesmap.errors import DataError
from xanesmap.reconstruct.coarse_alignment import air_level, coarse_displacement
from xanesmap.reconstruct.displacement import Alignment
from xanesmap.reconstruct.fourier import FourierEngine
from xanesmap.reconstruct.matching import EnergyMatch, match_energy
from xanesmap.reconstruct.optics import spline_coefficients
from xanesmap.reconstruct.resampling import apply_displacement, undo_displacement
from xanesmap.reconstruct.rigid_motion import solve_rigid_motion

_LOG = logging.getLogger(__name__)

FloatArray = NDArray[np.floating[Any]]
RoundDone = Callable[[int, int, float], None]
"""Called with the round, the largest number of rounds and the rms step in pixels."""

MAX_ROUNDS = 14
CONVERGED_PX = 0.005
_LEAST_ANGLES = 8
# Blur of the volumes, round by round: wide while the frames are still pixels apart, then little more than a voxel. A
# symmetric blur does not bias a displacement.
_BLUR_PX = (2.0, 2.0, 1.5, 1.0, 0.7)
# Damping of the motion of whole energies, round by round; the first round moves frames only.
_DAMPING = (1.0, 0.5, 0.3, 0.1, 0.03, 0.0)
_SUPPORT_SHARE = 0.15
_SUPPORT_MARGIN_PX = 7  # closer to the object, the support would hold back what is still displaced
_SUPPORT_SOFTNESS_PX = 2.0
_LARGEST_STEP_PX = 2.0
_LARGEST_MOTION_PX = 1.5
_COMMON_PART = 0.6
_PATTERN_ROUND = 4  # from this round on the fixed pattern is taken off
# Wider structures of the mean residual may be the object's. While the frames are moved they do no harm; taken off the
# data for good they would carry chemistry.
_PATTERN_LENGTH_PX = 16.0
_FINAL_PATTERN_LENGTH_PX = 4.0
# A frame is left out whose displacement is uncertain by this much, whose contrast is another than predicted, or that
# differs from its prediction by far more than noise: by twice its standard deviation on average.
_JUDGED_ROUND = 5
_POOREST_PX = 0.5
_GAIN_RANGE = (0.5, 1.6)
_LARGEST_MISFIT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """Spline coefficients of all frames with their geometry; energies of the same angles share a group."""

    coefficients: tuple[NDArray[np.float32], ...]
    angles_rad: tuple[NDArray[np.float64], ...]
    groups: tuple[tuple[int, ...], ...]
    magnification: NDArray[np.float64]
    spectra: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What a round starts from: `shifts` (angle, 2), `kept` (angle,), `patterns` (v, u) per energy."""

    shifts: tuple[NDArray[np.float64], ...]
    kept: tuple[NDArray[np.bool_], ...]
    patterns: tuple[NDArray[np.float32], ...]
    sigma: tuple[NDArray[np.float64], ...]


def align_projections(
    projections: Sequence[NDArray[np.float32]],
    angles_rad: Sequence[FloatArray],
    *,
    spectra: FloatArray,
    magnification: FloatArray | None = None,
    max_rounds: int = MAX_ROUNDS,
    round_done: RoundDone | None = None,
) -> Alignment:
    """Displacement of every frame.

    Parameters
    ----------
    projections
        For each energy `(angle, v, u)` line integrals; the level of air may differ from frame to frame.
    angles_rad
        For each energy `(angle,)` radians.
    spectra
        `(energy, component)` attenuation of each component, any unit; what else attenuates should be part of them, or
        the energies before the edge would be free against those after it.
    magnification
        `(energy,)` relative to the undisturbed image; None: 1.
    max_rounds
        Rounds after which to stop; usually the steps fall below 0.005 pixels before.
    round_done
        Called after each round.

    Returns
    -------
    Alignment. Its mean displacement in v is 0; where the object lies about the axis is as the centres of mass have it.

    Raises
    ------
    DataError
        Frames, angles and spectra do not belong together, too few angles, or no object in the frames.
    """
    stack, state = _prepare(projections, angles_rad, spectra=spectra, magnification=magnification)
    sinograms: list[NDArray[np.float32]] | None = None
    for number in range(max_rounds):
        sinograms = _predict(stack, state, number=number, predicted=sinograms)
        matches = _match(stack, state, sinograms)
        state, step = _update(stack, state, matches, number=number)
        _LOG.debug("Alignment round %d: rms step %.4f px.", number + 1, step)
        if round_done is not None:
            round_done(number + 1, max_rounds, step)
        if number > _JUDGED_ROUND and step < CONVERGED_PX:
            break
    return _result(stack, state)


def _prepare(
    projections: Sequence[NDArray[np.float32]],
    angles_rad: Sequence[FloatArray],
    *,
    spectra: FloatArray,
    magnification: FloatArray | None,
) -> tuple[_Stack, _State]:
    _check(projections, angles_rad, spectra)
    levelled = [frames - air_level(frames)[:, None, None] for frames in projections]
    shifts = coarse_displacement(levelled, angles_rad)
    angles = tuple(np.asarray(a, np.float64) for a in angles_rad)
    n_energies = len(levelled)
    stack = _Stack(
        coefficients=tuple(spline_coefficients(levelled.pop(0)) for _ in range(n_energies)),
        angles_rad=angles,
        groups=_groups(angles),
        magnification=np.ones(n_energies) if magnification is None else np.asarray(magnification, np.float64),
        spectra=np.asarray(spectra, np.float64),
    )
    state = _State(
        shifts=tuple(shifts),
        kept=tuple(np.ones(len(a), bool) for a in angles),
        patterns=tuple(np.zeros(projections[0].shape[1:], np.float32) for _ in angles),
        sigma=tuple(np.full(len(a), np.nan) for a in angles),
    )
    return stack, state


def _check(projections: Sequence[NDArray[np.float32]], angles_rad: Sequence[FloatArray], spectra: FloatArray) -> None:
    n_frames, n_angles = [len(frames) for frames in projections], [len(angles) for angles in angles_rad]
    shapes = {frames.shape[1:] for frames in projections}
    if n_frames != n_angles or len(n_frames) != len(spectra) or len(shapes) != 1:
        message = (
            f"Projections of {len(n_frames)} energies with {sorted(set(n_frames))} frames of shapes {sorted(shapes)} "
            f"do not fit {sorted(set(n_angles))} angles and spectra of {len(spectra)} energies. Give frames of one "
            "size, one angle each."
        )
        raise DataError(message)
    if min(n_angles) < _LEAST_ANGLES:
        message = (
            f"Alignment was asked for a tomogram of {min(n_angles)} angles; it needs {_LEAST_ANGLES} or more to "
            "predict one projection from the others."
        )
        raise DataError(message)


def _groups(angles_rad: Sequence[NDArray[np.float64]]) -> tuple[tuple[int, ...], ...]:
    groups: dict[bytes, list[int]] = {}
    for index, angles in enumerate(angles_rad):
        groups.setdefault(angles.tobytes(), []).append(index)
    return tuple(tuple(group) for group in groups.values())


def _predict(
    stack: _Stack, state: _State, *, number: int, predicted: list[NDArray[np.float32]] | None
) -> list[NDArray[np.float32]]:
    """For each group `(component, angle, v, u)` undisturbed sinograms of the components."""
    engine = FourierEngine()
    n_u = stack.coefficients[0].shape[2]
    centre = (n_u - 1) / 2
    unmixing = np.linalg.pinv(stack.spectra).astype(np.float32)
    volumes = np.zeros((), np.float32)
    for position, group in enumerate(stack.groups):
        known = None if predicted is None else predicted[position]
        unmixed = _unmix(stack, state, group, unmixing=unmixing, known=known)
        angles = stack.angles_rad[group[0]]
        volumes = volumes + np.stack([engine.reconstruct(_by_slice(s), angles, centre=centre) for s in unmixed])
    volumes = _regularise(volumes, blur_px=_BLUR_PX[min(number, len(_BLUR_PX) - 1)])
    return [
        np.stack([_by_slice(engine.project(volume, stack.angles_rad[group[0]], centre=centre)) for volume in volumes])
        for group in stack.groups
    ]


def _by_slice(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(angle, v, u)` to `(v, angle, u)`, and back."""
    return np.ascontiguousarray(frames.transpose(1, 0, 2))


def _unmix(
    stack: _Stack,
    state: _State,
    group: Sequence[int],
    *,
    unmixing: NDArray[np.float32],
    known: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """`(component, angle, v, u)` share of one group in the sinograms of the components, displacements undone.

    Frames that are left out are replaced by what was predicted for them.
    """
    shape = stack.coefficients[group[0]].shape
    unmixed = np.zeros((len(unmixing), *shape), np.float32)
    for index in group:
        clean = np.asarray(stack.coefficients[index] - spline_coefficients(state.patterns[index]), np.float32)
        frames = undo_displacement(
            clean,
            shift_px=state.shifts[index],
            magnification=stack.magnification[index],
        )
        lost = ~state.kept[index]
        if known is not None and lost.any():
            frames[lost] = np.tensordot(stack.spectra[index].astype(np.float32), known[:, lost], axes=1)
        for component, weight in zip(unmixed, unmixing[:, index], strict=True):
            component += weight * frames
    return unmixed


def _regularise(volumes: NDArray[np.float32], *, blur_px: float) -> NDArray[np.float32]:
    """Volumes blurred, and faded out well away from the object."""
    blurred = np.stack([gaussian_filter(volume, blur_px) for volume in volumes])
    total = gaussian_filter(blurred.sum(axis=0), 1.5)
    covered = total > _SUPPORT_SHARE * np.percentile(total, 99.5)
    near = binary_dilation(covered, iterations=_SUPPORT_MARGIN_PX).astype(np.float32)
    blurred *= gaussian_filter(near, _SUPPORT_SOFTNESS_PX)
    return blurred


def _match(stack: _Stack, state: _State, sinograms: Sequence[NDArray[np.float32]]) -> list[EnergyMatch]:
    """Every energy matched to its prediction, in order of energy."""
    matches: dict[int, EnergyMatch] = {}
    for group, components in zip(stack.groups, sinograms, strict=True):
        coefficients = [spline_coefficients(component) for component in components]
        for index in group:
            shown = [
                apply_displacement(c, shift_px=state.shifts[index], magnification=stack.magnification[index])
                for c in coefficients
            ]
            matches[index] = match_energy(
                _measured(stack.coefficients[index]),
                np.stack(shown),
                spectrum=stack.spectra[index],
                angles_rad=stack.angles_rad[index],
                kept=state.kept[index],
            )
    return [matches[index] for index in range(len(matches))]


def _measured(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """The frames again, from their spline coefficients: half the memory of keeping both."""
    return undo_displacement(coefficients, shift_px=np.zeros((len(coefficients), 2)), magnification=1.0)


def _update(stack: _Stack, state: _State, matches: Sequence[EnergyMatch], *, number: int) -> tuple[_State, float]:
    """State for the next round and the rms step of the frames kept, pixels."""
    steps = [np.clip(match.step_px, -_LARGEST_STEP_PX, _LARGEST_STEP_PX) for match in matches]
    if number > 0:
        normals, rights = [match.normal for match in matches], [match.right for match in matches]
        damping = _DAMPING[min(number, len(_DAMPING) - 1)]
        motion = solve_rigid_motion(normals, rights, spectra=stack.spectra, damping=damping)
        motion = np.clip(motion, -_LARGEST_MOTION_PX, _LARGEST_MOTION_PX)
        steps = [
            _with_motion(step, moved, angles, kept)
            for step, moved, angles, kept in zip(steps, motion, stack.angles_rad, state.kept, strict=True)
        ]
    if number >= _PATTERN_ROUND:
        steps = _with_common_part(stack, steps)
    judged = number >= _JUDGED_ROUND
    updated = _State(
        shifts=tuple(shift + step for shift, step in zip(state.shifts, steps, strict=True)),
        kept=tuple(_trusted(match) for match in matches) if judged else state.kept,
        patterns=tuple(_fine(m.pattern, _PATTERN_LENGTH_PX) for m in matches)
        if number >= _PATTERN_ROUND
        else state.patterns,
        sigma=tuple(match.sigma_px for match in matches),
    )
    _require_frames(updated, matches)
    used = np.concatenate([step[kept] for step, kept in zip(steps, updated.kept, strict=True)])
    return updated, float(np.sqrt(np.mean(used**2)))


def _with_motion(
    step: NDArray[np.float64],
    motion: NDArray[np.float64],
    angles_rad: NDArray[np.float64],
    kept: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Steps of the frames with their common part replaced by the motion of the whole energy."""
    circle = np.stack([np.cos(angles_rad), -np.sin(angles_rad)], axis=1)
    common_u = np.linalg.lstsq(circle[kept], step[kept, 1], rcond=None)[0]
    along_v = step[:, 0] - step[kept, 0].mean() + motion[0]
    along_u = step[:, 1] + circle @ (motion[1:] - common_u)
    return np.stack([along_v, along_u], axis=1)


def _with_common_part(stack: _Stack, steps: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Steps with the part enlarged that all energies of one group share at an angle, which the volumes half follow."""
    longer = list(steps)
    for group in stack.groups:
        common = np.mean([steps[index] for index in group], axis=0)
        for index in group:
            longer[index] = steps[index] + _COMMON_PART * common
    return longer


def _fine(pattern: NDArray[np.float32], length_px: float) -> NDArray[np.float32]:
    """`(v, u)` fixed pattern, less its wide structures."""
    fine: NDArray[np.float32] = pattern - gaussian_filter(pattern, length_px)
    return fine


def _trusted(match: EnergyMatch) -> NDArray[np.bool_]:
    """`(angle,)` frames that could be matched."""
    lowest, highest = _GAIN_RANGE
    sharp = match.sigma_px < _POOREST_PX
    explained = match.misfit < _LARGEST_MISFIT * match.noise
    return np.asarray(sharp & explained & (match.gain > lowest) & (match.gain < highest))


def _require_frames(state: _State, matches: Sequence[EnergyMatch]) -> None:
    kept = np.concatenate(state.kept)
    if kept.mean() < 0.5 or min(k.sum() for k in state.kept) < _LEAST_ANGLES:
        poorest = int(np.argmax([np.median(match.misfit) / match.noise for match in matches]))
        message = (
            f"Only {int(kept.sum())} of {len(kept)} frames can be matched to what the other frames predict; "
            f"energy number {poorest + 1} differs most. Check its file, the references and the angles, or leave that "
            "energy out."
        )
        raise DataError(message)


def _result(stack: _Stack, state: _State) -> Alignment:
    n_angles = max(len(a) for a in stack.angles_rad)
    shift = np.full((len(stack.angles_rad), n_angles, 2), np.nan)
    residual, kept = np.full(shift.shape[:2], np.nan), np.zeros(shift.shape[:2], bool)
    axis = np.empty(len(shift))
    for index, (found, trusted, sigma) in enumerate(zip(state.shifts, state.kept, state.sigma, strict=True)):
        axis[index] = np.median(found[trusted, 1])
        shift[index, : len(found)] = np.where(trusted[:, None], found - [0.0, axis[index]], np.nan)
        residual[index, : len(found)], kept[index, : len(found)] = sigma, trusted
    shift[..., 0] -= np.nanmean(shift[..., 0])
    return Alignment(
        shift_px=shift,
        magnification=stack.magnification,
        centre_px=axis + (state.patterns[0].shape[1] - 1) / 2,
        residual_px=residual,
        kept=kept,
        pattern=np.stack([_fine(pattern, _FINAL_PATTERN_LENGTH_PX) for pattern in state.patterns]),
    )
