"""Particles: connected parts of the sample, touching ones split at their necks.

The distance to the surface has one peak in every convex particle. Flooding it from its peaks (watershed) cuts a group
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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

FloatArray = NDArray[np.floating[Any]]
Labels = NDArray[np.int32]

NECK = 0.8
"""Saddle over peak of the distance to the surface below which two parts are two particles."""
LEAST_VOXELS = 64
"""Voxels below which a part is a fragment: a ball five voxels wide."""

_SHALLOW_PX = 0.5  # a peak this little above its saddle is a step of the grid
_SMOOTHING_PX = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Particles:
    """Numbered particles.

    Attributes
    ----------
    labels
        `(z, y, x)` int32: 0 outside, else the number of the particle; 1 is the largest.
    pores
        `(z, y, x)` int32: closed pores, with the number of the particle around them.
    n_fragments
        Parts that were too small.
    fragment_voxels
        Voxels in them.
    """

    labels: Labels
    pores: Labels
    n_fragments: int
    fragment_voxels: int

    @property
    def count(self) -> int:
        """Number of particles."""
        return int(self.labels.max(initial=0))


def find_particles(mask: NDArray[np.bool_], *, neck: float = NECK, least_voxels: int = LEAST_VOXELS) -> Particles:
    """Number the particles of a sample.

    Parameters
    ----------
    mask
        `(z, y, x)` True inside the sample.
    neck
        From 0 (never split) to 1 (split at every saddle): ratio of saddle to smaller peak below which two parts are two
        particles.
    least_voxels
        Voxels, closed pores included, below which a part is dropped as a fragment.

    Returns
    -------
    Particles
    """
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(mask)
    groups, _ = ndimage.label(filled)
    labels = np.zeros(mask.shape, np.int32)
    count = 0
    for number, box in enumerate(ndimage.find_objects(groups), start=1):
        inside = groups[box] == number
        parts = split_touching(inside, neck=neck) if inside.sum() >= 2 * least_voxels else inside.astype(np.int32)
        labels[box][inside] = parts[inside] + count
        count += int(parts.max())
    return _numbered(labels, mask, count=count, least_voxels=least_voxels)


def _numbered(labels: Labels, mask: NDArray[np.bool_], *, count: int, least_voxels: int) -> Particles:
    """Particles by falling size, without fragments."""
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= max(least_voxels, 1)]
    new = np.zeros(count + 1, np.int32)
    new[order] = np.arange(1, len(order) + 1)
    dropped = (new == 0) & (sizes > 0)
    numbered = new[labels]
    return Particles(
        labels=np.where(mask, numbered, 0).astype(np.int32),
        pores=np.where(mask, 0, numbered).astype(np.int32),
        n_fragments=int(dropped.sum()),
        fragment_voxels=int(sizes[dropped].sum()),
    )


def split_touching(inside: NDArray[np.bool_], *, neck: float = NECK) -> Labels:
    """Cut one connected group of particles at its necks.

    Parameters
    ----------
    inside
        `(z, y, x)` True in the group.
    neck
        As in `find_particles`.

    Returns
    -------
    `(z, y, x)` 0 outside, 1, 2, ... inside.
    """
    padded = np.pad(inside, 1)
    depth = ndimage.distance_transform_edt(padded).astype(np.float32)
    height = np.where(padded, ndimage.gaussian_filter(depth, _SMOOTHING_PX), 0)
    peaks, n_peaks = ndimage.label((height == ndimage.maximum_filter(height, size=3)) & padded, np.ones((3, 3, 3)))
    if n_peaks < 2:
        return inside.astype(np.int32)
    flood: Callable[..., Any] = watershed  # the library's own annotation is incomplete
    basins = flood(-height, peaks, mask=padded).astype(np.int32)
    tops = np.asarray(ndimage.maximum(height, basins, np.arange(n_peaks + 1)))
    merged = _merge_basins(tops, *_saddles(basins, height), neck=neck)
    return np.ascontiguousarray(merged[basins][1:-1, 1:-1, 1:-1])


def _saddles(basins: Labels, height: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """(pair, 2) basins that touch, and (pair,) the highest point of their border."""
    pairs, heights = [], []
    for axis in range(3):
        one, other = (np.moveaxis(basins, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        border = (one != other) & (one > 0) & (other > 0)
        rise, fall = (np.moveaxis(height, axis, 0)[part][border] for part in (slice(None, -1), slice(1, None)))
        pairs.append(np.sort(np.stack([one[border], other[border]], axis=1), axis=1))
        heights.append(np.minimum(rise, fall))
    touching, which = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    saddle = np.zeros(len(touching))
    np.maximum.at(saddle, which.ravel(), np.concatenate(heights))
    return touching, saddle


def _merge_basins(tops: FloatArray, touching: NDArray[np.int64], saddle: FloatArray, *, neck: float) -> Labels:
    """(basin + 1,) number of the particle each basin belongs to, joining over the highest saddles first."""
    parent = np.arange(len(tops))
    for pair in np.argsort(-saddle, kind="stable"):
        one, other = (_root(parent, basin) for basin in touching[pair])
        lower, higher = sorted((one, other), key=lambda basin: tops[basin])
        is_neck = saddle[pair] < neck * tops[lower] and tops[lower] - saddle[pair] > _SHALLOW_PX
        if one != other and not is_neck:
            parent[lower] = higher
    roots = np.array([_root(parent, basin) for basin in range(len(tops))])
    return np.unique(roots, return_inverse=True)[1].astype(np.int32)


def _root(parent: NDArray[np.int64], basin: int) -> int:
    while parent[basin] != basin:
        basin = int(parent[basin])
    return basin


def cut_by_field(labels: Labels) -> NDArray[np.bool_]:
    """Particles that the field of view cuts.

    Parameters
    ----------
    labels
        `(z, y, x)` particle numbers.

    Returns
    -------
    `(particle,)` True where particle 1, 2, ... reaches the first or last slice, or the end of the circle in (y, x) that
    every projection saw.
    """
    n_z, n_y, n_x = labels.shape
    y, x = np.ogrid[:n_y, :n_x]
    rim = np.hypot(y - (n_y - 1) / 2, x - (n_x - 1) / 2) > (min(n_y, n_x) - 1) / 2 - 0.5
    cut = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for part in (labels[0], labels[n_z - 1], labels[:, rim]):
        cut[np.unique(part)] = True
    return cut[1:]
