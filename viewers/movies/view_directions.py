"""Directions a particle is looked at or cut along: the axes of the volume, of the crystal, and the particle's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.surfaces.minkowski import principal_axes

Direction = tuple[float, float, float]
"""z, y, x; a unit vector."""

VOLUME_AXES: Mapping[str, Direction] = {"z": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "x": (0.0, 0.0, 1.0)}
PRINCIPAL = ("long", "middle", "short")
"""Names of the principal axes of a particle, from the longest."""

_PARALLEL = 0.99  # cosine above which z cannot point downwards on the screen
_MOST_POINTS = 200_000  # more tell the axes of a body no better


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where one looks from."""

    view: Direction
    """Into the screen."""
    up: Direction
    """Upwards on the screen, across `view`."""


def named_directions(result: PhaseMap) -> dict[str, Direction]:
    """Axes z, y, x of the volume and those that the segmentation was given, such as a, b, c of the crystal.

    Parameters
    ----------
    result
        An opened result.
    """
    settings = result.attributes.get("segmentation", {}).get("configuration", {})
    stored: Mapping[str, ArrayLike] = settings.get("axes", {})
    return {**VOLUME_AXES, **{name: unit(direction) for name, direction in stored.items()}}


def preset_names(result: PhaseMap) -> tuple[str, ...]:
    """Names of the three directions to look along: those given to the segmentation, filled up with z, y, x."""
    names = [name for name in named_directions(result) if name not in VOLUME_AXES]
    return tuple([*names, *VOLUME_AXES][:3])


def principal_directions(solid: NDArray[np.bool_]) -> dict[str, Direction]:
    """Principal axes of a body (z, y, x), from the longest; z, y, x where it has too few voxels to have any.

    Parameters
    ----------
    solid
        True inside.
    """
    points = np.argwhere(solid).astype(np.float64)
    points = points[:: max(1, len(points) // _MOST_POINTS)]
    if len(np.unique(points, axis=0)) < 4:
        return dict(zip(PRINCIPAL, VOLUME_AXES.values(), strict=True))
    axes = principal_axes(np.asarray(points, dtype=np.float64))
    return {name: unit(direction) for name, direction in zip(PRINCIPAL, axes.directions, strict=True)}


def unit(direction: ArrayLike) -> Direction:
    """A direction (z, y, x) of length 1.

    Raises
    ------
    DataError
        It has no length, or not three finite parts.
    """
    vector = np.asarray(direction, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not np.isfinite(length) or length == 0:
        message = f"direction {vector.tolist()} has no length; give three numbers z, y, x that are not all 0."
        raise DataError(message)
    z, y, x = (vector / length).tolist()
    return z, y, x


def camera_facing(direction: ArrayLike, *, from_behind: bool = False) -> Camera:
    """Camera towards which a direction points, as one looks down the axis of a crystal.

    Parameters
    ----------
    direction
        (3,) z, y, x.
    from_behind
        Look from the other side: the direction points away.

    Returns
    -------
    Camera
        With z downwards on the screen, or y where one looks along z, as in a slice.
    """
    towards = np.asarray(unit(direction)) * (1.0 if from_behind else -1.0)
    down = np.array(VOLUME_AXES["z"] if abs(towards[0]) < _PARALLEL else VOLUME_AXES["y"])
    up = -(down - (down @ towards) * towards)
    return Camera(view=unit(towards), up=unit(up))


def isometric() -> Camera:
    """Camera from which z, y and x are equally short: z comes down, the other two towards the eye."""
    return camera_facing((-1.0, 1.0, 1.0))


def turned(camera: Camera, axis: ArrayLike, angle_deg: float) -> Camera:
    """Camera carried about an axis through the middle of what it sees.

    Parameters
    ----------
    camera
        Where it was.
    axis
        (3,) z, y, x.
    angle_deg
        By the right-hand rule of (z, y, x).

    References
    ----------
    Rodrigues' rotation formula.
    """
    about = np.asarray(unit(axis))
    angle = np.deg2rad(angle_deg)

    def rotate(vector: Direction) -> Direction:
        v = np.asarray(vector)
        return unit(v * np.cos(angle) + np.cross(about, v) * np.sin(angle) + about * (about @ v) * (1 - np.cos(angle)))

    return Camera(view=rotate(camera.view), up=rotate(camera.up))


def find_direction(name: str, known: Mapping[str, Any]) -> Direction:
    """A named direction, or one written as ``z,y,x``.

    Raises
    ------
    DataError
        No such name, and not three numbers.
    """
    if name in known:
        return unit(known[name])
    try:
        return unit([float(part) for part in name.split(",")])
    except (ValueError, DataError):
        message = f"direction '{name}' is not known; there are {', '.join(known)}, or give three numbers z,y,x."
        raise DataError(message) from None


def framed(points: ArrayLike, camera: Camera) -> tuple[Direction, tuple[float, float]]:
    """Middle of points as a camera sees them, and their height and width on the screen.

    Parameters
    ----------
    points
        (point, 3) z, y, x.
    camera
        Where from.
    """
    axes = np.stack([camera.view, camera.up, np.cross(camera.view, camera.up)])
    seen = np.asarray(points, dtype=np.float64) @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    z, y, x = ((low + high) / 2 @ axes).tolist()
    _, tall, wide = (high - low).tolist()
    return (z, y, x), (tall, wide)
