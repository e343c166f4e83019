"""Core and shell of one particle: the front between them, its depth, and how even it is.

The front is the half level of the denoised fraction of the core's phase, drawn between the voxels and put back to where
it was before blur. Definitions and traps: docs/morphology.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from xanesmap.phasemap.surfaces.curvature import Curvature, curvature_at
from xanesmap.phasemap.surfaces.distance import depth_map, distance_to_surface
from xanesmap.phasemap.surfaces.mesh import (
    EMPTY,
    Surface,
    part_of,
    pieces_of,
    surface_at_level,
    vertex_areas,
)
from xanesmap.phasemap.surfaces.minkowski import Axes, axes_above, axes_within, fractional_anisotropy, normal_tensor
from xanesmap.phasemap.surfaces.shrinkage import level_shift, surface_of_shape, unshrunk

FloatArray = NDArray[np.floating[Any]]
Structure = Literal["core and shell", "no core", "no shell", "no front", "too small"]

LEAST_SHARE = 0.02
"""Share of the volume below which a phase is no core, and no shell."""
LEAST_CONTRAST = 0.3
"""Difference in fraction between core and shell below which the half level separates nothing but noise."""
LEAST_VOXELS = 200
"""Voxels below which a particle has no inside to speak of: a ball seven voxels wide."""

_NOISE_CONTRAST = 3.0
_SPECK_AREA = 28.0  # square voxels; the surface of a ball three voxels wide


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """A particle by itself; lengths in voxels.

    Attributes
    ----------
    inside
        `(z, y, x)` True in the particle, closed pores included.
    surface
        Its outer surface.
    axes
        Its principal axes.
    depth
        `(z, y, x)` depth of its voxels below the surface; 0 outside.
    drawn_from
        What the surface was drawn from: the filled parts of the voxels, or the voxels alone.
    """

    inside: NDArray[np.bool_]
    surface: Surface
    axes: Axes
    depth: FloatArray
    drawn_from: Literal["filled parts", "voxels"]

    @property
    def volume(self) -> float:
        """Voxels: what the surface encloses where it was drawn from filled parts, otherwise their number."""
        return self.surface.rounded_volume if self.drawn_from == "filled parts" else float(self.inside.sum())

    @property
    def equivalent_radius(self) -> float:
        """Radius of the ball of the same volume."""
        return float(np.cbrt(3 * self.volume / (4 * np.pi)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Front:
    """The surface between core and shell; lengths in voxels.

    Attributes
    ----------
    surface
        Encloses the core; open where the core reaches the surface of the particle.
    curvature
        Of the surface.
    depth
        `(vertex,)` below the surface of the particle.
    """

    surface: Surface
    curvature: Curvature
    depth: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Evenness:
    """How far a core is from one that shrank evenly; all without unit."""

    depth_spread: float
    """Standard deviation of the depth of the front over its area, in equivalent radii of the particle."""
    offset: float
    """Distance between the centroids of core and particle, in equivalent radii of the particle."""
    relative_axes: float
    """Largest over smallest ratio of the extents of core and particle along the axes of the particle."""
    core_anisotropy: float
    """Fractional anisotropy of the semi-axes of the core."""
    front_beta: float
    """Smallest over largest eigenvalue of the Minkowski tensor of the front."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the indices."""
        return tuple(field.name for field in fields(cls))


def body_of(inside: NDArray[np.bool_], *, filled: FloatArray | None = None, blur_px: float = 0.0) -> Body:
    """Particle from its voxels.

    Parameters
    ----------
    inside
        `(z, y, x)` True in the particle, closed pores included; at least one voxel.
    filled
        `(z, y, x)` filled part of every voxel, one half on the surface: gives the surface to a few hundredths of a
        voxel, where the voxels alone give it to a tenth.
    blur_px
        Standard deviation of the blur of `filled`, voxels.
    """
    surface = EMPTY if filled is None else surface_of_shape(filled, blur_px=blur_px)
    from_parts = surface.is_closed and len(surface.faces) > 0
    surface = surface if from_parts else surface_of_shape(inside)
    return Body(
        inside=inside,
        surface=surface,
        axes=axes_within(surface) if from_parts else axes_above(inside.view(np.uint8), inside, level=0.5),
        depth=np.zeros(inside.shape) if surface.is_empty else depth_map(inside, surface),
        drawn_from="filled parts" if from_parts else "voxels",
    )


def structure_of(body: Body, core: FloatArray, *, noise: float = 0.0) -> Structure:
    """Whether a particle has a core in a shell, in words.

    Parameters
    ----------
    body
        The particle.
    core
        `(z, y, x)` denoised fraction of the core's phase.
    noise
        Standard deviation of the noise left in it.
    """
    values = core[body.inside & np.isfinite(core)]
    if values.size < LEAST_VOXELS or body.surface.is_empty:
        return "too small"
    above = values > 0.5
    share = float(np.mean(above))
    if share < LEAST_SHARE:
        return "no core"
    if share > 1 - LEAST_SHARE:
        return "no shell"
    # the two halves of pure noise differ by 1.6 standard deviations
    least = max(LEAST_CONTRAST, _NOISE_CONTRAST * noise)
    return "core and shell" if values[above].mean() - values[~above].mean() > least else "no front"


def find_front(body: Body, core: FloatArray, *, smoothing_px: float, blur_px: float) -> Front:
    """Front between core and shell.

    Parameters
    ----------
    body
        The particle.
    core
        `(z, y, x)` denoised fraction of the core's phase.
    smoothing_px
        Standard deviation of the smoothing it was denoised with, voxels.
    blur_px
        Standard deviation of the blur of the microscope, voxels.

    Returns
    -------
    Front, empty where the fraction does not cross one half.
    """
    drawn = _without_specks(surface_at_level(core, level=0.5, domain=body.inside))
    if drawn.is_empty or body.surface.is_empty:
        nothing = np.zeros(0)
        return Front(surface=EMPTY, curvature=Curvature(mean=nothing, gaussian=nothing), depth=nothing)
    shift = level_shift(smoothing_px=smoothing_px, blur_px=blur_px)
    surface, curvature = unshrunk(drawn, curvature_at(drawn, _filled(core)), shift=shift)
    depth = np.asarray(map_coordinates(body.depth, surface.vertices.T, order=1, mode="nearest"), np.float64)
    return Front(surface=surface, curvature=curvature, depth=depth)


def _without_specks(surface: Surface) -> Surface:
    """Surface without pieces as small as noise makes them."""
    if surface.is_empty:
        return surface
    piece = pieces_of(surface)
    areas = np.bincount(piece, vertex_areas(surface))
    return surface if areas.min() >= _SPECK_AREA else part_of(surface, areas[piece] >= _SPECK_AREA)


def _filled(core: FloatArray) -> FloatArray:
    """Fraction with a number everywhere, as interpolation between voxels needs it."""
    return np.where(np.isfinite(core), core, np.nanmean(core))


def evenness(body: Body, front: Front, core: FloatArray) -> Evenness:
    """Indices of how evenly a core shrank.

    Parameters
    ----------
    body
        The particle.
    front
        Its front, not empty.
    core
        `(z, y, x)` denoised fraction of the core's phase.
    """
    axes = axes_above(core, body.inside, level=0.5)
    # extents of the core along the axes of the particle: semi-axes of a quadric, projected
    along = np.abs((axes.lengths[:, None] * axes.directions) @ body.axes.directions.T).T
    ratio = np.linalg.norm(along, axis=1) / body.axes.lengths
    return Evenness(
        depth_spread=_spread(front.depth, vertex_areas(front.surface)) / body.equivalent_radius,
        offset=float(np.linalg.norm(axes.centroid - body.axes.centroid)) / body.equivalent_radius,
        relative_axes=float(ratio.max() / ratio.min()),
        core_anisotropy=fractional_anisotropy(axes.lengths),
        front_beta=normal_tensor(front.surface).beta,
    )


def _spread(values: FloatArray, weights: FloatArray) -> float:
    mean = np.average(values, weights=weights)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def shell_thickness(body: Body, front: Front, core: FloatArray) -> FloatArray:
    """Thickness of the shell under every vertex of the particle's surface.

    Parameters
    ----------
    body
        The particle.
    front
        Its front, not empty.
    core
        `(z, y, x)` denoised fraction of the core's phase.

    Returns
    -------
    `(vertex,)` distance to the nearest part of the front, voxels; 0 where the core reaches the surface.
    """
    return uncovered(body, core, np.abs(distance_to_surface(body.surface.vertices, front.surface)))


def uncovered(body: Body, core: FloatArray, thickness: FloatArray) -> FloatArray:
    """`(vertex,)` thickness, 0 where the core reaches the surface of the particle."""
    return np.where(core_at_surface(body, core) > 0.5, 0.0, thickness)


def core_at_surface(body: Body, core: FloatArray) -> FloatArray:
    """`(vertex,)` fraction of the core's phase in the first voxel below the particle's surface."""
    below = np.rint(body.surface.vertices - 0.5 * body.surface.normals).astype(int)
    z, y, x = np.clip(below, 0, np.array(core.shape) - 1).T
    values: FloatArray = np.nan_to_num(core[z, y, x], nan=0.0)
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class ThicknessSummary:
    """Thickness of a shell over the surface of a particle, voxels, weighted by area."""

    least: float
    tenth: float
    """A tenth of the surface has a thinner shell."""
    median: float
    nine_tenths: float
    """Nine tenths of the surface have a thinner shell."""
    largest: float
    mean: float
    variation: float
    """Standard deviation over mean."""
    coverage: float
    """Share of the surface that lies on the shell's phase."""
    along: tuple[float, ...]
    """Mean within 30 degrees of each axis, on both sides; NaN where no surface looks that way."""


def summarise_thickness(body: Body, thickness: FloatArray, *, directions: FloatArray) -> ThicknessSummary:
    """Statistics of a shell's thickness.

    Parameters
    ----------
    body
        The particle.
    thickness
        `(vertex,)` from `shell_thickness`.
    directions
        `(axis, 3)` unit vectors (z, y, x), such as the axes of the crystal.
    """
    weight = vertex_areas(body.surface)
    mean = float(np.average(thickness, weights=weight))
    tenth, median, nine_tenths = _weighted_quantiles(thickness, weight, (0.1, 0.5, 0.9))
    outward = body.surface.vertices - body.axes.centroid
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    looks = np.abs(outward @ directions.T) > np.cos(np.pi / 6)  # (vertex, axis)
    return ThicknessSummary(
        least=float(thickness.min()),
        tenth=tenth,
        median=median,
        nine_tenths=nine_tenths,
        largest=float(thickness.max()),
        mean=mean,
        variation=_spread(thickness, weight) / mean if mean > 0 else float("nan"),
        coverage=float(weight[thickness > 0].sum() / weight.sum()),
        along=tuple(_mean_where(thickness, weight, looks[:, axis]) for axis in range(len(directions))),
    )


def _weighted_quantiles(values: FloatArray, weights: FloatArray, shares: tuple[float, ...]) -> list[float]:
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) - 0.5 * weights[order]
    return [float(q) for q in np.interp(np.array(shares) * weights.sum(), reached, values[order])]


def _mean_where(values: FloatArray, weights: FloatArray, where: NDArray[np.bool_]) -> float:
    total = weights[where].sum()
    return float(np.average(values[where], weights=weights[where])) if total > 0 else float("nan")
