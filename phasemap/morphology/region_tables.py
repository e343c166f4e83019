"""Tables of what is asked of places rather than of particles: boxes of growing size, named lines and named boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.morphology.line_profile import LineProfile, box_mean, line_profile
from xanesmap.phasemap.morphology.sampling import autocorrelation, box_statistics, weighted_maps
from xanesmap.phasemap.morphology.table_scale import Scale, Table, with_error
from xanesmap.phasemap.morphology.two_phase import BLUR_ERROR
from xanesmap.phasemap.segmentation.config import PointUm
from xanesmap.phasemap.storage.box_reader import Box, BoxReader

FloatArray = NDArray[np.floating[Any]]

_EDGES_PX = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_LARGEST_BLOCK_PX = 256  # side of the block in which boxes and correlation are taken
_CORRELATED_SHARE = 2  # of that side is the longest distance


def central_block(used: Sequence[NDArray[np.bool_]]) -> Box:
    """Part of a large volume about the middle of the sample.

    Parameters
    ----------
    used
        For each axis, `(index,)` True where the sample has voxels.
    """
    block = []
    for along in used:
        places = np.flatnonzero(along)
        low, high = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, len(along))
        spare = max(0, high - low - _LARGEST_BLOCK_PX)
        block.append(slice(low + spare // 2, high - (spare - spare // 2)))
    return block[0], block[1], block[2]


def sampling_table(fraction: FloatArray, sigma: FloatArray, amount: FloatArray, *, largest_px: int, um: float) -> Table:
    """Mean and variance of the composition in boxes of growing size; maps `(z, y, x)` of a block."""
    header = [
        *("box edge (um)", "boxes", "mean fraction (1)", "mean error (1)"),
        *("variance between boxes (1)", "variance error (1)", "variance by noise, taken off (1)"),
    ]
    rows: list[list[object]] = []
    maps = weighted_maps(fraction, sigma, amount)
    for edge in (edge for edge in _EDGES_PX if edge <= largest_px and edge <= min(fraction.shape)):
        found = box_statistics(maps, edge_px=edge)
        if found.boxes == 0:
            break
        spread = max(found.variance + found.noise_variance, 0.0)
        error = float(np.sqrt(spread / found.boxes))
        spreads = (found.variance, found.variance_error, found.noise_variance)
        rows.append([edge * um, found.boxes, found.mean, error, *spreads])
    return header, rows


def correlation_table(fraction: FloatArray, amount: FloatArray, *, um: float) -> tuple[Table, tuple[float, float]]:
    """Correlation of the composition against distance in a block, and its length with error in um (NaN without one)."""
    farthest = max(2, min(fraction.shape) // _CORRELATED_SHARE)
    found = autocorrelation(fraction, amount, farthest_px=farthest)
    rows: list[list[object]] = [
        [i * um, value, found.error[i]] for i, value in enumerate(found.value) if np.isfinite(value)
    ]
    header = ["distance (um)", *with_error("correlation", "1")]
    return (header, rows), (found.length * um, found.length_error * um)


def lines_tables(
    maps: BoxReader, *, lines: Mapping[str, tuple[PointUm, PointUm]], radius_um: float, scale: Scale
) -> tuple[Table, Table]:
    """Profiles along named lines, and the edge fitted to each; of the maps only the boxes around the lines are read."""
    um = scale.pixel_um
    profiles = {name: _profile(maps, start, end, radius_um, um) for name, (start, end) in lines.items()}
    header = ["line", "distance (um)", f"fraction of {scale.core_phase} (1)", "error (1)"]
    rows: list[list[object]] = [
        [name, distance * um, mean, error]
        for name, profile in profiles.items()
        for distance, mean, error in zip(profile.distance, profile.mean, profile.error, strict=True)
        if np.isfinite(mean)
    ]
    titles = ["line", "front at (um)", "front place error (um)", "front width 10-90 % (um)", "width error (um)"]
    titles += with_error("intrinsic width", "um")
    return (header, rows), (titles, [_edge_row(name, profile, scale) for name, profile in profiles.items()])


def _profile(maps: BoxReader, start: PointUm, end: PointUm, radius_um: float, um: float) -> LineProfile:
    """Profile of one line, of which the surroundings are read."""
    points = np.array([_voxels(start, um), _voxels(end, um)])
    margin = radius_um / um + 2
    box, corner = maps.clipped(points.min(axis=0) - margin, points.max(axis=0) + margin)
    fraction, sigma, _ = maps.read(box)
    first, last = ((z, y, x) for z, y, x in (points - corner).tolist())
    return line_profile(fraction, sigma, start=first, end=last, radius_px=radius_um / um)


def _edge_row(name: str, profile: LineProfile, scale: Scale) -> list[object]:
    edge, um = profile.edge, scale.pixel_um
    if edge is None:
        return [name, *[float("nan")] * 6]
    blur = float(np.hypot(scale.blur_px, VOXEL_DEVIATION))
    intrinsic = edge.intrinsic_width(blur), edge.intrinsic_width_error(blur, BLUR_ERROR * blur)
    cells = (edge.position, edge.position_error, edge.width, edge.width_error, *intrinsic)
    return [name, *(cell * um for cell in cells)]


def boxes_table(maps: BoxReader, *, boxes: Mapping[str, tuple[PointUm, PointUm]], scale: Scale) -> Table:
    """Mean composition in named boxes."""
    header = ["box", "voxels", f"mean fraction of {scale.core_phase} (1)", "error (1)"]
    rows: list[list[object]] = []
    for name, ends in boxes.items():
        points = np.array([_voxels(point, scale.pixel_um) for point in ends])
        box, corner = maps.clipped(points.min(axis=0), points.max(axis=0))
        low, high = ((z, y, x) for z, y, x in (np.sort(points, axis=0) - corner).tolist())
        found = box_mean(*maps.read(box), corner=low, opposite=high)
        rows.append([name, found.voxels, found.mean, found.error])
    return header, rows


def _voxels(point: PointUm, um: float) -> tuple[float, float, float]:
    z, y, x = (value / um for value in point)
    return z, y, x
