"""Particles: connected parts of the sample, touching ones split at their necks.

The distance to the surface has one peak in every convex particle. Going up from every voxel (watershed) cuts a group
of particles at every saddle; a cut is kept only where it is a neck, that is, where the saddle is low against the
smaller of the two peaks. That rule has no length in it, so it splits small and large particles alike, and leaves long
or knobbly ones whole.

References
----------
Beucher and Lantuejoul, Use of watersheds in contour detection (1979); Soille, Morphological Image Analysis, Springer
(2003), doi:10.1007/978-3-662-05088-0, on dynamics of extrema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xanesmap.phasemap.segmentation.basins import Basins, find_basins
from xanesmap.phasemap.segmentation.closed_pores import filled_rows
from xanesmap.phasemap.segmentation.particle_kernel import join_basins
from xanesmap.phasemap.storage.row_blocks import Rows, block_rows, joined_numbers, row_ranges

Labels = NDArray[np.int32]
Box = tuple[slice, slice, slice]

NECK = 0.8
"""Saddle over peak of the distance to the surface below which two parts are two particles."""
LEAST_VOXELS = 64
"""Voxels below which a part is a fragment: a ball five voxels wide."""

_SHALLOW_PX = 0.5  # a peak this little above its saddle is a step of the grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleList:
    """Particles of a volume, numbered from 1, the largest.

    Attributes
    ----------
    boxes
        Of every particle with its pores.
    cut
        `(particle,)` True where it reaches the first or last slice, or the end of the circle in (y, x) that every
        projection saw; of a single slice, where it reaches its border.
    n_fragments
        Parts that were too small.
    fragment_voxels
        Voxels in them.
    used
        For each axis, `(index,)` True where the sample has voxels.
    """

    boxes: tuple[Box, ...]
    cut: NDArray[np.bool_]
    n_fragments: int
    fragment_voxels: int
    used: tuple[NDArray[np.bool_], ...]

    @property
    def count(self) -> int:
        """Number of particles."""
        return len(self.boxes)

    @property
    def is_empty(self) -> bool:
        """Whether there is no sample at all."""
        return not self.used[0].any()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Particles:
    """Numbered particles in memory.

    Attributes
    ----------
    labels
        `(z, y, x)` int32: 0 outside, else the number of the particle; 1 is the largest.
    pores
        `(z, y, x)` int32: closed pores, with the number of the particle around them.
    found
        Their list.
    """

    labels: Labels
    pores: Labels
    found: ParticleList

    @property
    def count(self) -> int:
        """Number of particles."""
        return self.found.count

    @property
    def n_fragments(self) -> int:
        """Parts that were too small."""
        return self.found.n_fragments

    @property
    def fragment_voxels(self) -> int:
        """Voxels in them."""
        return self.found.fragment_voxels


def find_particles(
    mask: NDArray[np.bool_], *, neck: float = NECK, least_voxels: int = LEAST_VOXELS, rows: int | None = None
) -> Particles:
    """Number the particles of a sample that is in memory; parameters as of `number_particles`."""
    labels, pores = np.zeros(mask.shape, np.int32), np.zeros(mask.shape, np.int32)
    found = number_particles(mask, labels, pores, neck=neck, least_voxels=least_voxels, rows=rows)
    return Particles(labels=labels, pores=pores, found=found)


def number_particles(
    mask: Rows,
    labels: Rows,
    pores: Rows,
    *,
    neck: float = NECK,
    least_voxels: int = LEAST_VOXELS,
    rows: int | None = None,
    block_done: Callable[[int, int], None] = lambda done, total: None,
) -> ParticleList:
    """Number the particles of a sample, a few rows at a time.

    Parameters
    ----------
    mask
        `(z, y, x)` not zero inside the sample.
    labels, pores
        `(z, y, x)` int32 to be written: particle numbers, and those of the particles around closed pores.
    neck
        From 0 (never split) to 1 (split at every saddle): ratio of saddle to smaller peak below which two parts are two
        particles.
    least_voxels
        Voxels, closed pores included, below which a part is dropped as a fragment.
    rows
        Rows of a block; as many as make some millions of voxels when not given. The result does not depend on it.
    block_done
        Called with the blocks done and their number.

    Returns
    -------
    ParticleList
    """
    rows = rows or block_rows(mask.shape)
    basins = find_basins(filled_rows(mask, rows=rows), labels, rows=rows, block_done=block_done)
    part = _parts(basins, neck=neck, least_voxels=least_voxels)
    sizes = np.bincount(part, basins.sizes, minlength=int(part.max()) + 1).astype(np.int64)
    sizes[part[0]] = 0
    new = _numbers_by_size(sizes, least_voxels=least_voxels)
    return _numbered(mask, labels, pores, new[part][basins.number], new, sizes, rows=rows)


def renumber_particles(
    mask: Rows, labels: Rows, pores: Rows, sizes: NDArray[np.int64], *, least_voxels: int, rows: int
) -> ParticleList:
    """Number particles anew that are told apart already; see `number_particles`.

    Parameters
    ----------
    mask
        `(z, y, x)` not zero inside the sample.
    labels, pores
        `(z, y, x)` int32 to be written; `labels` holds the numbers so far, in closed pores too.
    sizes
        `(number,)` voxels of each number so far, 0 of number 0.
    least_voxels
        Voxels below which a particle is a fragment.
    rows
        Rows of a block.
    """
    new = _numbers_by_size(sizes, least_voxels=least_voxels)
    return _numbered(mask, labels, pores, new, new, sizes, rows=rows)


def _numbered(
    mask: Rows, labels: Rows, pores: Rows, final: Labels, new: Labels, sizes: NDArray[np.int64], *, rows: int
) -> ParticleList:
    """Write final numbers by provisional ones; `new` and `sizes` are those of the parts."""
    boxes, cut, used = _write_numbers(mask, labels, pores, final, count=int(new.max()), rows=rows)
    dropped = (new == 0) & (sizes > 0)
    return ParticleList(
        boxes=boxes,
        cut=cut,
        n_fragments=int(dropped.sum()),
        fragment_voxels=int(sizes[dropped].sum()),
        used=used,
    )


def _numbers_by_size(sizes: NDArray[np.int64], *, least_voxels: int) -> Labels:
    """`(part,)` number of each part, 1 the largest; 0 of those with fewer voxels."""
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= max(least_voxels, 1)]
    new = np.zeros(len(sizes), np.int32)
    new[order] = np.arange(1, len(order) + 1)
    return new


def _parts(basins: Basins, *, neck: float, least_voxels: int) -> NDArray[np.int64]:
    """(basin + 1,) number of the part each basin belongs to, in the order of the first peak of each; 0 is outside."""
    parent = join_basins(basins.tops, basins.touching, basins.saddles, neck, _SHALLOW_PX)
    group = joined_numbers(basins.touching, len(basins.tops) - 1)
    small = np.bincount(group, basins.sizes) < 2 * least_voxels  # too small for two particles
    whole = small[group]
    key = np.where(whole, len(parent) + group, parent)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return np.asarray(rank[inverse], np.int64)


def _write_numbers(
    mask: Rows, labels: Rows, pores: Rows, new: Labels, *, count: int, rows: int
) -> tuple[tuple[Box, ...], NDArray[np.bool_], tuple[NDArray[np.bool_], ...]]:
    """Write the final numbers over the provisional ones; boxes of the particles, which the field cuts, the extent."""
    shape = labels.shape
    used = tuple(np.zeros(n, bool) for n in shape)
    low, high = np.full((count + 1, 3), max(shape)), np.zeros((count + 1, 3), np.int64)
    cut = np.zeros(count + 1, bool)
    for start, stop in row_ranges(shape[0], rows):
        found = new[np.asarray(labels[start:stop])]
        inside = np.asarray(mask[start:stop]) > 0
        used[0][start:stop] = inside.any(axis=(1, 2))
        used[1][:] |= inside.any(axis=(0, 2))
        used[2][:] |= inside.any(axis=(0, 1))
        labels[start:stop] = np.where(inside, found, 0)
        pores[start:stop] = np.where(inside, 0, found)
        for number, box in enumerate(ndimage.find_objects(found), start=1):
            if box is not None:
                low[number] = np.minimum(low[number], [box[0].start + start, box[1].start, box[2].start])
                high[number] = np.maximum(high[number], [box[0].stop + start, box[1].stop, box[2].stop])
        cut |= _reach_the_end(np.where(inside, found, 0), count, is_first=start == 0, is_last=stop == shape[0])
    boxes = [
        (slice(int(a[0]), int(b[0])), slice(int(a[1]), int(b[1])), slice(int(a[2]), int(b[2])))
        for a, b in zip(low[1:], high[1:], strict=True)
    ]
    return tuple(boxes), cut[1:], used


def _reach_the_end(labels: Labels, count: int, *, is_first: bool, is_last: bool) -> NDArray[np.bool_]:
    """(particle + 1,) True where a particle of these rows reaches the end of the field."""
    _, n_y, n_x = labels.shape
    y, x = np.ogrid[:n_y, :n_x]
    rim = np.hypot(y - (n_y - 1) / 2, x - (n_x - 1) / 2) > (min(n_y, n_x) - 1) / 2 - 0.5
    cut = np.zeros(count + 1, bool)
    slices = (labels[: int(is_first)], labels[len(labels) - int(is_last) :], labels[:, rim])
    border = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    # a single slice lies in its field as a whole
    for part in border if is_first and is_last and len(labels) == 1 else slices:
        cut[np.unique(part)] = True
    cut[0] = False
    return cut
