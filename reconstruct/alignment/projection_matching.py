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
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.frame_stack import FrameStack, stack_frames
from xanesmap.reconstruct.alignment.matching import RIGID, EnergyMatch, match_energy
from xanesmap.reconstruct.alignment.resampling import apply_displacement, undo_displacement
from xanesmap.reconstruct.alignment.state import AlignmentState, SpectraOfProfiles, first_state, spectra_at
from xanesmap.reconstruct.alignment.update import (
    JUDGED_ROUND,
    PATTERN_LENGTH_PX,
    fine_structure,
    require_energies,
    update_state,
)
from xanesmap.reconstruct.fourier import FourierEngine
from xanesmap.reconstruct.simulator.optics import spline_coefficients

_LOG = logging.getLogger(__name__)

FloatArray = NDArray[np.floating[Any]]
RoundDone = Callable[[int, int, float], None]
"""Called with the round, the largest number of rounds and the rms step in pixels."""
Refined = Literal["magnification", "roll"]

MAX_ROUNDS = 14
CONVERGED_PX = 0.005
_SPECTRA_ROUND = 4  # spectra that depend on the data are asked for again before it
_REFINED_ROUND = 2  # from this round on magnification and roll are refined
# Blur of the volumes, round by round: wide while the frames are still pixels apart, then little more than a voxel. A
# symmetric blur does not bias a displacement.
_BLUR_PX = (2.0, 2.0, 1.5, 1.0, 0.7)
_SUPPORT_SHARE = 0.15
_SUPPORT_MARGIN_PX = 7  # closer to the object, the support would hold back what is still displaced
_SUPPORT_SOFTNESS_PX = 2.0
# Wider structures of the mean residual would carry chemistry if they were subtracted from the data.
_FINAL_PATTERN_LENGTH_PX = 8.0
# Volumes take a part of the fixed pattern for object, and give it back round by round; steps beyond what a round finds
# bring the pattern as near in five rounds as ten would without. The first round finds most of it, and is not exceeded.
_SHARP_ROUNDS = 5
_PATTERN_RELAXATION = 1.7


def align_projections(
    projections: Iterable[NDArray[np.float32]],
    angles_rad: Sequence[FloatArray],
    *,
    spectra: FloatArray | SpectraOfProfiles,
    magnification: FloatArray | None = None,
    refine: Collection[Refined] = (),
    max_rounds: int = MAX_ROUNDS,
    round_done: RoundDone | None = None,
    scratch: Path | None = None,
    names: Sequence[str] | None = None,
) -> Alignment:
    """Displacement of every frame.

    Parameters
    ----------
    projections
        For each energy `(angle, v, u)` line integrals; the level of air may differ from frame to frame. A generator
        need hold only one energy at a time.
    angles_rad
        For each energy `(angle,)` radians.
    spectra
        `(energy, component)` attenuation of each component, any unit; what else attenuates should be part of them, or
        the energies before the edge would be free against those after it. Or a function that gives them from the
        `(energy, v)` attenuation of every detector row, its displacement undone: it is called before the first round
        and once the frames have come near their places, and may fit what is not known of the spectra in between.
    magnification
        `(energy,)` relative to the undisturbed image; None: 1.
    refine
        What is fitted besides the displacements: `magnification` of every energy, starting from the one given (its
        mean is kept), and `roll`, one rotation of all frames in the plane of the detector.
    max_rounds
        Rounds after which to stop; usually the steps fall below 0.005 pixels before.
    round_done
        Called after each round.
    scratch
        Folder in which the frames are kept while they are worked on; None: in memory.
    names
        Of the energies, for messages; None: their numbers.

    Returns
    -------
    Alignment. The object lies where the detector shows it on average.

    Raises
    ------
    DataError
        Frames, angles and spectra do not belong together, too few angles, or no object in the frames.
    MismatchError
        Frames, or all those of an energy, that are not what the others predict.
    """
    stack = stack_frames(projections, angles_rad, scratch=scratch)
    state = first_state(stack, spectra, magnification, names)
    sinograms: list[NDArray[np.float32]] | None = None
    for number in range(max_rounds):
        if number == _SPECTRA_ROUND:
            state = replace(state, spectra=spectra_at(spectra, stack, state))
        blur_px = _BLUR_PX[min(number, len(_BLUR_PX) - 1)]
        sinograms = _predict(stack, state, blur_px=blur_px, predicted=sinograms)
        matches = _match(stack, state, sinograms, refine=refine if number >= _REFINED_ROUND else ())
        state, step = update_state(stack, state, matches, number=number)
        _LOG.debug("Alignment round %d: rms step %.4f px.", number + 1, step)
        if round_done is not None:
            round_done(number + 1, max_rounds, step)
        if number > JUDGED_ROUND and step < CONVERGED_PX:
            break
    matches = _sharp_matches(stack, state, sinograms)
    require_energies(state, matches)
    return _result(stack, state, matches)


def _predict(
    stack: FrameStack, state: AlignmentState, *, blur_px: float, predicted: list[NDArray[np.float32]] | None
) -> list[NDArray[np.float32]]:
    """For each group `(component, angle, v, u)` undisturbed sinograms of the components."""
    engine = FourierEngine()
    margin = stack.margin_px
    centre = (stack.shape[1] - 1) / 2 + margin
    unmixing = np.linalg.pinv(state.spectra).astype(np.float32)
    volumes = np.zeros((), np.float32)
    for position, group in enumerate(stack.groups):
        known = None if predicted is None else predicted[position]
        unmixed = _unmix(stack, state, group, unmixing=unmixing, known=known)
        angles = stack.angles_rad[group[0]]
        volumes = volumes + np.stack(
            [engine.reconstruct(_extended(_by_slice(s), margin), angles, centre=centre) for s in unmixed]
        )
    volumes = _regularise(volumes, blur_px=blur_px)
    inside = slice(margin, margin + stack.shape[1])
    return [
        np.stack(
            [
                _by_slice(engine.project(volume, stack.angles_rad[group[0]], centre=centre)[..., inside])
                for volume in volumes
            ]
        )
        for group in stack.groups
    ]


def _by_slice(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(angle, v, u)` to `(v, angle, u)`, and back."""
    return np.ascontiguousarray(frames.transpose(1, 0, 2))


def _extended(sinograms: NDArray[np.float32], margin_px: int) -> NDArray[np.float32]:
    """Sinograms `(v, angle, u)` continued over either side of the detector, falling smoothly from their last value.

    Cut off at the side, the filter would answer with a bright rim, and the prediction would be wrong all over.
    """
    if margin_px == 0:
        return sinograms
    extended = np.pad(sinograms, ((0, 0), (0, 0), (margin_px, margin_px)), mode="edge")
    fall = np.cos(0.5 * np.pi * (np.arange(margin_px, dtype=np.float32) + 1) / (margin_px + 1)) ** 2
    extended[..., :margin_px] *= fall[::-1]
    extended[..., -margin_px:] *= fall
    return extended


def _unmix(
    stack: FrameStack,
    state: AlignmentState,
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
            magnification=state.magnification[index],
            roll_rad=state.roll_rad,
        )
        lost = ~state.kept[index]
        if known is not None and lost.any():
            frames[lost] = np.tensordot(state.spectra[index].astype(np.float32), known[:, lost], axes=1)
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


def _match(
    stack: FrameStack, state: AlignmentState, sinograms: Sequence[NDArray[np.float32]], *, refine: Collection[Refined]
) -> list[EnergyMatch]:
    """Every energy matched to its prediction, in order of energy."""
    matches: dict[int, EnergyMatch] = {}
    for group, components in zip(stack.groups, sinograms, strict=True):
        coefficients = [spline_coefficients(component) for component in components]
        for index in group:
            shown = [
                apply_displacement(
                    c,
                    shift_px=state.shifts[index],
                    magnification=state.magnification[index],
                    roll_rad=state.roll_rad,
                )
                for c in coefficients
            ]
            matches[index] = match_energy(
                _measured(stack.coefficients[index]),
                np.stack(shown),
                spectrum=state.spectra[index],
                angles_rad=stack.angles_rad[index],
                kept=state.kept[index],
                motions=(*RIGID, "magnification") if "magnification" in refine else RIGID,
                roll="fit" if "roll" in refine else "known",
            )
    return [matches[index] for index in range(len(matches))]


def _measured(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """The frames again, from their spline coefficients: half the memory of keeping both."""
    return undo_displacement(coefficients, shift_px=np.zeros((len(coefficients), 2)), magnification=1.0)


def _sharp_matches(
    stack: FrameStack, state: AlignmentState, sinograms: list[NDArray[np.float32]] | None
) -> list[EnergyMatch]:
    """Matches to volumes that are not blurred: what a blur takes off the object would go with the fixed pattern.

    They start without a pattern. Near the axis an object looks the same from everywhere, and what an earlier pattern
    holds of it would be missing in the volumes, and so be found again.
    """
    state = replace(state, patterns=tuple(np.zeros_like(pattern) for pattern in state.patterns))
    steps = [1.0] + [_PATTERN_RELAXATION] * (_SHARP_ROUNDS - 2)
    sinograms, matches = _sharp_round(stack, state, sinograms)
    for step in steps:
        state = replace(state, patterns=_next_patterns(state.patterns, matches, step=step))
        sinograms, matches = _sharp_round(stack, state, sinograms)
    return matches


def _sharp_round(
    stack: FrameStack, state: AlignmentState, sinograms: list[NDArray[np.float32]] | None
) -> tuple[list[NDArray[np.float32]], list[EnergyMatch]]:
    """Prediction by volumes that are not blurred, and its matches."""
    sinograms = _predict(stack, state, blur_px=0.0, predicted=sinograms)
    return sinograms, _match(stack, state, sinograms, refine=())


def _next_patterns(
    patterns: Sequence[NDArray[np.float32]], matches: Sequence[EnergyMatch], *, step: float
) -> tuple[NDArray[np.float32], ...]:
    """For each energy `(v, u)` fixed pattern, moved by `step` times the way to the one that was found."""
    found = (fine_structure(match.pattern, PATTERN_LENGTH_PX) for match in matches)
    return tuple(old + np.float32(step) * (new - old) for old, new in zip(patterns, found, strict=True))


def _result(stack: FrameStack, state: AlignmentState, matches: Sequence[EnergyMatch]) -> Alignment:
    n_angles = max(len(a) for a in stack.angles_rad)
    shift = np.full((len(stack.angles_rad), n_angles, 2), np.nan)
    residual, kept = np.full(shift.shape[:2], np.nan), np.zeros(shift.shape[:2], bool)
    levels = np.full(shift.shape[:2], np.nan)
    axis = np.empty(len(shift))
    for index, found in enumerate(_at_mean_position(stack, state)):
        trusted = state.kept[index]
        axis[index] = np.median(found[trusted, 1])
        shift[index, : len(found)] = np.where(trusted[:, None], found - [0.0, axis[index]], np.nan)
        residual[index, : len(found)], kept[index, : len(found)] = state.sigma[index], trusted
        levels[index, : len(found)] = stack.air_levels[index]
    return Alignment(
        shift_px=shift,
        magnification=state.magnification,
        roll_rad=state.roll_rad,
        centre_px=axis + (stack.shape[1] - 1) / 2,
        residual_px=residual,
        kept=kept,
        air_level=levels,
        pattern=np.stack([fine_structure(match.pattern, _FINAL_PATTERN_LENGTH_PX) for match in matches]),
        contrast=np.array([np.median(match.gain[k]) for match, k in zip(matches, state.kept, strict=True)]),
        reaches_over_sides=stack.margin_px > 0,
    )


def _at_mean_position(stack: FrameStack, state: AlignmentState) -> list[NDArray[np.float64]]:
    """For each energy `(angle, 2)` displacements with the object where the detector shows it on average.

    Where it lies is free: moved by (z, x, y) it appears displaced by `m z` in v and by `m (x cos t - y sin t)` in u,
    and the volume is the same.
    """
    n_energies = len(stack.angles_rad)
    circles = [np.stack([np.cos(a), -np.sin(a)], axis=1) for a in stack.angles_rad]
    designs, values = [], []
    for index, (shift, kept) in enumerate(zip(state.shifts, state.kept, strict=True)):
        axis = np.zeros((int(kept.sum()), n_energies))
        axis[:, index] = 1
        designs.append(np.concatenate([axis, state.magnification[index] * circles[index][kept]], axis=1))
        values.append(shift[kept])
    along_v, along_u = np.concatenate(values).T
    place = np.linalg.lstsq(np.concatenate(designs), along_u, rcond=None)[0][n_energies:]
    height = along_v.mean() / state.magnification.mean()
    return [
        shift - magnification * np.column_stack([np.full(len(circle), height), circle @ place])
        for shift, magnification, circle in zip(state.shifts, state.magnification, circles, strict=True)
    ]
