"""Areas on the voxel grid without a mesh: contacts of particles, and surfaces of small things.

The border between two particles has steps, and faces between voxels overestimate the area of an oblique plane by up to
the square root of three. The sum of the normals of those faces does not know of steps: it depends on the rim only, and
for a flat contact its length is the area, whichever way the contact looks (divergence theorem).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_RIM_PX = 0.5
_CROSSED = 2 / 3  # faces of the grid per area: the mean over directions of |x| + |y| + |z| of a normal is 3/2


def contact_areas(labels: NDArray[np.int32], number: int) -> dict[int, float]:
    """Area of every contact of one particle.

    Parameters
    ----------
    labels
        `(z, y, x)` particle numbers around it, with at least one voxel to every side; 0 outside.
    number
        Of the particle.

    Returns
    -------
    Area in square voxels for each particle that it touches, that of the flat disc with the rim of the contact: the same
    as the other one finds for this.
    """
    normals: dict[int, NDArray[np.float64]] = {}
    for axis in range(3):
        one, other = (np.moveaxis(labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        for first, second, way in ((one, other, 1), (other, one, -1)):
            touched = second[(first == number) & (second != number) & (second > 0)]
            for neighbour, count in zip(*np.unique(touched, return_counts=True), strict=True):
                normals.setdefault(int(neighbour), np.zeros(3))[axis] += way * int(count)
    return {neighbour: float(np.linalg.norm(normals[neighbour])) for neighbour in sorted(normals)}


def contact_error(areas: list[float]) -> float:
    """Standard error of the area of all contacts together, square voxels: half a voxel all around each."""
    return float(np.sqrt(sum((_RIM_PX * 2 * np.sqrt(np.pi * area)) ** 2 for area in areas)))


def border_area(inside: NDArray[Any]) -> float:
    """Area of the border of `(z, y, x)` voxels, square voxels: right on average over directions."""
    padded = np.pad(inside, 1)
    return _CROSSED * float(sum(np.count_nonzero(np.diff(padded, axis=axis)) for axis in range(3)))
