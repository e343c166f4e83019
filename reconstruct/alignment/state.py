"""What is known of the geometry of a scan between two rounds of its alignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.coarse import coarse_displacement
from xanesmap.reconstruct.alignment.frame_stack import FrameStack

FloatArray = NDArray[np.floating[Any]]
SpectraOfProfiles = Callable[[NDArray[np.float64]], FloatArray]
"""From the `(energy, v)` attenuation of every detector row to `(energy, component)` spectra."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentState:
    """What a round starts from.

    Parameters
    ----------
    shifts
        For each energy `(angle, 2)` displacement (v, u), the rotation axis included, pixels.
    magnification
        `(energy,)`.
    roll_rad
        Rotation in the plane of the detector, radians.
    spectra
        `(energy, component)`.
    kept
        For each energy `(angle,)` frames used for what all have in common.
    patterns
        For each energy `(v, u)` fixed pattern.
    sigma
        For each energy `(angle,)` standard error of the displacements, pixels.
    names
        Of the energies, for messages.
    """

    shifts: tuple[NDArray[np.float64], ...]
    magnification: NDArray[np.float64]
    roll_rad: float
    spectra: NDArray[np.float64]
    kept: tuple[NDArray[np.bool_], ...]
    patterns: tuple[NDArray[np.float32], ...]
    sigma: tuple[NDArray[np.float64], ...]
    names: tuple[str, ...]


def first_state(
    stack: FrameStack,
    spectra: FloatArray | SpectraOfProfiles,
    magnification: FloatArray | None,
    names: Sequence[str] | None = None,
) -> AlignmentState:
    """Displacements from the centres of mass; arguments as in `align_projections`.

    Raises
    ------
    DataError
        Spectra or magnifications of other energies, or no object in the frames.
    """
    n_energies = len(stack.coefficients)
    shifts = coarse_displacement(stack.centres_of_mass, stack.angles_rad, n_columns=stack.shape[1])
    if stack.margin_px:
        # what moves in and out of the field moves the centre of mass: only that of whole energies is any use
        shifts = [np.broadcast_to(np.median(shift, axis=0), shift.shape).copy() for shift in shifts]
    state = AlignmentState(
        shifts=tuple(shifts),
        magnification=np.ones(n_energies) if magnification is None else np.array(magnification, np.float64),
        roll_rad=0.0,
        spectra=np.empty((0, 0)),
        kept=tuple(np.ones(len(a), bool) for a in stack.angles_rad),
        patterns=tuple(np.zeros(stack.shape, np.float32) for _ in stack.angles_rad),
        sigma=tuple(np.full(len(a), np.nan) for a in stack.angles_rad),
        names=tuple(names or (f"energy number {number}" for number in range(1, n_energies + 1))),
    )
    return replace(state, spectra=spectra_at(spectra, stack, state))


def spectra_at(
    spectra: FloatArray | SpectraOfProfiles, stack: FrameStack, state: AlignmentState
) -> NDArray[np.float64]:
    """`(energy, component)` spectra for the present displacements."""
    found = np.asarray(spectra(_profiles(stack, state)) if callable(spectra) else spectra, np.float64)
    n_energies = len(stack.coefficients)
    if found.ndim != 2 or len(found) != n_energies or len(state.magnification) != n_energies:
        message = (
            f"Spectra of shape {found.shape} and magnifications of {len(state.magnification)} energies were given for "
            f"projections of {n_energies} energies. Give one spectrum value per energy and component."
        )
        raise DataError(message)
    return found


def _profiles(stack: FrameStack, state: AlignmentState) -> NDArray[np.float64]:
    """`(energy, v)` attenuation of every detector row, mean over the angles, displacement and magnification undone."""
    n_v = stack.shape[0]
    rows, middle = np.arange(n_v), (n_v - 1) / 2
    profiles = np.zeros((len(stack.profiles), n_v))
    for index, (frames, shifts, kept) in enumerate(zip(stack.profiles, state.shifts, state.kept, strict=True)):
        magnification = state.magnification[index]
        places = middle + magnification * (rows - middle)
        moved = [
            np.interp(places + shift, rows, frame) for frame, shift in zip(frames[kept], shifts[kept, 0], strict=True)
        ]
        profiles[index] = np.mean(moved, axis=0) / magnification
    return profiles
