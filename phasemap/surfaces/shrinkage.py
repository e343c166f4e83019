"""How far blur moves a curved surface, and the surface put back.

A ball blurred by a Gaussian has its half level inside its surface: the level moves towards the centre of curvature by
`sigma^2 H` (H: mean curvature). A core of eight voxels' radius, blurred by 1.5 voxels, loses a tenth of its volume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.segmentation.denoising import smooth_shape
from xanesmap.phasemap.surfaces.curvature import Curvature, curvature_at, mesh_of
from xanesmap.phasemap.surfaces.mesh import EMPTY, Surface, moved, surface_at_level

FloatArray = NDArray[np.floating[Any]]

SHAPE_SMOOTHING_PX = 1.0
"""Smoothing of a voxelised shape before its surface is drawn, voxels: takes the stair steps."""

_VOXEL_VARIANCE = 1 / 12  # a voxel is the mean over a cube one voxel wide
_PASSES = 10  # of averaging over neighbours, against the noise of second derivatives
_FARTHEST = 0.5  # no vertex is moved by more, voxels: where curvature asks for more it is not known


def level_shift(*, smoothing_px: float, blur_px: float = 0.0) -> float:
    """Distance over which the half level of a curved boundary moves, per mean curvature.

    Parameters
    ----------
    smoothing_px
        Standard deviation of the kernel of `xanesmap.phasemap.segmentation.denoising`, voxels.
    blur_px
        Standard deviation of the blur that the map had before, without that of the voxels themselves, voxels.

    Returns
    -------
    Square voxels: times H, 1/voxel, the shift in voxels towards the centre of curvature, to first order in H.

    Notes
    -----
    A Gaussian of deviation s lowers the value on the boundary by s H / sqrt(2 pi), and its edge has the slope
    1 / (s sqrt(2 pi)). The kernel is twice a Gaussian less a wider one, and both add up with the blur.
    """
    before = blur_px**2 + _VOXEL_VARIANCE
    narrow, wide = np.sqrt(before + smoothing_px**2), np.sqrt(before + 2 * smoothing_px**2)
    return float((2 * narrow - wide) / (2 / narrow - 1 / wide))


def unshrunk(surface: Surface, curvature: Curvature, *, shift: float) -> tuple[Surface, Curvature]:
    """Surface moved back to where it was before the blur, with its curvature there.

    Parameters
    ----------
    surface
        Half level of a blurred map.
    curvature
        Its curvature.
    shift
        That of `level_shift`, square voxels.

    Returns
    -------
    The surface with vertices moved along their normals, and the curvature of that parallel surface:
    k / (1 + k d) for a vertex moved out by d.
    """
    if surface.is_empty:
        return surface, curvature
    out = np.clip(shift * _averaged(surface, curvature.mean), -_FARTHEST, _FARTHEST)
    back = Surface(
        vertices=surface.vertices + out[:, None] * surface.normals, faces=surface.faces, normals=surface.normals
    )
    divisor = 1 + 2 * curvature.mean * out + curvature.gaussian * out**2
    divisor = np.where(np.abs(divisor) > 0.1, divisor, np.nan)
    mean = (curvature.mean + curvature.gaussian * out) / divisor
    return back, Curvature(mean=mean, gaussian=curvature.gaussian / divisor)


def _averaged(surface: Surface, values: FloatArray) -> FloatArray:
    """Values averaged over the mesh; where there is none, 0."""
    return mesh_of(surface).smoothed(np.nan_to_num(values), passes=_PASSES)


def surface_of_shape(
    inside: NDArray[Any], *, smoothing_px: float = SHAPE_SMOOTHING_PX, blur_px: float = 0.0
) -> Surface:
    """Surface of a voxelised shape, closed also where the shape touches the end of the volume.

    Parameters
    ----------
    inside
        `(z, y, x)` True inside, or the filled part of every voxel, 0 to 1.
    smoothing_px
        Standard deviation of the smoothing, voxels.
    blur_px
        Standard deviation of the blur that the filled parts had before, voxels.

    Returns
    -------
    Surface, empty where the shape is.
    """
    return surface_and_curvature(inside, smoothing_px=smoothing_px, blur_px=blur_px)[0]


def surface_and_curvature(
    inside: NDArray[Any], *, smoothing_px: float, blur_px: float = 0.0
) -> tuple[Surface, Curvature]:
    """As `surface_of_shape`, with the curvature at its vertices.

    Parameters
    ----------
    inside
        `(z, y, x)` True inside, or the filled part of every voxel, 0 to 1.
    smoothing_px
        Standard deviation of the smoothing, voxels; curvature needs that of `xanesmap.phasemap.surfaces.curvature`.
    blur_px
        Standard deviation of the blur that the filled parts had before, voxels.
    """
    margin = 2 + int(np.ceil(4 * smoothing_px))
    padded = np.pad(inside, margin)
    field = smooth_shape(padded, smoothing_px=smoothing_px)
    surface = surface_at_level(field, level=0.5)
    if surface.is_empty and np.any(inside):
        # too small to survive smoothing: as it stands
        field = padded.astype(np.float32)
        surface = surface_at_level(field, level=0.5)
    if surface.is_empty:
        return EMPTY, Curvature(mean=np.zeros(0), gaussian=np.zeros(0))
    shift = level_shift(smoothing_px=smoothing_px, blur_px=blur_px)
    surface, curvature = unshrunk(surface, curvature_at(surface, field), shift=shift)
    return moved(surface, (-margin,) * 3), curvature
