"""Standard errors of what is measured on a front: the noise of the voxels drawn again, and all measured again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, map_coordinates

from xanesmap.phasemap.morphology.core_shell import (
    Body,
    Front,
    core_at_surface,
    evenness,
    shell_thickness,
    summarise_thickness,
    uncovered,
)
from xanesmap.phasemap.morphology.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.morphology.isotropic_core import Measurement
from xanesmap.phasemap.segmentation.denoising import denoising_of
from xanesmap.phasemap.segmentation.noise_correlation import correlated_noise, neighbour_correlation
from xanesmap.phasemap.surfaces.curvature import Mesh, curvature_at, mesh_of, rms_over, roughness, waves_of
from xanesmap.phasemap.surfaces.derivative_kernel import derivatives_at
from xanesmap.phasemap.surfaces.distance import facing_distance, nearest_vertices
from xanesmap.phasemap.surfaces.mesh import vertex_areas, with_vertices
from xanesmap.phasemap.surfaces.minkowski import axes_above, normal_tensor

FloatArray = NDArray[np.floating[Any]]

DRAWS = 5
"""Draws of the noise of one particle: a standard error from as many is itself known to a third."""
ROUGHNESS_CUTOFF_PX = 4.0
"""Waves of the front longer than this, as a standard deviation along it, are form and not roughness, voxels."""

_LEAST_RIM = 2  # voxels from front and surface in which blur mixes the phases
_RIM_BLURS = 2.5
_REDRAWN = 2.2  # the mesh, too, is drawn anew in every measurement, which roughness feels: measured, 1.5 to 3
_FLATTEST = 1 / 3  # of the slope of a sharp blurred front: where it is flatter, its place is not known to first order


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontShape:
    """Form of a front; lengths in voxels."""

    area: float
    mean_curvature: float
    """Mean of H over the area."""
    gaussian_curvature: float
    """Mean of K over the area."""
    roughness: float
    """Root mean square distance from itself smoothed."""
    normal_anisotropy: float
    """Fractional anisotropy of the Minkowski tensor of the normals."""


def front_shape(front: Front, *, waves: FloatArray | None = None) -> FrontShape:
    """Form of a front that is not empty; `waves` its distances from itself smoothed, if known."""
    weight, cutoff = vertex_areas(front.surface), ROUGHNESS_CUTOFF_PX
    return FrontShape(
        area=front.surface.area,
        mean_curvature=_mean_of_known(front.curvature.mean, weight),
        gaussian_curvature=_mean_of_known(front.curvature.gaussian, weight),
        roughness=roughness(front.surface, cutoff_px=cutoff) if waves is None else rms_over(front.surface, waves),
        normal_anisotropy=normal_tensor(front.surface).anisotropy,
    )


def _mean_of_known(values: FloatArray, weight: FloatArray) -> float:
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weight[known])) if known.any() else float("nan")


def exposed_area(body: Body, core: FloatArray) -> float:
    """Area of the core at the surface of the particle, square voxels; `core` is the denoised fraction."""
    return float(vertex_areas(body.surface)[core_at_surface(body, core) > 0.5].sum())


def core_offset(body: Body, core: FloatArray) -> FloatArray:
    """`(3,)` from the centroid of the particle to that of the core, z, y, x, voxels."""
    offset: FloatArray = axes_above(core, body.inside, level=0.5).centroid - body.axes.centroid
    return offset


def front_errors(
    body: Body,
    front: Front,
    core: FloatArray,
    maps: tuple[FloatArray, FloatArray],
    *,
    measurement: Measurement,
    directions: FloatArray,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Standard errors, by the noise of the voxels, of all that is measured on a front.

    Parameters
    ----------
    body
        The particle.
    front
        Its front, not empty.
    core
        `(z, y, x)` denoised fraction of the core's phase.
    maps
        `(z, y, x)` fraction as measured and its standard deviation; NaN or 0 where nothing was measured.
    measurement
        Smoothing and blur.
    directions
        `(axis, 3)` unit vectors along which the shell is told.
    draws
        How often the noise is drawn.
    seed
        Same seed, same errors.

    Returns
    -------
    Errors in voxels by the names in `front_numbers`; empty for fewer than two draws. The place of the particle's own
    surface is the same in all draws: its error is not in them.

    Notes
    -----
    Denoising is linear, so noise adds to the denoised fraction, and moves the front by itself over the slope there.

    References
    ----------
    Efron and Tibshirani, Stat. Sci. 1, 54 (1986), doi:10.1214/ss/1177013815 (parametric bootstrap).
    """
    if draws < 2:
        return {}
    fraction, sigma = maps
    denoising = denoising_of(sigma, body.inside & np.isfinite(fraction), smoothing_px=measurement.smoothing_px)
    errors = np.where(denoising.measured, sigma, 0).astype(np.float32)
    regions = _pure_regions(core, denoising.measured, blur_px=measurement.blur_px)
    correlation = neighbour_correlation(fraction, errors, regions)
    movable = _movable(body, front, core, measurement)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        left = denoising.of(errors * correlated_noise(errors.shape, correlation, rng))
        np.nan_to_num(left, copy=False)
        found.append(movable.numbers(left, directions=directions))
    scatter = {name: float(np.std([one[name] for one in found], ddof=1)) for name in found[0]}
    return scatter | {"roughness": _REDRAWN * scatter["roughness"]}


def _pure_regions(core: FloatArray, measured: NDArray[np.bool_], *, blur_px: float) -> NDArray[np.uint8]:
    """(z, y, x) 1 well inside the core, 2 well inside the shell, 0 elsewhere."""
    rim = max(_LEAST_RIM, int(np.ceil(_RIM_BLURS * blur_px)))
    sides = (measured & (core > 0.5), measured & (core <= 0.5))
    inner, outer = (binary_erosion(side, iterations=rim) for side in sides)
    return np.where(inner, 1, np.where(outer, 2, 0)).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Movable:
    """A front that noise moves, with what stays the same while it does."""

    body: Body
    front: Front
    core: FloatArray
    thickness: FloatArray
    """(vertex,) of the particle's surface: distance to the front."""
    nearest: NDArray[np.int64]
    """(vertex,) of the particle's surface: nearest vertex of the front."""
    slope: FloatArray
    """(vertex,) of the front: how steeply the denoised fraction rises there, 1/voxel."""
    mesh: Mesh
    passes: float
    """Of the smoothing along the mesh that separates roughness from form."""
    waves: FloatArray
    """(vertex,) of the front: distance from itself smoothed."""

    def numbers(self, left: FloatArray, *, directions: FloatArray) -> dict[str, float]:
        """Numbers of the front with noise `left` (z, y, x) in the denoised fraction."""
        core, surface = self.core + left, self.front.surface
        outward = map_coordinates(left, surface.vertices.T, order=1, mode="nearest") / self.slope
        moved = with_vertices(surface, surface.vertices + outward[:, None] * surface.normals)
        front = Front(surface=moved, curvature=curvature_at(surface, core), depth=self.front.depth - outward)
        thickness = uncovered(self.body, core, np.maximum(self.thickness - outward[self.nearest], 0))
        waves = self.waves + self.mesh.short_waves(outward, passes=self.passes)
        return _numbers(self.body, front, core, thickness, directions=directions, waves=waves)


def _movable(body: Body, front: Front, core: FloatArray, measurement: Measurement) -> _Movable:
    known = np.where(np.isfinite(core), core, np.nanmean(core)).astype(np.float32)
    edge = np.sqrt(measurement.blur_px**2 + VOXEL_DEVIATION**2 + measurement.smoothing_px**2)
    slope = np.linalg.norm(derivatives_at(known, front.surface.vertices)[:3], axis=0)
    mesh = mesh_of(front.surface)
    places = body.surface.vertices
    length, nearest = nearest_vertices(places, front.surface)
    return _Movable(
        body=body,
        front=front,
        core=known,
        thickness=np.abs(facing_distance(places, front.surface, length, nearest)),
        nearest=nearest,
        slope=np.maximum(slope, _FLATTEST / (edge * np.sqrt(2 * np.pi))),
        mesh=mesh,
        passes=mesh.smoothing_passes(front.surface.vertices, cutoff_px=ROUGHNESS_CUTOFF_PX),
        waves=waves_of(front.surface, mesh, cutoff_px=ROUGHNESS_CUTOFF_PX),
    )


def front_numbers(body: Body, front: Front, core: FloatArray, *, directions: FloatArray) -> dict[str, float]:
    """All numbers of a front that get an error by noise, in voxels: shell, evenness, form, offset of the core."""
    return _numbers(body, front, core, shell_thickness(body, front, core), directions=directions)


def _numbers(
    body: Body,
    front: Front,
    core: FloatArray,
    thickness: FloatArray,
    *,
    directions: FloatArray,
    waves: FloatArray | None = None,
) -> dict[str, float]:
    summary = asdict(summarise_thickness(body, thickness, directions=directions))
    along = {f"along_{i}": value for i, value in enumerate(summary.pop("along"))}
    shape = front_shape(front, waves=waves)
    enclosure = shape.area / (shape.area + exposed_area(body, core))
    offset = dict(zip(("offset_z", "offset_y", "offset_x"), core_offset(body, core).tolist(), strict=True))
    share = float(np.count_nonzero(body.inside & (core > 0.5)) / np.count_nonzero(body.inside))
    return (
        summary
        | along
        | asdict(evenness(body, front, core))
        | asdict(shape)
        | offset
        | {"enclosure": enclosure, "core_share": share}
    )


def error_of(errors: Mapping[str, float], name: str) -> float:
    """Error of that name, NaN where it is not known."""
    return errors.get(name, float("nan"))
