"""Shape and orientation in one tensor each: of a body, and of a surface.

Semi-axes come from the second moments of a body (gyration tensor), the anisotropy of a surface from its normals
(Minkowski tensor W of rank two).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.surfaces.derivative_kernel import moments_above
from xanesmap.phasemap.surfaces.mesh import Surface, face_areas, face_normals

FloatArray = NDArray[np.floating[Any]]

_VOXEL_VARIANCE = 1 / 12  # a voxel is a cube: its own second moment along each axis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axes:
    """Principal axes of a body.

    Attributes
    ----------
    centroid
        `(3,)` z, y, x, voxels.
    lengths
        `(3,)` semi-axes of the ellipsoid with the same second moments, voxels, longest first.
    directions
        `(3, 3)` one unit vector (z, y, x) per row, in the order of `lengths`.
    """

    centroid: FloatArray
    lengths: FloatArray
    directions: FloatArray


def principal_axes(points: FloatArray, weights: FloatArray | None = None) -> Axes:
    """Principal axes of a body given by its voxels.

    Parameters
    ----------
    points
        `(voxel, 3)` centres of the voxels, at least one.
    weights
        `(voxel,)` filled parts of the voxels; all full when not given.

    Returns
    -------
    Axes: a = sqrt(5 lambda) of the gyration tensor <(r - c)(r - c)'>, which is exact for an ellipsoid.
    """
    weight = np.ones(len(points)) if weights is None else weights
    centroid = np.average(points, axis=0, weights=weight)
    offset = points - centroid
    gyration = (offset * weight[:, None]).T @ offset / weight.sum() + _VOXEL_VARIANCE * np.eye(3)
    values, vectors = np.linalg.eigh(gyration)
    return Axes(centroid=centroid, lengths=np.sqrt(5 * values[::-1]), directions=vectors[:, ::-1].T)


def axes_above(field: FloatArray, inside: NDArray[np.bool_], *, level: float) -> Axes:
    """Principal axes of the voxels inside in which a field, `(z, y, x)`, lies above a level; at least one."""
    count, *sums = moments_above(np.ascontiguousarray(field), inside, level)
    centroid = np.array(sums[:3]) / count
    zz, zy, zx, yy, yx, xx = np.array(sums[3:]) / count
    gyration = np.array([[zz, zy, zx], [zy, yy, yx], [zx, yx, xx]]) - np.outer(centroid, centroid)
    values, vectors = np.linalg.eigh(gyration + _VOXEL_VARIANCE * np.eye(3))
    return Axes(centroid=centroid, lengths=np.sqrt(5 * values[::-1]), directions=vectors[:, ::-1].T)


def axes_within(surface: Surface) -> Axes:
    """Principal axes of what a closed surface encloses, from the tetrahedra between a point and its triangles."""
    start = surface.vertices.mean(axis=0)
    corners = surface.vertices[surface.faces] - start  # (face, corner, axis)
    six = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))  # six volumes, with their signs
    total = six.sum()
    sums = corners.sum(axis=1)
    centroid = (six @ sums) / (4 * total)
    # of a tetrahedron with a corner at the origin: V / 20 (sum of x x' over the corners + sum x (sum x)')
    squares = np.einsum("i,ija,ijb->ab", six, corners, corners) + (sums * six[:, None]).T @ sums
    values, vectors = np.linalg.eigh(squares / (20 * total) - np.outer(centroid, centroid))
    return Axes(centroid=start + centroid, lengths=np.sqrt(5 * values[::-1]), directions=vectors[:, ::-1].T)


def fractional_anisotropy(values: FloatArray) -> float:
    """Spread of the three eigenvalues of a tensor, from 0 (all equal) to 1 (only one).

    Parameters
    ----------
    values
        `(3,)` eigenvalues.

    References
    ----------
    Basser and Pierpaoli, J. Magn. Reson. B 111, 209 (1996), doi:10.1006/jmrb.1996.0086.
    """
    total = float(np.sum(values**2))
    return float(np.sqrt(1.5 * np.sum((values - np.mean(values)) ** 2) / total)) if total > 0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalTensor:
    """Minkowski tensor of a surface, W = integral of n n' over the area.

    Attributes
    ----------
    values
        `(3,)` eigenvalues, square voxels, largest first; their sum is the area.
    directions
        `(3, 3)` unit vectors (z, y, x) per row: the first is that to which most area looks.
    """

    values: FloatArray
    directions: FloatArray

    @property
    def beta(self) -> float:
        """Smallest over largest eigenvalue: 1 for a ball or a cube, near 0 for a flat front."""
        return float(self.values[2] / self.values[0]) if self.values[0] > 0 else float("nan")

    @property
    def anisotropy(self) -> float:
        """Fractional anisotropy of the eigenvalues."""
        return fractional_anisotropy(self.values)


def normal_tensor(surface: Surface) -> NormalTensor:
    """Minkowski tensor of the normals of a surface.

    Parameters
    ----------
    surface
        Surface, possibly empty: then all eigenvalues are 0.

    References
    ----------
    Schroeder-Turk et al., New J. Phys. 15, 083028 (2013), doi:10.1088/1367-2630/15/8/083028.
    """
    normals = face_normals(surface)
    values, vectors = np.linalg.eigh((normals * face_areas(surface)[:, None]).T @ normals)
    return NormalTensor(values=values[::-1], directions=vectors[:, ::-1].T)
