"""Curvature of interfaces, and what is made of it: shape index, shape distribution, roughness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, map_coordinates
from scipy.sparse import coo_array

from xanesmap.phasemap.surface import Surface, edges_of, vertex_areas

FloatArray = NDArray[np.floating[Any]]

SMOOTHING_PX = 2.0
"""Smoothing of the field, voxels, below which second derivatives are those of the noise."""

# Central differences of fourth order: those of second order are 7 % off on an edge smoothed over 1.5 voxels.
_FIRST = np.array([1, -8, 0, 8, -1]) / 12
_SECOND = np.array([-1, 16, -30, 16, -1]) / 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curvature:
    """Curvature at the vertices of a surface, in 1/voxel; a convex enclosed phase has positive curvature.

    Attributes
    ----------
    mean
        `(vertex,)` H = (k1 + k2) / 2.
    gaussian
        `(vertex,)` K = k1 k2, 1/voxel^2.
    """

    mean: FloatArray
    gaussian: FloatArray

    @property
    def principal(self) -> tuple[FloatArray, FloatArray]:
        """The two principal curvatures, k1 <= k2."""
        root = np.sqrt(np.maximum(self.mean**2 - self.gaussian, 0))
        return self.mean - root, self.mean + root

    @property
    def shape_index(self) -> FloatArray:
        """S = (2/pi) atan((k1 + k2) / (k2 - k1)): 1 a ball, 1/2 a cylinder, 0 a saddle, -1 a hollow in the phase.

        References
        ----------
        Koenderink and van Doorn, Image Vision Comput. 10, 557 (1992), doi:10.1016/0262-8856(92)90076-F, with the sign
        that makes convex positive.
        """
        low, high = self.principal
        index: FloatArray = 2 / np.pi * np.arctan2(low + high, high - low)
        return index

    @property
    def curvedness(self) -> FloatArray:
        """C = sqrt((k1^2 + k2^2) / 2), 1/voxel."""
        low, high = self.principal
        curvedness: FloatArray = np.sqrt((low**2 + high**2) / 2)
        return curvedness


def curvature_at(surface: Surface, field: FloatArray) -> Curvature:
    """Curvature of the level set of a smooth field that passes through the vertices of a surface.

    Parameters
    ----------
    surface
        Level set of `field`, or one close to it.
    field
        `(z, y, x)` smooth on the scale of 1.5 voxels or more, larger inside; finite two voxels around the surface.

    Returns
    -------
    Curvature, NaN at vertices where the field is not known or flat.

    Notes
    -----
    H = -div(grad phi / |grad phi|) / 2 and K = grad phi' adj(Hess phi) grad phi / |grad phi|^4.

    References
    ----------
    Goldman, Comput. Aided Geom. Des. 22, 632 (2005), doi:10.1016/j.cagd.2005.06.005.
    """
    values = np.asarray(field, np.float64)
    first = [_sample(_derived(values, (axis,)), surface.vertices) for axis in range(3)]
    second = {(i, j): _sample(_derived(values, (i, j)), surface.vertices) for i in range(3) for j in range(i, 3)}
    slope2 = np.maximum(sum(g**2 for g in first), np.finfo(float).tiny)
    laplacian = second[0, 0] + second[1, 1] + second[2, 2]
    bent = sum((1 if i == j else 2) * first[i] * first[j] * h for (i, j), h in second.items())
    mean = (bent - slope2 * laplacian) / (2 * slope2**1.5)
    return Curvature(mean=mean, gaussian=_adjugate_form(first, second) / slope2**2)


def _derived(values: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """Derivative along one axis, or along two."""
    if len(axes) == 2 and axes[0] == axes[1]:
        return np.asarray(correlate1d(values, _SECOND, axis=axes[0], mode="nearest"))
    for axis in axes:
        values = correlate1d(values, _FIRST, axis=axis, mode="nearest")
    return values


def _sample(values: FloatArray, points: FloatArray) -> FloatArray:
    return np.asarray(map_coordinates(values, points.T, order=1, mode="nearest"))


def _adjugate_form(g: list[FloatArray], h: dict[tuple[int, int], FloatArray]) -> FloatArray:
    """Quadratic form of the gradient with the adjugate of the Hessian."""
    total = np.zeros_like(g[0])
    for i in range(3):
        j, k = sorted({0, 1, 2} - {i})
        total += g[i] ** 2 * (h[j, j] * h[k, k] - h[j, k] ** 2)
    total += 2 * g[0] * g[1] * (h[0, 2] * h[1, 2] - h[0, 1] * h[2, 2])
    total += 2 * g[0] * g[2] * (h[0, 1] * h[1, 2] - h[0, 2] * h[1, 1])
    total += 2 * g[1] * g[2] * (h[0, 1] * h[0, 2] - h[1, 2] * h[0, 0])
    return total


def integral_of_gaussian_curvature(surface: Surface, curvature: Curvature) -> float:
    """Integral of K over the surface: 2 pi times the Euler characteristic of a closed one (Gauss and Bonnet)."""
    return float(np.nansum(curvature.gaussian * vertex_areas(surface)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeDistribution:
    """Interfacial shape distribution: how much area has which pair of principal curvatures.

    Attributes
    ----------
    edges
        `(bin + 1,)` edges of the bins of k1 and of k2, unit of the curvature.
    density
        `(k1 bin, k2 bin)` share of the area per unit of k1 and of k2; its integral is 1 less what lies beyond.
    beyond
        Share of the area outside the bins.
    """

    edges: FloatArray
    density: FloatArray
    beyond: float


def shape_distribution(
    low: FloatArray, high: FloatArray, area: FloatArray, *, largest: float, bins: int = 40
) -> ShapeDistribution:
    """Area-weighted joint density of the two principal curvatures.

    Parameters
    ----------
    low, high
        `(vertex,)` k1 <= k2.
    area
        `(vertex,)` weights.
    largest
        The bins run from minus to plus this curvature: beyond the resolution limit no curvature means anything.
    bins
        Number of bins of each.

    References
    ----------
    Mendoza, Alkemper and Voorhees, Metall. Mater. Trans. A 34, 481 (2003), doi:10.1007/s11661-003-0084-1.
    """
    edges = np.linspace(-largest, largest, bins + 1)
    known = np.isfinite(low) & np.isfinite(high)
    total = float(area[known].sum())
    sums, _, _ = np.histogram2d(low[known], high[known], bins=(edges, edges), weights=area[known])
    width = edges[1] - edges[0]
    if total == 0:
        return ShapeDistribution(edges=edges, density=sums, beyond=0.0)
    return ShapeDistribution(edges=edges, density=sums / (total * width**2), beyond=1 - float(sums.sum()) / total)


def roughness(surface: Surface, *, cutoff_px: float) -> float:
    """Root mean square distance of a surface from itself smoothed, voxels.

    Parameters
    ----------
    surface
        Mesh.
    cutoff_px
        Standard deviation, along the surface, of the smoothing that separates roughness from form, voxels.

    Notes
    -----
    Vertices diffuse over the mesh, and what that took off is smoothed too and added (twicing), so that the form, which
    diffusion alone would shrink, stays.
    """
    if surface.is_empty:
        return float("nan")
    matrix, step2 = neighbour_mean(surface)
    # half a step towards the mean of the neighbours spreads by a quarter of the mean square edge in each direction
    passes = max(1, round(cutoff_px**2 / (0.25 * step2)))
    once = _diffused(matrix, surface.vertices, passes)
    form = 2 * once - _diffused(matrix, once, passes)
    # along the normal of the form: on a rough surface its own normals point sideways
    normals = _diffused(matrix, surface.normals, passes)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    away = np.einsum("ij,ij->i", surface.vertices - form, normals)
    return float(np.sqrt(np.average(away**2, weights=vertex_areas(surface))))


def _diffused(matrix: Any, points: FloatArray, passes: int) -> FloatArray:
    for _ in range(passes):
        points = 0.5 * (points + matrix @ points)
    return points


def neighbour_mean(surface: Surface) -> tuple[Any, float]:
    """Matrix that replaces each vertex by the mean of its neighbours, and the mean square length of an edge."""
    edges, _ = edges_of(surface.faces)
    n = len(surface.vertices)
    both = np.concatenate([edges, edges[:, ::-1]])
    count = np.bincount(both[:, 0], minlength=n)
    matrix = coo_array((1 / count[both[:, 0]], (both[:, 0], both[:, 1])), shape=(n, n)).tocsr()
    lengths = surface.vertices[edges[:, 0]] - surface.vertices[edges[:, 1]]
    return matrix, float(np.mean(np.sum(lengths**2, axis=1)))
