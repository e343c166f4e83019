"""All frames of a scan as alignment needs them: once, as spline coefficients, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.coarse import air_level, centres_of_mass, touches_sides
from xanesmap.reconstruct.simulator.optics import spline_coefficients

FloatArray = NDArray[np.floating[Any]]

LEAST_ANGLES = 8

_TOUCHING_SHARE = 0.3  # of the energies


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStack:
    """Frames of all energies.

    Parameters
    ----------
    coefficients
        For each energy `(angle, v, u)` spline coefficients of the line integrals, air being 0.
    angles_rad
        For each energy `(angle,)` radians.
    groups
        Energies with the same angles, together.
    air_levels
        For each energy `(angle,)` line integral of the air, which was subtracted.
    centres_of_mass
        For each energy `(angle, 2)` centre of mass (v, u), pixels, NaN without object.
    profiles
        For each energy `(angle, v)` line integrals summed along u.
    margin_px
        Columns by which the volumes reach over either side of the detector: 0 unless the object does.
    """

    coefficients: tuple[NDArray[np.float32], ...]
    angles_rad: tuple[NDArray[np.float64], ...]
    groups: tuple[tuple[int, ...], ...]
    air_levels: tuple[NDArray[np.float32], ...]
    centres_of_mass: tuple[NDArray[np.float64], ...]
    profiles: tuple[NDArray[np.float64], ...]
    margin_px: int

    @property
    def shape(self) -> tuple[int, int]:
        """Detector rows and columns."""
        n_v, n_u = self.coefficients[0].shape[1:]
        return n_v, n_u


def stack_frames(
    projections: Iterable[NDArray[np.float32]], angles_rad: Sequence[FloatArray], *, scratch: Path | None = None
) -> FrameStack:
    """Take up the frames of one energy after the other.

    Parameters
    ----------
    projections
        For each energy `(angle, v, u)` line integrals; a generator need hold only one energy at a time.
    angles_rad
        For each energy `(angle,)` radians.
    scratch
        Folder for one file per energy, from which the frames are then read as they are needed; None: in memory.

    Raises
    ------
    DataError
        Frames and angles do not belong together, or there are too few.
    """
    angles = tuple(np.asarray(a, np.float64) for a in angles_rad)
    _check_angles(angles)
    coefficients: list[NDArray[np.float32]] = []
    levels, centres, profiles, touching = [], [], [], []
    for index, frames in enumerate(projections):
        expected = (*angles[index].shape, *(coefficients[0].shape[1:] if index else frames.shape[1:]))
        _check_shape(frames, expected, index=index)
        level = air_level(frames)
        touching.append(touches_sides(frames))
        levelled = frames - level[:, None, None]
        levels.append(level)
        centres.append(centres_of_mass(levelled))
        profiles.append(levelled.sum(axis=2, dtype=np.float64))
        coefficients.append(_stored(spline_coefficients(levelled), scratch, index=index))
    return FrameStack(
        coefficients=tuple(coefficients),
        angles_rad=angles,
        groups=_groups(angles),
        air_levels=tuple(levels),
        centres_of_mass=tuple(centres),
        profiles=tuple(profiles),
        margin_px=_margin(touching, n_columns=coefficients[0].shape[2]),
    )


def _margin(touching: Sequence[bool], *, n_columns: int) -> int:
    """Half a detector where the object reaches over the sides; before the edge it may attenuate too little to show."""
    return n_columns // 2 if np.mean(touching) > _TOUCHING_SHARE else 0


def _check_angles(angles_rad: Sequence[NDArray[np.float64]]) -> None:
    fewest = min(len(angles) for angles in angles_rad)
    if fewest < LEAST_ANGLES:
        message = (
            f"Alignment was asked for a tomogram of {fewest} angles; it needs {LEAST_ANGLES} or more to predict one "
            "projection from the others."
        )
        raise DataError(message)


def _check_shape(frames: NDArray[np.float32], expected: tuple[int, ...], *, index: int) -> None:
    if frames.shape != expected:
        message = (
            f"Projections of energy number {index + 1} have the shape {frames.shape}, expected was {expected}: frames "
            "of one size at all energies, one angle each."
        )
        raise DataError(message)


def _groups(angles_rad: Sequence[NDArray[np.float64]]) -> tuple[tuple[int, ...], ...]:
    groups: dict[bytes, list[int]] = {}
    for index, angles in enumerate(angles_rad):
        groups.setdefault(angles.tobytes(), []).append(index)
    return tuple(tuple(group) for group in groups.values())


def _stored(coefficients: NDArray[np.float32], scratch: Path | None, *, index: int) -> NDArray[np.float32]:
    if scratch is None:
        return coefficients
    path = scratch / f"frames_{index:04d}.npy"
    np.save(path, coefficients)
    return np.asarray(np.load(path, mmap_mode="r"))
