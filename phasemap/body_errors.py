"""Standard errors of size and shape of a particle, from those of the place of its surface.

A surface that is off by a displacement d along its normals changes the volume by the integral of d over it, a second
moment by that of d (x x' - moment), and so on: all of them are linear in d. It is off in two ways: everywhere alike,
because threshold and blur are known only so well, and from patch to patch, by noise and by the grid of voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.core_shell import Body
from xanesmap.phasemap.denoising import noise_gain
from xanesmap.phasemap.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.minkowski import fractional_anisotropy
from xanesmap.phasemap.shrinkage import SHAPE_SMOOTHING_PX
from xanesmap.phasemap.surface import vertex_areas, with_vertices

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

    @property
    def at_one_place(self) -> float:
        """Standard error of the place of the surface at one point."""
        return float(np.hypot(self.common, self.patch))

    @property
    def variance_of_unit_area(self) -> float:
        """Variance that a square voxel of the surface adds to what it encloses, voxels^2: that of patches."""
        return self.patch**2 * _PATCH_AREA


SURFACE_ERRORS = {
    "filled parts": SurfaceError(common=0.035, patch=0.03),
    "voxels": SurfaceError(common=0.14, patch=0.12),
}
"""Without noise, by what a surface was drawn from. A mask ends inside of a blurred convex surface."""


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
    # the half level moves by the noise that smoothing leaves, over the slope of the blurred edge
    edge = np.sqrt(blur_px**2 + VOXEL_DEVIATION**2 + SHAPE_SMOOTHING_PX**2)
    by_noise = noise * noise_gain(SHAPE_SMOOTHING_PX) * edge * np.sqrt(2 * np.pi)
    return replace(off, patch=float(np.hypot(off.patch, by_noise if body.drawn_from == "filled parts" else 0.0)))


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
    growth = _area_growth(body)
    offset = body.surface.vertices - body.axes.centroid
    along = offset @ body.axes.directions.T
    moments = body.axes.lengths**2 / 5
    lengths = _covariance(2.5 / body.axes.lengths * (along**2 - moments) / volume, weight, off)
    centroid = off.patch * np.sqrt(_PATCH_AREA * (weight @ offset**2)) / volume
    of_volume = _deviation(np.ones(len(weight)), weight, off)
    relative = 2 / 3 / volume - growth / area**2  # of the sphericity, per volume that the surface gains
    return BodyErrors(
        volume=of_volume,
        radius=of_volume / area,
        area=float(np.hypot(growth / area * of_volume, _MESH_AREA * area)),
        sphericity=float(np.hypot(relative * of_volume, _MESH_AREA)),
        centroid=centroid,
        lengths=np.sqrt(np.diag(lengths)),
        anisotropy=_error_of_anisotropy(body.axes.lengths, lengths),
        direction=_turn(along / np.sqrt(volume), weight, off, moments),
    )


def _area_growth(body: Body) -> float:
    """Area that the surface gains per voxel by which it moves out: the integral of k1 + k2."""
    surface = body.surface
    out, back = (with_vertices(surface, surface.vertices + way * surface.normals) for way in (_STEP, -_STEP))
    return (out.area - back.area) / (2 * _STEP)


def _covariance(gains: FloatArray, weight: FloatArray, off: SurfaceError) -> FloatArray:
    """(number, number) covariance of numbers that change by the integral of displacement times `gains`."""
    patches = off.patch**2 * _PATCH_AREA * (gains * weight[:, None]).T @ gains
    common = off.common * (weight @ gains)
    covariance: FloatArray = patches + np.outer(common, common)
    return covariance


def _deviation(gain: FloatArray, weight: FloatArray, off: SurfaceError) -> float:
    return float(np.sqrt(_covariance(gain[:, None], weight, off)[0, 0]))


def _error_of_anisotropy(lengths: FloatArray, covariance: FloatArray) -> float:
    steps = _STEP * np.eye(3)
    slope = np.array([fractional_anisotropy(lengths + s) - fractional_anisotropy(lengths - s) for s in steps])
    return float(np.sqrt(slope @ covariance @ slope)) / (2 * _STEP)


def _turn(along: FloatArray, weight: FloatArray, off: SurfaceError, moments: FloatArray) -> float:
    """Angle by which the first axis turns towards the others, to first order; `along` over the root of the volume."""
    turns = [
        _deviation(along[:, 0] * along[:, i], weight, off) / max(float(moments[0] - moments[i]), 1e-12) for i in (1, 2)
    ]
    return min(float(np.linalg.norm(turns)), _RIGHT_ANGLE)
