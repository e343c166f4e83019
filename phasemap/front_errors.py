"""Standard errors of what is measured on a front: the noise of the voxels drawn again, and all measured again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from xanesmap.phasemap.core_shell import (
    Body,
    Front,
    core_at_surface,
    evenness,
    find_front,
    shell_thickness,
    summarise_thickness,
)
from xanesmap.phasemap.curvature import roughness
from xanesmap.phasemap.denoising import denoise_fraction
from xanesmap.phasemap.isotropic_core import Measurement
from xanesmap.phasemap.minkowski import normal_tensor
from xanesmap.phasemap.noise_correlation import correlated_noise, neighbour_correlation
from xanesmap.phasemap.surface import vertex_areas

FloatArray = NDArray[np.floating[Any]]

DRAWS = 5
"""Draws of the noise of one particle: a standard error from as many is itself known to a third."""
LARGEST_VOXELS = 60_000
"""Voxels of a particle beyond which its noise is not drawn again, for the time that takes."""
ROUGHNESS_CUTOFF_PX = 4.0
"""Waves of the front longer than this, as a standard deviation along it, are form and not roughness, voxels."""

_LEAST_RIM = 2  # voxels from front and surface in which blur mixes the phases
_RIM_BLURS = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontShape:
    """Form of a front; lengths in voxels."""

    area: float
    mean_curvature: float
    """Mean of H over the area."""
    roughness: float
    """Root mean square distance from itself smoothed."""
    normal_anisotropy: float
    """Fractional anisotropy of the Minkowski tensor of the normals."""


def front_shape(front: Front) -> FrontShape:
    """Form of a front that is not empty."""
    weight = vertex_areas(front.surface)
    return FrontShape(
        area=front.surface.area,
        mean_curvature=_mean_of_known(front.curvature.mean, weight),
        roughness=roughness(front.surface, cutoff_px=ROUGHNESS_CUTOFF_PX),
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
    offset: FloatArray = np.argwhere(body.inside & (core > 0.5)).mean(axis=0) - body.axes.centroid
    return offset


def front_errors(
    body: Body,
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
    Errors in voxels by the names in `front_numbers`; empty for fewer than two draws or more than `LARGEST_VOXELS`
    voxels. The place of the particle's own surface is the same in all draws: its error is not in them.

    References
    ----------
    Efron and Tibshirani, Stat. Sci. 1, 54 (1986), doi:10.1214/ss/1177013815 (parametric bootstrap).
    """
    if draws < 2 or body.inside.sum() > LARGEST_VOXELS:
        return {}
    fraction, sigma = maps
    measured = body.inside & np.isfinite(fraction) & np.isfinite(sigma) & (sigma > 0)
    errors = np.where(measured, sigma, 0).astype(np.float32)
    correlation = neighbour_correlation(fraction, errors, _pure_regions(core, measured, blur_px=measurement.blur_px))
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        noise = errors * correlated_noise(errors.shape, correlation, rng)
        left = denoise_fraction(noise, errors, measured, smoothing_px=measurement.smoothing_px)
        found.append(_measured_again(body, core + left, measurement, directions))
    return _scatter([one for one in found if one], draws)


def _pure_regions(core: FloatArray, measured: NDArray[np.bool_], *, blur_px: float) -> NDArray[np.uint8]:
    """(z, y, x) 1 well inside the core, 2 well inside the shell, 0 elsewhere."""
    rim = max(_LEAST_RIM, int(np.ceil(_RIM_BLURS * blur_px)))
    sides = (measured & (core > 0.5), measured & (core <= 0.5))
    inner, outer = (binary_erosion(side, iterations=rim) for side in sides)
    return np.where(inner, 1, np.where(outer, 2, 0)).astype(np.uint8)


def _measured_again(body: Body, core: FloatArray, measurement: Measurement, directions: FloatArray) -> dict[str, float]:
    """Numbers of another draw; none where its front is gone."""
    front = find_front(body, core, smoothing_px=measurement.smoothing_px, blur_px=measurement.blur_px)
    return {} if front.surface.is_empty else front_numbers(body, front, core, directions=directions)


def front_numbers(body: Body, front: Front, core: FloatArray, *, directions: FloatArray) -> dict[str, float]:
    """All numbers of a front that get an error by noise, in voxels: shell, evenness, form, offset of the core."""
    summary = asdict(summarise_thickness(body, shell_thickness(body, front, core), directions=directions))
    along = {f"along_{i}": value for i, value in enumerate(summary.pop("along"))}
    shape = front_shape(front)
    enclosure = shape.area / (shape.area + exposed_area(body, core))
    offset = dict(zip(("offset_z", "offset_y", "offset_x"), core_offset(body, core).tolist(), strict=True))
    return summary | along | asdict(evenness(body, front, core)) | asdict(shape) | offset | {"enclosure": enclosure}


def _scatter(found: list[dict[str, float]], draws: int) -> dict[str, float]:
    """Standard deviations; nothing where most draws have no front."""
    if 2 * len(found) <= draws:
        return {}
    return {name: float(np.std([one[name] for one in found], ddof=1)) for name in found[0]}


def error_of(errors: Mapping[str, float], name: str) -> float:
    """Error of that name, NaN where it is not known."""
    return errors.get(name, float("nan"))
