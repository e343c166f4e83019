"""Which voxel a line of sight meets first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Voxel = tuple[int, int, int]
HalfSpace = tuple[ArrayLike, ArrayLike]
"""A point (z, y, x) of a plane and its normal; kept is the side that the normal points to."""


_BLOCK_EDGE = 64
"""Voxels of an array on disk are read in blocks of this edge, that of its chunks."""


def first_voxel(
    labels: Any,
    *,
    start: ArrayLike,
    direction: ArrayLike,
    kept: Sequence[HalfSpace] = (),
    removed: Sequence[HalfSpace] = (),
) -> Voxel | None:
    """First labelled voxel that a line meets, exactly: every voxel it crosses is asked, however thin its corner.

    Parameters
    ----------
    labels
        (z, y, x) array, 0 where nothing is. Of one on disk only the blocks are read that the line crosses before it
        meets something.
    start
        (3,) any point of the line, in voxels; voxel centres are integers.
    direction
        (3,) where it leads, of any length above 0.
    kept
        Half-spaces outside which nothing is drawn, in voxels too.
    removed
        Half-spaces in whose common part nothing is drawn, such as that of a wedge.

    Returns
    -------
    tuple of int or None
        Index (z, y, x); None where the line meets nothing.

    References
    ----------
    The crossings of the line with the planes between voxels, as in Amanatides and Woo, Eurographics 87, 3 (1987),
    doi:10.2312/egtp.19871000; sorted at once instead of stepped through.
    """
    voxels = _crossed_voxels(labels.shape, start=start, direction=direction, kept=kept, removed=removed)
    for crossed in _blockwise(voxels):
        low, high = crossed.min(axis=0), crossed.max(axis=0) + 1
        block = np.asarray(labels[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))])
        hits = np.flatnonzero(block[tuple((crossed - low).T)])
        if hits.size:
            z, y, x = map(int, crossed[hits[0]])
            return z, y, x
    return None


def _crossed_voxels(
    shape: tuple[int, ...],
    *,
    start: ArrayLike,
    direction: ArrayLike,
    kept: Sequence[HalfSpace],
    removed: Sequence[HalfSpace],
) -> NDArray[np.intp]:
    """(voxel, 3) all that a line crosses where something is drawn, in its order."""
    origin, towards = np.asarray(start, dtype=np.float64), np.asarray(direction, dtype=np.float64)
    towards = towards / np.linalg.norm(towards)
    corners = np.array(shape) - 0.5
    walls = [(-0.5 * np.eye(3)[axis], np.eye(3)[axis]) for axis in range(3)]
    walls += [(corners * np.eye(3)[axis], -np.eye(3)[axis]) for axis in range(3)]
    near, far = _inside(origin, towards, [*walls, *kept])
    if not near < far:
        return np.zeros((0, 3), np.intp)
    cuts = np.concatenate([[near, far], *(_crossings(origin[i], towards[i], near, far) for i in range(3))])
    entry, exit_ = _inside(origin, towards, removed) if removed else (far, far)
    cuts = np.sort(np.concatenate([cuts, np.clip([entry, exit_], near, far)]))
    middles = (cuts[1:] + cuts[:-1]) / 2  # one point in each voxel that is crossed
    middles = middles[(middles <= entry) | (middles >= exit_)]
    voxels = np.rint(origin + middles[:, np.newaxis] * towards).astype(np.intp)
    inside: NDArray[np.intp] = np.clip(voxels, 0, np.array(shape) - 1)
    return inside


def _blockwise(voxels: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Runs of voxels that lie in one block."""
    if len(voxels):
        borders = np.flatnonzero(np.diff(voxels // _BLOCK_EDGE, axis=0).any(axis=1)) + 1
        yield from np.split(voxels, borders)


def _inside(
    origin: NDArray[np.float64], towards: NDArray[np.float64], kept: Sequence[HalfSpace]
) -> tuple[float, float]:
    """Lengths along a line between which it lies in all half-spaces."""
    near, far = -np.inf, np.inf
    for point, normal in kept:
        slope = float(np.dot(towards, normal))
        height = float(np.dot(origin - np.asarray(point, dtype=np.float64), normal))
        if slope == 0:
            near = near if height >= 0 else np.inf
        elif slope > 0:
            near = max(near, -height / slope)
        else:
            far = min(far, -height / slope)
    return near, far


def _crossings(origin: float, slope: float, near: float, far: float) -> NDArray[np.float64]:
    """Lengths at which a line passes from voxel to voxel along one axis."""
    if slope == 0:
        return np.empty(0)
    low, high = sorted((origin + near * slope, origin + far * slope))
    borders = np.arange(np.ceil(low - 0.5), np.floor(high - 0.5) + 1) + 0.5
    found: NDArray[np.float64] = (borders - origin) / slope
    return found[(found > near) & (found < far)]
