"""Tables of what is asked of places rather than of particles: boxes of growing size, named lines and named boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.line_profile import LineProfile, box_mean, line_profile
from xanesmap.phasemap.morphology_tables import Scale, Table
from xanesmap.phasemap.sampling import autocorrelation, box_statistics, correlation_length
from xanesmap.phasemap.segment_config import PointUm

FloatArray = NDArray[np.floating[Any]]

_EDGES_PX = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_LARGEST_BLOCK_PX = 256  # side of the block in which boxes and correlation are taken
_CORRELATED_SHARE = 2  # of that side is the longest distance


def sampling_table(fraction: FloatArray, sigma: FloatArray, amount: FloatArray, *, largest_px: int, um: float) -> Table:
    """Mean and variance of the composition in boxes of growing size, in the middle of a large volume."""
    header = [
        *("box edge (um)", "boxes", "mean fraction (1)", "mean error (1)"),
        *("variance between boxes (1)", "variance error (1)", "variance by noise, taken off (1)"),
    ]
    rows: list[list[object]] = []
    block = _central_block(amount > 0)
    maps = (fraction[block], sigma[block], amount[block])
    for edge in (edge for edge in _EDGES_PX if edge <= largest_px and edge <= min(maps[0].shape)):
        found = box_statistics(*maps, edge_px=edge)
        if found.boxes == 0:
            break
        spread = max(found.variance + found.noise_variance, 0.0)
        error = float(np.sqrt(spread / found.boxes))
        spreads = (found.variance, found.variance_error, found.noise_variance)
        rows.append([edge * um, found.boxes, found.mean, error, *spreads])
    return header, rows


def correlation_table(fraction: FloatArray, amount: FloatArray, *, um: float) -> tuple[Table, float]:
    """Correlation of the composition against distance, and its length in um (NaN where it has none)."""
    block = _central_block(amount > 0)
    farthest = max(2, min(fraction[block].shape) // _CORRELATED_SHARE)
    found = autocorrelation(fraction[block], amount[block], farthest_px=farthest)
    rows: list[list[object]] = [[i * um, value] for i, value in enumerate(found) if np.isfinite(value)]
    return (["distance (um)", "correlation (1)"], rows), correlation_length(found) * um


def _central_block(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Part of a large volume about the middle of the sample."""
    block = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, mask.shape[axis])
        spare = max(0, high - low - _LARGEST_BLOCK_PX)
        block.append(slice(low + spare // 2, high - (spare - spare // 2)))
    return tuple(block)


def lines_tables(
    fraction: FloatArray,
    sigma: FloatArray,
    *,
    lines: Mapping[str, tuple[PointUm, PointUm]],
    radius_um: float,
    scale: Scale,
) -> tuple[Table, Table]:
    """Profiles along named lines, and the edge fitted to each."""
    um = scale.pixel_um
    profiles = {
        name: line_profile(fraction, sigma, start=_voxels(start, um), end=_voxels(end, um), radius_px=radius_um / um)
        for name, (start, end) in lines.items()
    }
    header = ["line", "distance (um)", f"fraction of {scale.core_phase} (1)", "error (1)"]
    rows: list[list[object]] = [
        [name, distance * um, mean, error]
        for name, profile in profiles.items()
        for distance, mean, error in zip(profile.distance, profile.mean, profile.error, strict=True)
        if np.isfinite(mean)
    ]
    titles = ["line", "front at (um)", "front width 10-90 % (um)", "width error (um)", "intrinsic width (um)"]
    return (header, rows), (titles, [_edge_row(name, profile, scale) for name, profile in profiles.items()])


def _edge_row(name: str, profile: LineProfile, scale: Scale) -> list[object]:
    edge, um = profile.edge, scale.pixel_um
    if edge is None:
        return [name, *[float("nan")] * 4]
    blur = float(np.hypot(scale.blur_px, VOXEL_DEVIATION))
    return [name, edge.position * um, edge.width * um, edge.width_error * um, edge.intrinsic_width(blur) * um]


def boxes_table(maps: Sequence[FloatArray], *, boxes: Mapping[str, tuple[PointUm, PointUm]], scale: Scale) -> Table:
    """Mean composition in named boxes; `maps` are fraction, sigma and amount, `(z, y, x)` each."""
    fraction, sigma, amount = maps
    header = ["box", "voxels", f"mean fraction of {scale.core_phase} (1)", "error (1)"]
    rows: list[list[object]] = []
    for name, (corner, opposite) in boxes.items():
        corners = (_voxels(corner, scale.pixel_um), _voxels(opposite, scale.pixel_um))
        found = box_mean(fraction, sigma, amount, corner=corners[0], opposite=corners[1])
        rows.append([name, found.voxels, found.mean, found.error])
    return header, rows


def _voxels(point: PointUm, um: float) -> tuple[float, float, float]:
    z, y, x = (value / um for value in point)
    return z, y, x
