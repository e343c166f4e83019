"""Curvature of interfaces, and what is made of it: shape index, shape distribution, roughness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.surfaces.derivative_kernel import derivatives_at
from xanesmap.phasemap.surfaces.mesh import Surface, edges_of, vertex_areas, with_vertices
from xanesmap.phasemap.surfaces.mesh_kernel import neighbour_smoothed

FloatArray = NDArray[np.floating[Any]]

SMOOTHING_PX = 2.0
"""Smoothing of the field, voxels, below which second derivatives are those of the noise."""


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
    found = derivatives_at(np.ascontiguousarray(field), np.ascontiguousarray(surface.vertices))
    first = list(found[:3])
    second = dict(zip(((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)), found[3:], strict=True))
    slope2 = np.maximum(sum(g**2 for g in first), np.finfo(float).tiny)
    laplacian = second[0, 0] + second[1, 1] + second[2, 2]
    bent = sum((1 if i == j else 2) * first[i] * first[j] * h for (i, j), h in second.items())
    mean = (bent - slope2 * laplacian) / (2 * slope2**1.5)
    return Curvature(mean=mean, gaussian=_adjugate_form(first, second) / slope2**2)


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
    area
        All of it.
    """

    edges: FloatArray
    density: FloatArray
    beyond: float
    area: float


class ShapeSums:
    """Area-weighted joint histogram of the two principal curvatures, to which surfaces are added.

    Parameters
    ----------
    largest
        The bins run from minus to plus this curvature: beyond the resolution limit no curvature means anything.
    bins
        Number of bins of each.

    References
    ----------
    Mendoza, Alkemper and Voorhees, Metall. Mater. Trans. A 34, 481 (2003), doi:10.1007/s11661-003-0084-1.
    """

    def __init__(self, *, largest: float, bins: int = 40) -> None:
        self._edges = np.linspace(-largest, largest, bins + 1)
        self._sums = np.zeros((bins, bins))
        self._total = 0.0

    def add(self, low: FloatArray, high: FloatArray, area: FloatArray) -> None:
        """Add `(vertex,)` k1 <= k2 with their weights; those that are not finite do not count."""
        known = np.isfinite(low) & np.isfinite(high)
        self._total += float(area[known].sum())
        bins = (self._edges, self._edges)
        self._sums += np.histogram2d(low[known], high[known], bins=bins, weights=area[known])[0]

    def distribution(self) -> ShapeDistribution:
        """Density of what was added."""
        width, total = self._edges[1] - self._edges[0], self._total
        beyond = 1 - float(self._sums.sum()) / total if total else 0.0
        density = self._sums / (total * width**2) if total else self._sums
        return ShapeDistribution(edges=self._edges, density=density, beyond=beyond, area=total)


def shape_distribution(
    low: FloatArray, high: FloatArray, area: FloatArray, *, largest: float, bins: int = 40
) -> ShapeDistribution:
    """Area-weighted joint density of the two principal curvatures of one surface; see `ShapeSums`."""
    sums = ShapeSums(largest=largest, bins=bins)
    sums.add(low, high, area)
    return sums.distribution()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """How the vertices of a surface hang together, the same for all surfaces whose vertices merely move."""

    edges: NDArray[np.int32]
    """(edge, 2)"""
    starts: NDArray[np.integer[Any]]
    neighbours: NDArray[np.integer[Any]]
    """Those of vertex `i` are `neighbours[starts[i] : starts[i + 1]]`."""

    def smoothing_passes(self, vertices: FloatArray, *, cutoff_px: float) -> float:
        """Passes of `smoothed` that smooth over that standard deviation along the surface, voxels."""
        lengths = vertices[self.edges[:, 0]] - vertices[self.edges[:, 1]]
        # half a step towards the mean of the neighbours spreads by a quarter of the mean square edge in each direction
        return float(cutoff_px**2 / (0.25 * np.mean(np.sum(lengths**2, axis=1))))

    def smoothed(self, values: FloatArray, *, passes: float) -> FloatArray:
        """`(vertex, ...)` values smoothed along the surface; the last pass may be taken in part."""
        columns = np.ascontiguousarray(values.reshape(len(values), -1), np.float64)
        found: FloatArray = neighbour_smoothed(columns, self.starts, self.neighbours, float(passes))
        return found.reshape(values.shape)

    def short_waves(self, values: FloatArray, *, passes: float) -> FloatArray:
        """`(vertex, ...)` what smoothing twice, the second time what the first took off, takes off in the end."""
        once = self.smoothed(values, passes=passes)
        return values - 2 * once + self.smoothed(once, passes=passes)


def mesh_of(surface: Surface) -> Mesh:
    """Mesh of a surface that is not empty."""
    edges, _ = edges_of(surface.faces)
    n = len(surface.vertices)
    both = np.concatenate([edges, edges[:, ::-1]])
    order = np.argsort(both[:, 0], kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(both[:, 0], minlength=n))])
    return Mesh(edges=edges, starts=starts, neighbours=both[order, 1])


def roughness(surface: Surface, *, cutoff_px: float) -> float:
    """Root mean square distance of a surface from itself smoothed, voxels; see `waves_of`."""
    if surface.is_empty:
        return float("nan")
    return rms_over(surface, waves_of(surface, mesh_of(surface), cutoff_px=cutoff_px))


def rms_over(surface: Surface, values: FloatArray) -> float:
    """Root mean square of values at the vertices, `(vertex,)`, weighted by area."""
    return float(np.sqrt(np.average(values**2, weights=vertex_areas(surface))))


def waves_of(surface: Surface, mesh: Mesh, *, cutoff_px: float) -> FloatArray:
    """`(vertex,)` distance of a surface that is not empty from itself smoothed, along its normals, voxels.

    Parameters
    ----------
    surface
        Surface.
    mesh
        Its mesh.
    cutoff_px
        Standard deviation, along the surface, of the smoothing that separates waves from form, voxels.

    Notes
    -----
    Vertices diffuse over the mesh, and what that took off is smoothed too and added (twicing), so that the form, which
    diffusion alone would shrink, stays.
    """
    short = mesh.short_waves(surface.vertices, passes=mesh.smoothing_passes(surface.vertices, cutoff_px=cutoff_px))
    # along the normal of the form: on a rough surface its own normals point sideways
    away: FloatArray = np.einsum("ij,ij->i", short, with_vertices(surface, surface.vertices - short).normals)
    return away
