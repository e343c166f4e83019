"""Distances from points to a surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.spatial import KDTree

from xanesmap.phasemap.surfaces.mesh import Surface

FloatArray = NDArray[np.floating[Any]]

# Beside the nearest vertex by no more than this, voxels, a point faces the surface around that vertex.
_FACING = 1.0
_NEAR = 3.0


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
    return facing_distance(points, surface, *nearest_vertices(points, surface))


def facing_distance(points: FloatArray, surface: Surface, length: FloatArray, nearest: NDArray[np.int64]) -> FloatArray:
    """`distance_to_surface` where the nearest vertices and how far away they are is known already."""
    offset = points - surface.vertices[nearest]
    across = np.einsum("ij,ij->i", offset, surface.normals[nearest])
    beside = np.sqrt(np.maximum(length**2 - across**2, 0))
    # past the rim of an open surface the plane through its last vertex says nothing
    distance: FloatArray = np.where(beside < _FACING, across, np.copysign(length, across))
    return distance


def nearest_vertices(points: FloatArray, surface: Surface) -> tuple[FloatArray, NDArray[np.int64]]:
    """Distance of every point to the nearest vertex of a surface that is not empty, and the number of that vertex."""
    # a mesh is spread evenly, and so are its halves: no need to look for medians
    tree = KDTree(surface.vertices, leafsize=12, balanced_tree=False, compact_nodes=False)
    length, nearest = tree.query(points, workers=1)
    return np.asarray(length), np.asarray(nearest, np.int64)


def depth_below(points: FloatArray, surface: Surface) -> FloatArray:
    """`(point,)` depth of points below a surface whose normals point out, voxels; negative outside."""
    return -distance_to_surface(points, surface)


def depth_map(inside: NDArray[np.bool_], surface: Surface) -> NDArray[np.float32]:
    """Depth of every voxel of a body.

    Parameters
    ----------
    inside
        `(z, y, x)` True in the body.
    surface
        Its surface, not empty.

    Returns
    -------
    `(z, y, x)` depth below the surface, voxels; 0 outside. Three voxels deep and more it is the distance to the nearest
    voxel outside, less that of this voxel from the surface: within a tenth of a voxel of `depth_below`, in a time that
    grows with the number of voxels.
    """
    padded = np.pad(inside, 1)
    length, nearest = distance_transform_edt(padded, return_indices=True)
    rim = ~padded & binary_dilation(padded, np.ones((3, 3, 3)))
    outside = np.zeros(padded.shape, np.float32)
    outside[rim] = distance_to_surface(np.argwhere(rim) - 1.0, surface)
    depth = np.where(padded, length - outside[tuple(nearest)], 0)
    # near the surface the way to the nearest voxel outside runs aslant; the mesh is near there and quickly asked
    near = padded & (length < _NEAR)
    depth[near] = depth_below(np.argwhere(near) - 1.0, surface)
    return np.asarray(depth[1:-1, 1:-1, 1:-1], np.float32)
