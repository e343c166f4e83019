"""Particles as smooth fields from which surfaces are drawn: where there is material, and where the core is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.particles import LEAST_VOXELS

FloatArray = NDArray[np.float32]
Box = tuple[slice, slice, slice]

VOXELS = 3_000_000
"""Voxels of all bodies shown together; of larger ones a coarser level of the pyramid, or every second voxel."""
FINEST = 3
"""Points per voxel along each axis where a body is small."""

_MARGIN_PX = 3
_SMOOTHING_PX = 1.1  # rounds the stairs of voxels
_REFINED_VOXELS = 1_500_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """One particle, or all material of a result without particles, on a grid of its own."""

    number: int
    """Of the particle; 0 where particles were not told apart."""
    origin_um: FloatArray
    """(3,) z, y, x of the first grid point."""
    step_um: float
    """From grid point to grid point."""
    solid: FloatArray
    """(z, y, x) roughly the depth below the surface in grid steps, negative outside."""
    core: FloatArray
    """The same for the core."""
    shares: FloatArray
    """(label, z, y, x) smoothed share of the phase labels 1, 2, ..."""
    fraction: FloatArray
    """(z, y, x) smoothed fraction of the core's phase."""
    centre_um: FloatArray
    """(3,) centroid."""

    def places(self, points_um: NDArray[Any]) -> NDArray[np.float64]:
        """(3, point) coordinates on the grid of points (point, 3)."""
        offsets = np.asarray(points_um, dtype=np.float64) - self.origin_um
        return np.asarray((offsets / self.step_um).T, dtype=np.float64)

    def sampled(self, field: FloatArray, points_um: NDArray[Any]) -> NDArray[np.float64]:
        """(point,) a field at points (point, 3), linear between grid points, that of the rim beyond."""
        at: NDArray[np.float64] = ndimage.map_coordinates(
            field, self.places(points_um), order=1, mode="nearest", output=np.float64
        )
        return at

    def corners_um(self) -> NDArray[np.float64]:
        """(8, 3) corners of the grid."""
        ends = np.stack([np.zeros(3), np.array(self.solid.shape) - 1.0])
        corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
        return np.asarray(self.origin_um + self.step_um * corners)


def core_index(result: PhaseMap) -> int:
    """Index of the phase that makes the cores: that of the segmentation, else the first."""
    name = result.attributes.get("segmentation", {}).get("core_phase")
    return result.phases.index(name) if name in result.phases else 0


def particle_numbers(result: PhaseMap) -> tuple[int, ...]:
    """Numbers of the particles, from the largest; none where the result is not segmented."""
    if result.particle_labels is None:
        return ()
    labels = np.asarray(result.levels("particle_labels")[-1])
    return tuple(np.unique(labels[labels > 0]).tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelBlock:
    """Labels around the material shown, at a level of the pyramid."""

    phase: NDArray[np.uint8]
    """(z, y, x) phase labels; 0 outside and in particles that are not shown."""
    particle: NDArray[np.integer[Any]]
    """(z, y, x) numbers of particles; 1 in all material where particles were not told apart."""
    level: int
    box: Box
    """Which voxels of the level these are; every second or third where the level holds too many."""
    voxel_um: float

    @property
    def origin_um(self) -> NDArray[np.float64]:
        """(3,) centre of the first voxel: voxels of a level stay where they were in the level below."""
        stride = self.box[0].step
        first = np.array([part.start for part in self.box], dtype=np.float64)
        return np.asarray(first * self.voxel_um / stride)


def read_labels(result: PhaseMap, *, particle: int | None = None, voxels: int = VOXELS) -> LabelBlock:
    """Read the labels of a particle, or of all, as finely as fits.

    Parameters
    ----------
    result
        An opened result.
    particle
        Its number; all when not given.
    voxels
        Most voxels to read.

    Raises
    ------
    DataError
        There is no such particle, or no material at all.
    """
    source = "phase_labels" if result.particle_labels is None else "particle_labels"
    levels = result.levels(source)
    coarse = np.asarray(levels[-1])
    found = coarse == particle if particle is not None else coarse > 0
    if not found.any():
        wanted = "no material" if particle is None else f"no particle {particle}"
        message = f"result '{result.path}' holds {wanted}; choose another, or make it again with other thresholds."
        raise DataError(message)
    box = ndimage.find_objects(found.astype(np.uint8))[0]
    level = _level(box, [array.shape for array in levels], voxels)
    grown = _thinned(_box_at(box, len(levels) - 1 - level, levels[level].shape), voxels)
    phase, owner = np.asarray(result.levels("phase_labels")[level][grown]), np.asarray(levels[level][grown])
    if result.particle_labels is None:
        owner = (owner > 0).astype(np.uint8)
    shown = owner == particle if particle is not None else owner > 0
    return LabelBlock(
        phase=np.where(shown, phase, 0).astype(np.uint8),
        particle=np.where(shown, owner, 0),
        level=level,
        box=grown,
        voxel_um=result.pixel_size_um * 2**level * grown[0].step,
    )


def _level(box: Box, shapes: list[tuple[int, ...]], voxels: int) -> int:
    """Finest level at which a box of the coarsest holds no more than that many voxels; the coarsest where none."""
    coarse = float(np.prod([part.stop - part.start for part in box]))
    last = len(shapes) - 1
    return next((level for level in range(last) if coarse * 8.0 ** (last - level) <= voxels), last)


def _box_at(box: Box, finer: int, shape: tuple[int, ...]) -> Box:
    """Box of the coarsest level at one that is finer by so many halvings, with a margin for what sampling missed."""
    factor, margin = 2**finer, _MARGIN_PX + 2**finer
    parts = (
        slice(max(part.start * factor - margin, 0), min(part.stop * factor + margin, n))
        for part, n in zip(box, shape, strict=True)
    )
    z, y, x = parts
    return z, y, x


def _thinned(box: Box, voxels: int) -> Box:
    """Box of which only every second, third... voxel is taken, so that no more than that many are left."""
    held = float(np.prod([part.stop - part.start for part in box]))
    # not for the little that a margin adds
    stride = max(1, math.ceil(np.cbrt(held / (2 * voxels))))
    z, y, x = (slice(part.start, part.stop, stride) for part in box)
    return z, y, x


def read_bodies(result: PhaseMap, *, particle: int | None = None, voxels: int = VOXELS) -> list[Body]:
    """Bodies of a result; see `read_labels` for the parameters and what is raised."""
    block = read_labels(result, particle=particle, voxels=voxels)
    core = core_index(result)
    fraction = np.asarray(result.levels("fraction")[block.level][(core, *block.box)])
    finer = _refinement(block)
    separate = result.particle_labels is not None
    return [
        _body(block, fraction, box, number=number if separate else 0, core=core, finer=finer, result=result)
        for number, box in _boxes(block.particle)
    ]


def _boxes(owner: NDArray[np.integer[Any]]) -> Iterator[tuple[int, Box]]:
    for index, box in enumerate(ndimage.find_objects(owner.astype(np.int32)), start=1):
        if box is not None:
            yield index, box


def _refinement(block: LabelBlock) -> int:
    """Grid points per voxel that all bodies together can afford."""
    total = sum(np.prod([part.stop - part.start + 2 * _MARGIN_PX for part in box]) for _, box in _boxes(block.particle))
    return int(np.clip(np.cbrt(_REFINED_VOXELS / max(float(total), 1.0)), 1, FINEST))


def _body(
    block: LabelBlock,
    fraction: NDArray[Any],
    box: Box,
    *,
    number: int,
    core: int,
    finer: int,
    result: PhaseMap,
) -> Body:
    own = np.pad(block.particle[box] == (number or 1), _MARGIN_PX)
    labels = np.where(own, np.pad(block.phase[box], _MARGIN_PX), 0)
    own &= labels > 0
    start = np.array([part.start for part in box]) - _MARGIN_PX
    inner = _without_specks(labels == core + 1)
    solid = _depth(own | inner)
    core_depth = np.minimum(_depth(inner), solid)
    shares = [_smoothed(labels == value) for value in range(1, len(result.label_names) + 1)]
    known = own & np.isfinite(padded := np.pad(fraction[box], _MARGIN_PX))
    weight = np.maximum(_smoothed(known), 1e-3)
    mean = (_smoothed(np.where(known, padded, 0)) / weight).astype(np.float32)
    centre = np.argwhere(own).mean(axis=0) if own.any() else np.array(own.shape) / 2
    return Body(
        number=number,
        origin_um=(block.origin_um + start * block.voxel_um).astype(np.float32),
        step_um=block.voxel_um / finer,
        solid=_refined(solid, finer) * np.float32(finer),
        core=_refined(core_depth, finer) * np.float32(finer),
        shares=np.stack([_refined(share, finer) for share in shares]),
        fraction=_refined(mean, finer),
        centre_um=(block.origin_um + (start + centre) * block.voxel_um).astype(np.float32),
    )


def _without_specks(core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A core with its small hollows filled: specks of noise would float when the core is moved out of its shell."""
    hollows, n_hollows = ndimage.label(ndimage.binary_fill_holes(core) & ~core)
    small = np.bincount(hollows.ravel(), minlength=n_hollows + 1) < LEAST_VOXELS
    small[0] = False
    filled: NDArray[np.bool_] = core | small[hollows]
    return filled


def _smoothed(values: NDArray[Any]) -> FloatArray:
    smooth: FloatArray = ndimage.gaussian_filter(values.astype(np.float32), _SMOOTHING_PX)
    return smooth


def _depth(inside: NDArray[np.bool_]) -> FloatArray:
    """Smooth field, roughly the depth in voxels, that is above 0 in as many voxels as there are inside.

    Smoothing moves curved surfaces inwards; a level that keeps the volume moves them back.
    """
    smooth = _smoothed(inside)
    count = int(inside.sum())
    level = np.partition(smooth, smooth.size - count, axis=None)[smooth.size - count] if count else np.float32(1)
    return (smooth - level) * np.float32(_SMOOTHING_PX * np.sqrt(2 * np.pi))  # the slope of a smoothed step


def _refined(field: FloatArray, finer: int) -> FloatArray:
    """Field on a grid `finer` times as fine between the same first and last points, smooth (cubic)."""
    if finer == 1:
        return field
    zoom = [((n - 1) * finer + 1) / n for n in field.shape]
    refined: FloatArray = ndimage.zoom(field, zoom, order=3, mode="nearest").astype(np.float32)
    return refined
