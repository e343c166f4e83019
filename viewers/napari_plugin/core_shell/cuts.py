"""What is cut away so that one sees inside: a half, a wedge, an octant or a box, as the half-spaces it consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
CutKind = Literal["half", "wedge", "octant", "box"]
CUT_KINDS: tuple[CutKind, ...] = ("half", "wedge", "octant", "box")

_PARALLEL = 0.9  # cosine above which two directions are too close to span a plane well


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSpace:
    """One side of a plane."""

    point: tuple[float, float, float]
    """A point (z, y, x) of the plane, um."""
    normal: tuple[float, float, float]
    """Unit vector into the half-space."""

    def heights(self, points: ArrayLike) -> FloatArray:
        """(...) distance of points (..., 3) from the plane, um; positive inside."""
        offset = np.asarray(points, dtype=np.float64) - self.point
        heights: FloatArray = offset @ np.asarray(self.normal)
        return heights


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What is taken away: everything from the plane at `position_um` on, along `direction`, within the shape."""

    kind: CutKind = "half"
    centre_um: tuple[float, float, float]
    """(z, y, x) from which positions are counted; apex of wedge and octant, middle of a box."""
    direction: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """(z, y, x) of any length above 0."""
    position_um: float = 0.0
    """Of the plane across the direction, counted along it from the centre."""
    flip: bool = False
    """Whether the side against the direction is taken instead."""
    turn_deg: float = 0.0
    """Turns wedge, octant and box about the direction."""
    angle_deg: float = 90.0
    """Opening of a wedge, up to 180."""
    size_um: float = 1.0
    """Width of a box across the direction."""


def cut_frame(direction: ArrayLike, *, turn_deg: float = 0.0) -> FloatArray:
    """(3, 3) rows: the direction as a unit vector, and two unit vectors across it.

    Parameters
    ----------
    direction
        (3,) z, y, x.
    turn_deg
        Turns the other two about it.
    """
    first = np.asarray(direction, dtype=np.float64)
    first = first / np.linalg.norm(first)
    candidates = np.eye(3)[[1, 2, 0]]
    reference = next(axis for axis in candidates if abs(axis @ first) < _PARALLEL)
    second = reference - (reference @ first) * first
    second /= np.linalg.norm(second)
    third = np.cross(first, second)
    turn = np.deg2rad(turn_deg)
    turned = np.cos(turn) * second + np.sin(turn) * third
    return np.stack([first, turned, np.cross(first, turned)])


def removed_space(cut: Cut) -> tuple[HalfSpace, ...]:
    """Half-spaces whose common part is taken away, the one across the direction first.

    Parameters
    ----------
    cut
        What is cut.
    """
    along, second, third = cut_frame(cut.direction, turn_deg=cut.turn_deg)
    centre = np.asarray(cut.centre_um, dtype=np.float64)
    front = _half_space(centre + cut.position_um * along, -along if cut.flip else along)
    if cut.kind == "half":
        return (front,)
    if cut.kind == "octant":
        return front, _half_space(centre, second), _half_space(centre, third)
    if cut.kind == "wedge":
        half = np.deg2rad(cut.angle_deg) / 2
        sides = [np.sin(half) * second + sign * np.cos(half) * third for sign in (-1.0, 1.0)]
        return front, *(_half_space(centre, side) for side in sides)
    sides = [sign * axis for axis in (second, third) for sign in (-1.0, 1.0)]
    return front, *(_half_space(centre - cut.size_um / 2 * side, side) for side in sides)


def _half_space(point: FloatArray, normal: FloatArray) -> HalfSpace:
    z, y, x = map(float, point)
    nz, ny, nx = map(float, normal)
    return HalfSpace(point=(z, y, x), normal=(nz, ny, nx))


def removed_voxels(
    shape: tuple[int, int, int], spaces: tuple[HalfSpace, ...], *, origin_um: ArrayLike, step_um: float
) -> NDArray[np.bool_]:
    """(z, y, x) True where the centre of a voxel lies in all half-spaces.

    Parameters
    ----------
    shape
        Of the volume.
    spaces
        At least one.
    origin_um
        (3,) centre of the first voxel.
    step_um
        From voxel to voxel.
    """
    removed = np.ones(shape, dtype=np.bool_)
    origin = np.asarray(origin_um, dtype=np.float64)
    for space in spaces:
        z, y, x = (
            (origin[axis] - space.point[axis] + step_um * np.arange(shape[axis])) * space.normal[axis]
            for axis in range(3)
        )
        removed &= (z[:, None, None] + y[:, None]) > -x
    return removed


def carved(
    labels: NDArray[Any], spaces: tuple[HalfSpace, ...], *, origin_um: ArrayLike, step_um: float
) -> NDArray[Any]:
    """Copy of labels (z, y, x) that is 0 in the common part of the half-spaces; see `removed_voxels`."""
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    return np.where(removed_voxels(shape, spaces, origin_um=origin_um, step_um=step_um), labels.dtype.type(0), labels)


def reach(points: ArrayLike, cut: Cut) -> tuple[float, float]:
    """Range of positions along the direction of a cut at which it meets the points (..., 3), um from its centre."""
    along = cut_frame(cut.direction)[0]
    heights = (np.asarray(points, dtype=np.float64) - cut.centre_um) @ along
    return float(heights.min()), float(heights.max())
