"""From what the frames of a round tell to the geometry of the next round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xanesmap.errors import MismatchError
from xanesmap.reconstruct.alignment.frame_stack import LEAST_ANGLES, FrameStack
from xanesmap.reconstruct.alignment.matching import RIGID, EnergyMatch
from xanesmap.reconstruct.alignment.rigid_motion import solve_rigid_motion
from xanesmap.reconstruct.alignment.state import AlignmentState

FloatArray = NDArray[np.floating[Any]]

JUDGED_ROUND = 5
"""From this round on frames are left out that do not fit what is predicted for them."""

PATTERN_LENGTH_PX = 16.0
"""Structures of the mean residual wider than this (standard deviation of a Gaussian) may be the object's."""

_PATTERN_ROUND = 4  # from this round on the fixed pattern is taken off
# Damping of the motion of whole energies, round by round; the first round moves frames only.
_DAMPING = (1.0, 0.5, 0.3, 0.1, 0.03, 0.0)
_LARGEST_STEP_PX = 2.0
_LARGEST_MOTION_PX = 1.5
_COMMON_PART = 0.6
_ROLL_RELAXATION = 2.5  # the volumes follow a roll of all frames for the larger part
# A frame is left out whose displacement is uncertain by this much, whose contrast is another than predicted, that
# differs from its prediction by more than noise and the other frames do (by twice as much on average), or that shows
# mostly something else.
_POOREST_PX = 0.5
_GAIN_RANGE = (0.5, 1.6)
_LARGEST_MISFIT = 4.0
_LARGEST_UNEXPLAINED = 0.5
_LEAST_SHARE = 0.5  # of all frames, to go on
# An energy is of another object where fewer of its frames can be matched, or more of what they show is unexplained.
_LEAST_SHARE_OF_ENERGY = 0.6
_LARGEST_UNEXPLAINED_OF_ENERGY = 0.25


def update_state(
    stack: FrameStack, state: AlignmentState, matches: Sequence[EnergyMatch], *, number: int
) -> tuple[AlignmentState, float]:
    """State for the next round.

    Parameters
    ----------
    stack
        The frames.
    state
        What the matches started from.
    matches
        Of every energy.
    number
        The round, from 0.

    Returns
    -------
    The state, and the rms step of the frames kept or, where it is larger, that of the rim of the field with the roll,
    pixels.

    Raises
    ------
    MismatchError
        Too few frames can be matched.
    """
    steps = [np.clip(match.step_px, -_LARGEST_STEP_PX, _LARGEST_STEP_PX) for match in matches]
    magnification = state.magnification
    if number > 0:
        motion = _motion(state, matches, damping=_DAMPING[min(number, len(_DAMPING) - 1)])
        magnification = _magnified(magnification, motion[:, len(RIGID) :], n_columns=stack.shape[1])
        steps = [
            _with_motion(step, moved[: len(RIGID)], angles, kept)
            for step, moved, angles, kept in zip(steps, motion, stack.angles_rad, state.kept, strict=True)
        ]
    if number >= _PATTERN_ROUND:
        steps = _with_common_part(stack, steps)
    turn = _ROLL_RELAXATION * _common_roll(matches, state.kept)
    judged, cleaned = number >= JUDGED_ROUND, number >= _PATTERN_ROUND
    updated = replace(
        state,
        shifts=tuple(shift + step for shift, step in zip(state.shifts, steps, strict=True)),
        magnification=magnification,
        roll_rad=state.roll_rad + turn,
        kept=tuple(_trusted(match) for match in matches) if judged else state.kept,
        patterns=tuple(fine_structure(m.pattern, PATTERN_LENGTH_PX) for m in matches) if cleaned else state.patterns,
        sigma=tuple(match.sigma_px for match in matches),
    )
    _require_frames(updated)
    used = np.concatenate([step[kept] for step, kept in zip(steps, updated.kept, strict=True)])
    return updated, max(float(np.sqrt(np.mean(used**2))), abs(turn) * stack.shape[1] / 2)


def _motion(state: AlignmentState, matches: Sequence[EnergyMatch], *, damping: float) -> NDArray[np.float64]:
    """`(energy, motion)` of whole energies, pixels."""
    normals, rights = [match.normal for match in matches], [match.right for match in matches]
    motion = solve_rigid_motion(normals, rights, spectra=state.spectra, damping=damping)
    return np.clip(motion, -_LARGEST_MOTION_PX, _LARGEST_MOTION_PX)


def _magnified(
    magnification: NDArray[np.float64], rim_px: NDArray[np.float64], *, n_columns: int
) -> NDArray[np.float64]:
    """Magnifications after the left and right rim have moved by `(energy, 1)` pixels; as they are for `(energy, 0)`."""
    return np.asarray(magnification * (1 + rim_px.sum(axis=1) / ((n_columns - 1) / 2)))


def _common_roll(matches: Sequence[EnergyMatch], kept: Sequence[NDArray[np.bool_]]) -> float:
    """Roll still missing, radians: the median over all frames kept."""
    return float(np.median(np.concatenate([match.roll_rad[k] for match, k in zip(matches, kept, strict=True)])))


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


def _with_common_part(stack: FrameStack, steps: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Steps with the part enlarged that all energies of one group share at an angle, which the volumes half follow."""
    longer = list(steps)
    for group in stack.groups:
        common = np.mean([steps[index] for index in group], axis=0)
        for index in group:
            longer[index] = steps[index] + _COMMON_PART * common
    return longer


def fine_structure(pattern: NDArray[np.float32], length_px: float) -> NDArray[np.float32]:
    """`(v, u)` fixed pattern, less structures wider than `length_px` (standard deviation of a Gaussian)."""
    fine: NDArray[np.float32] = pattern - gaussian_filter(pattern, length_px)
    return fine


def _trusted(match: EnergyMatch) -> NDArray[np.bool_]:
    """`(angle,)` frames that could be matched."""
    lowest, highest = _GAIN_RANGE
    sharp = match.sigma_px < _POOREST_PX
    usual = match.misfit < _LARGEST_MISFIT * max(match.noise, float(np.median(match.misfit)))
    shown = match.unexplained < _LARGEST_UNEXPLAINED
    return np.asarray(sharp & usual & shown & (match.gain > lowest) & (match.gain < highest))


def _require_frames(state: AlignmentState) -> None:
    kept = np.concatenate(state.kept)
    if kept.mean() < _LEAST_SHARE or min(k.sum() for k in state.kept) < LEAST_ANGLES:
        shares = [k.mean() for k in state.kept]
        message = (
            f"Only {int(kept.sum())} of {len(kept)} frames can be matched to what the other frames predict; fewest, "
            f"{100 * min(shares):.0f} %, at {state.names[int(np.argmin(shares))]}. Check its file, the references and "
            "the angles, or leave that energy out."
        )
        raise MismatchError(message)


def require_energies(state: AlignmentState, matches: Sequence[EnergyMatch]) -> None:
    """Refuse an energy whose frames, as a whole, are not what the other energies predict.

    Raises
    ------
    MismatchError
        Most of its frames could not be matched, or they differ from the prediction far more than those of the others.
    """
    shares = np.array([kept.mean() for kept in state.kept])
    unexplained = np.array([np.median(match.unexplained) for match in matches])
    foreign = (shares < _LEAST_SHARE_OF_ENERGY) | (unexplained > _LARGEST_UNEXPLAINED_OF_ENERGY)
    if foreign.any():
        worst = int(np.argmax(np.where(foreign, unexplained, -1)))
        message = (
            f"The frames at {state.names[worst]} do not show what the other energies predict: "
            f"{100 * shares[worst]:.0f} % of them can be matched, {100 * unexplained[worst]:.0f} % of what they show "
            "is something else. They may be of another object or another position; check the file, or leave that "
            "energy out."
        )
        raise MismatchError(message)
