"""Standard errors of size and shape of a particle, from those of the place of its surface.

A surface that is off by a displacement d along its normals changes the volume by the integral of d over it, a second
moment by that of d (x x' - moment), and so on: all of them are linear in d. It is off in three ways: everywhere alike,
because the threshold is known only so well; where it is bent, in proportion to the curvature, by blur that is not or
not exactly taken back; and from patch to patch, by noise and by the grid of voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.core_shell import Body
from xanesmap.phasemap.morphology.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.morphology.two_phase import BLUR_ERROR
from xanesmap.phasemap.segmentation.denoising import noise_gain
from xanesmap.phasemap.surfaces.mesh import vertex_areas, with_vertices
from xanesmap.phasemap.surfaces.minkowski import fractional_anisotropy
from xanesmap.phasemap.surfaces.shrinkage import SHAPE_SMOOTHING_PX

FloatArray = NDArray[np.floating[Any]]

_PATCH_AREA = 9.0  # square voxels
_MESH_AREA = 0.0035  # relative error of the area of a mesh drawn from voxels
_STEP = 1e-3
_RIGHT_ANGLE = np.pi / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceError:
    """How far a surface is off, voxels: measured on simulated scans and on bodies of known shape with noise."""

    common: float
    """Standard error of the place of the whole surface."""
    patch: float
    """Standard deviation from patch to patch."""
    bent: float = 0.0
    """Standard error of the place per mean curvature, square voxels."""

    def at_one_place(self, radius: float) -> float:
        """Standard error of the place of the surface at one point of a body of that equivalent radius."""
        return float(np.linalg.norm([self.common, self.patch, self.bent / radius]))

    @property
    def variance_of_unit_area(self) -> float:
        """Variance that a square voxel of the surface adds to what it encloses, voxels^2: that of patches."""
        return self.patch**2 * _PATCH_AREA


SURFACE_ERRORS = {
    "filled parts": SurfaceError(common=0.035, patch=0.03),
    "voxels": SurfaceError(common=0.1, patch=0.12),
}
"""Without noise and blur, by what a surface was drawn from."""


def surface_error(body: Body, *, noise: float, blur_px: float) -> SurfaceError:
    """How far the surface of a particle is off.

    Parameters
    ----------
    body
        The particle.
    noise
        Standard deviation of the edge step of a voxel over the edge step.
    blur_px
        Standard deviation of the blur of the microscope, voxels.
    """
    off = SURFACE_ERRORS[body.drawn_from]
    if body.drawn_from == "voxels":
        # the half level of what the mask was found in lies sigma^2 H inside (`xanesmap.phasemap.surfaces.shrinkage`)
        return replace(off, bent=blur_px**2 + VOXEL_DEVIATION**2 + SHAPE_SMOOTHING_PX**2)
    # the half level moves by the noise that smoothing leaves, over the slope of the blurred edge
    edge = np.sqrt(blur_px**2 + VOXEL_DEVIATION**2 + SHAPE_SMOOTHING_PX**2)
    by_noise = noise * noise_gain(SHAPE_SMOOTHING_PX) * edge * np.sqrt(2 * np.pi)
    return replace(off, patch=float(np.hypot(off.patch, by_noise)), bent=2 * BLUR_ERROR * blur_px**2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyErrors:
    """Standard errors of a particle; lengths in voxels."""

    volume: float
    radius: float
    """Of the ball of the same volume."""
    area: float
    sphericity: float
    """Relative."""
    centroid: FloatArray
    """(3,) z, y, x"""
    lengths: FloatArray
    """(3,) of the semi-axes."""
    anisotropy: float
    direction: float
    """Angle by which the longest axis may be off, radians; at most a right angle."""


def body_errors(body: Body, off: SurfaceError) -> BodyErrors:
    """Standard errors of size and shape.

    Parameters
    ----------
    body
        The particle; its surface may be empty, then nothing is known.
    off
        Of its surface.
    """
    if body.surface.is_empty:
        nan, three = float("nan"), np.full(3, np.nan)
        return BodyErrors(
            volume=nan,
            radius=nan,
            area=nan,
            sphericity=nan,
            centroid=three,
            lengths=three,
            anisotropy=nan,
            direction=nan,
        )
    weight = vertex_areas(body.surface)
    volume, area = body.volume, float(weight.sum())
    bend = _bend(body)
    growth = float(bend.sum())
    offset = body.surface.vertices - body.axes.centroid
    along = offset @ body.axes.directions.T
    moments = body.axes.lengths**2 / 5
    field = _Field(weight=weight, curvature=bend / 2, off=off)
    longer = 2.5 / body.axes.lengths * (along**2 - moments) / volume  # semi-axes by displacement
    centroid = field.errors(offset) / volume
    of_volume = field.error(np.ones(len(weight)))
    relative = 2 / 3 / volume - growth / area**2  # of the sphericity, per volume that the surface gains
    return BodyErrors(
        volume=of_volume,
        radius=of_volume / area,
        area=float(np.hypot(growth / area * of_volume, _MESH_AREA * area)),
        sphericity=float(np.hypot(relative * of_volume, _MESH_AREA)),
        centroid=centroid,
        lengths=field.errors(longer),
        anisotropy=field.error(longer @ _anisotropy_slope(body.axes.lengths)),
        direction=_turn(along / np.sqrt(volume), field, moments),
    )


def _bend(body: Body) -> FloatArray:
    """`(vertex,)` area that the surface gains there per voxel by which it moves out: the integral of k1 + k2."""
    surface = body.surface
    out, back = (
        vertex_areas(with_vertices(surface, surface.vertices + way * surface.normals)) for way in (_STEP, -_STEP)
    )
    gained: FloatArray = (out - back) / (2 * _STEP)
    return gained


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Field:
    """Displacements of a surface, of which only their statistics are known."""

    weight: FloatArray
    """(vertex,) area."""
    curvature: FloatArray
    """(vertex,) area times mean curvature."""
    off: SurfaceError

    def errors(self, gains: FloatArray) -> FloatArray:
        """(number,) standard errors of numbers that change by the integral of displacement times `gains`.

        `gains` is (vertex, number). What is off everywhere alike and what is off by curvature have one sign each, which
        is not known: they add up at worst.
        """
        off = self.off
        patches = off.patch**2 * _PATCH_AREA * (self.weight @ gains**2)
        whole = off.common * np.abs(self.weight @ gains) + off.bent * np.abs(self.curvature @ gains)
        errors: FloatArray = np.sqrt(patches + whole**2)
        return errors

    def error(self, gain: FloatArray) -> float:
        """Standard error of one number, `gain` (vertex,)."""
        return float(self.errors(gain[:, None])[0])


def _anisotropy_slope(lengths: FloatArray) -> FloatArray:
    """(3,) by how much the fractional anisotropy grows with each semi-axis."""
    steps = _STEP * np.eye(3)
    return np.array([fractional_anisotropy(lengths + s) - fractional_anisotropy(lengths - s) for s in steps]) / (
        2 * _STEP
    )


def _turn(along: FloatArray, field: _Field, moments: FloatArray) -> float:
    """Angle by which the first axis turns towards the others, to first order; `along` over the root of the volume."""
    turns = [field.error(along[:, 0] * along[:, i]) / max(float(moments[0] - moments[i]), 1e-12) for i in (1, 2)]
    return min(float(np.linalg.norm(turns)), _RIGHT_ANGLE)
