"""Contacts of particles on the voxel grid: which touch, where, and about how much.

The border between two particles has steps, and faces between voxels overestimate the area of an oblique plane by up to
the square root of three. The sum of the normals of those faces does not know of steps: it depends on the rim only, and
for a flat contact its length is the area, whichever way the contact looks (divergence theorem). It counts what lies
between the centres of two neighbouring voxels, which is more than the neck where that is narrow
(`xanesmap.phasemap.morphology.neck`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_RIM_PX = 0.5
_CROSSED = 2 / 3  # faces of the grid per area: the mean over directions of |x| + |y| + |z| of a normal is 3/2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContactFaces:
    """Faces of voxels between a particle and one that it touches."""

    normal: FloatArray
    """`(3,)` sum of their normals, out of the particle, square voxels."""
    centre: FloatArray
    """`(3,)` mean of their middles, voxels."""
    low: FloatArray
    """`(3,)` least place of a middle, voxels."""
    high: FloatArray
    """`(3,)` largest place of a middle, voxels."""

    @property
    def area(self) -> float:
        """Area of the flat disc with the rim of the faces, square voxels."""
        return float(np.linalg.norm(self.normal))

    @property
    def error(self) -> float:
        """Standard error of it: half a voxel all around."""
        return float(_RIM_PX * 2 * np.sqrt(np.pi * self.area))


def contact_faces(
    labels: NDArray[np.int32], number: int, *, origin: tuple[int, ...] = (0, 0, 0)
) -> dict[int, ContactFaces]:
    """Where one particle touches others.

    Parameters
    ----------
    labels
        `(z, y, x)` particle numbers around it, with at least one voxel to every side; 0 outside.
    number
        Of the particle.
    origin
        Place of the first voxel, which is added to all places.

    Returns
    -------
    Faces for the number of each particle that it touches, in their order.
    """
    partners, middles, ways = [], [], []
    for axis in range(3):
        step = np.eye(3)[axis]
        one, other = (np.moveaxis(labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        for first, second, way in ((one, other, 1), (other, one, -1)):
            touched = np.moveaxis((first == number) & (second != number) & (second > 0), 0, axis)
            places = np.argwhere(touched)
            partners.append(np.moveaxis(second, 0, axis)[tuple(places.T)])
            middles.append(places + step / 2 + origin)
            ways.append(np.broadcast_to(way * step, places.shape))
    partner, middle, normal = np.concatenate(partners), np.concatenate(middles), np.concatenate(ways)
    return {int(one): _faces(middle[partner == one], normal[partner == one]) for one in np.unique(partner)}


def _faces(middles: FloatArray, normals: FloatArray) -> ContactFaces:
    return ContactFaces(
        normal=normals.sum(axis=0), centre=middles.mean(axis=0), low=middles.min(axis=0), high=middles.max(axis=0)
    )


def border_area(inside: NDArray[Any]) -> float:
    """Area of the border of `(z, y, x)` voxels, square voxels: right on average over directions."""
    padded = np.pad(inside, 1)
    return _CROSSED * float(sum(np.count_nonzero(np.diff(padded, axis=axis)) for axis in range(3)))
