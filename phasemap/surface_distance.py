"""Distances from points to a surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from xanesmap.phasemap.surface import Surface

FloatArray = NDArray[np.floating[Any]]

# Beside the nearest vertex by no more than this, voxels, a point faces the surface around that vertex.
_FACING = 1.0


def distance_to_surface(points: FloatArray, surface: Surface) -> FloatArray:
    """Signed distance of points from a surface.

    Parameters
    ----------
    points
        `(point, 3)` z, y, x in voxels.
    surface
        Surface, not empty.

    Returns
    -------
    `(point,)` voxels, positive on the side to which the normals point. Meshes are as fine as the voxels, so the nearest
    vertex and the plane through it give the distance to a few hundredths of a voxel.
    """
    length, nearest = KDTree(surface.vertices).query(points, workers=1)
    offset = points - surface.vertices[nearest]
    across = np.einsum("ij,ij->i", offset, surface.normals[nearest])
    beside = np.sqrt(np.maximum(length**2 - across**2, 0))
    # past the rim of an open surface the plane through its last vertex says nothing
    distance: FloatArray = np.where(beside < _FACING, across, np.copysign(length, across))
    return distance


def depth_below(points: FloatArray, surface: Surface) -> FloatArray:
    """`(point,)` depth of points below a surface whose normals point out, voxels; negative outside."""
    return -distance_to_surface(points, surface)
