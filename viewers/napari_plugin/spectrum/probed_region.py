"""Regions of a volume whose mean spectrum is asked for: boxes, outlines drawn in a slice, and labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.path import Path as Outline
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import Block

AXES = ("z", "y", "x")
Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """Voxels of a volume."""

    name: str
    box: Block
    """Block that holds the region, within the volume."""
    inside: Callable[[Block], NDArray[np.bool_]]
    """(z, y, x) True in the voxels of the region, for any block within `box`."""


def box_region(corner: Shape, extent: Shape) -> Region:
    """All voxels of a box.

    Parameters
    ----------
    corner
        Index (z, y, x) of its first voxel.
    extent
        Voxels (z, y, x).
    """
    z, y, x = (slice(start, start + n) for start, n in zip(corner, extent, strict=True))
    return Region(name=f"box {_spans((z, y, x))}", box=(z, y, x), inside=lambda block: np.ones(_shape(block), bool))


def outlined_region(outline: ArrayLike, *, shape: Shape, slices: int | None = 1, kind: str = "outline") -> Region:
    """Voxels whose centres lie inside an outline, in one slice or through several.

    Parameters
    ----------
    outline
        (corner, 3) of the outline, z, y, x in voxels; it lies in a plane across one of the axes.
    shape
        Voxels (z, y, x) of the volume.
    slices
        Thickness of the region across the plane, centred on it; None for the whole volume.
    kind
        What the user drew, for the name.

    Raises
    ------
    DataError
        The outline holds no voxel of the volume.
    """
    corners = np.asarray(outline, dtype=np.float64)
    across = int(np.argmin(np.ptp(corners, axis=0)))
    rows, columns = (axis for axis in range(3) if axis != across)
    spans = [_within(corners[:, axis].min(), corners[:, axis].max(), shape[axis]) for axis in range(3)]
    spans[across] = _slices_about(round(float(corners[0, across])), slices, shape[across])
    z, y, x = spans
    if not all(span.stop > span.start for span in spans):
        message = f"the {kind} holds no voxel of the volume of {' x '.join(map(str, shape))} voxels; draw it larger."
        raise DataError(message)
    drawn = _filled(corners[:, (rows, columns)], spans[rows], spans[columns])
    if not drawn.any():
        message = f"the {kind} is so small that it holds no centre of a voxel; draw it larger."
        raise DataError(message)

    def inside(block: Block) -> NDArray[np.bool_]:
        part = tuple(
            slice(block[axis].start - spans[axis].start, block[axis].stop - spans[axis].start)
            for axis in (rows, columns)
        )
        return np.broadcast_to(np.expand_dims(drawn[part], across), _shape(block))

    return Region(name=f"{kind} {_depth(across, spans[across], shape[across])}", box=(z, y, x), inside=inside)


def label_region(labels: Any, value: int, *, name: str) -> Region:
    """Voxels that bear a label.

    Parameters
    ----------
    labels
        (z, y, x) array, in memory or on disk.
    value
        The label.
    name
        Of the region.
    """
    z, y, x = (slice(0, n) for n in labels.shape)
    return Region(name=name, box=(z, y, x), inside=lambda block: np.asarray(labels[block]) == value)


def _shape(block: Block) -> Shape:
    z, y, x = (span.stop - span.start for span in block)
    return z, y, x


def _within(low: float, high: float, n: int) -> slice:
    """Indices whose voxel centres lie between two places."""
    return slice(max(0, math.ceil(low)), min(n, math.floor(high) + 1))


def _slices_about(middle: int, slices: int | None, n: int) -> slice:
    if slices is None:
        return slice(0, n)
    start = middle - (slices - 1) // 2
    return slice(max(0, start), min(n, start + slices))


def _filled(corners: NDArray[np.float64], rows: slice, columns: slice) -> NDArray[np.bool_]:
    """(row, column) True where the centre of a voxel lies inside; on the border counts as inside."""
    row, column = np.mgrid[rows, columns]
    points = np.column_stack([row.ravel(), column.ravel()])
    closed = np.vstack([corners, corners[:1]])
    # Matplotlib shifts the border by the radius, outwards or inwards as the corners run
    within = Outline(closed).contains_points(points, radius=1e-9) | Outline(closed).contains_points(
        points, radius=-1e-9
    )
    filled: NDArray[np.bool_] = within.reshape(row.shape)
    return filled


def _depth(axis: int, span: slice, n: int) -> str:
    """How far a region goes across the slice it was drawn in."""
    name, count = AXES[axis], span.stop - span.start
    if count == 1:
        return f"in slice {name} = {span.start} only"
    every = ", all slices" if count == n else ""
    return f"through {count} slices, {name} = {span.start} to {span.stop - 1}{every}"


def _spans(block: Block) -> str:
    return ", ".join(f"{name} {s.start} to {s.stop - 1}" for name, s in zip(AXES, block, strict=True))
