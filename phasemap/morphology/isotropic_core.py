"""The core a particle would have if its front had moved in evenly from the whole surface: the null of every index.

A knobbly particle has an uneven-looking core even when its front moved in evenly, and noise and the grid of voxels make
any core look uneven. Both are in the null: the same particle, with a core of the same volume whose front lies at one
depth, blurred and given the same noise, and measured in the same way, many times over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.stats import norm, t

from xanesmap.phasemap.morphology.core_shell import Body, Evenness, Front, evenness, find_front
from xanesmap.phasemap.morphology.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.segmentation.denoising import Denoising, denoising_of

FloatArray = NDArray[np.floating[Any]]

CONFIDENCE = 0.99
"""Of the interval in which an index of an evenly shrunk core lies."""
DRAWS = 20
"""Cores drawn for the null of one particle."""

_LARGE, _LEAST_DRAWS = 30_000, 5  # voxels; from here on draws fall with size, to no fewer than these
# Position of a particle's surface drawn from its voxels, measured on bodies of known shape: what an index owes to it
# is of the order of this over the radius, and the same in every draw.
_SURFACE_ERROR_PX = 0.2
_AT_LEAST_ZERO = ("depth_spread", "offset")  # nothing is more even than zero: too small a value is no finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Range in which an index lies if the core shrank evenly."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value is what an evenly shrunk core may show."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How a fraction was measured."""

    smoothing_px: float
    """Standard deviation of the smoothing it was denoised with, voxels."""
    blur_px: float
    """Standard deviation of the blur of the microscope, voxels."""


def isotropic_null(
    body: Body, sigma: FloatArray, *, core_share: float, measurement: Measurement, draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """Intervals of the indices of an evenly shrunk core.

    Parameters
    ----------
    body
        The particle.
    sigma
        `(z, y, x)` standard deviation of the fraction in each voxel; NaN or 0 where nothing was measured.
    core_share
        Share of the particle's volume in the core, between 0 and 1.
    measurement
        Smoothing and blur, as of the measured core.
    draws
        Number of cores drawn, 2 or more.
    seed
        Same seed, same intervals.

    Returns
    -------
    Interval for each name in `Evenness`; empty where so small a core shows no front.
    """
    rng = np.random.default_rng(seed)
    measured = body.inside & np.isfinite(sigma) & (sigma > 0)
    errors = np.where(measured, sigma, 0).astype(np.float32)
    even = even_core(body, core_share=core_share, blur_px=measurement.blur_px)
    denoising = denoising_of(errors, measured, smoothing_px=measurement.smoothing_px)
    core = denoising.of(even)
    front = find_front(body, core, smoothing_px=measurement.smoothing_px, blur_px=measurement.blur_px)
    if front.surface.is_empty:
        return {}
    n_draws = _enough_draws(draws, int(body.inside.sum()))
    found = [_draw(body, front, core, errors, denoising, measurement, rng) for _ in range(n_draws)]
    slack = _SURFACE_ERROR_PX / body.equivalent_radius
    return {name: _interval(name, [getattr(one, name) for one in found], slack) for name in Evenness.names()}


def _enough_draws(draws: int, voxels: int) -> int:
    """Draws for a particle: the noise of many voxels averages out, so a large one needs fewer."""
    return max(min(draws, _LEAST_DRAWS), min(draws, draws * _LARGE // voxels))


def even_core(body: Body, *, core_share: float, blur_px: float) -> FloatArray:
    """Fraction of a core whose front lies at one depth below the surface.

    Parameters
    ----------
    body
        The particle.
    core_share
        Share of its volume in the core.
    blur_px
        Standard deviation of the blur, voxels.

    Returns
    -------
    `(z, y, x)` fraction, 0 to 1; meaningless outside the particle.
    """
    front = np.quantile(body.depth[body.inside], 1 - core_share)
    edge = np.hypot(blur_px, VOXEL_DEVIATION)
    return np.asarray(norm.cdf((body.depth - front) / edge), np.float32)


def _draw(
    body: Body,
    front: Front,
    core: FloatArray,
    errors: FloatArray,
    denoising: Denoising,
    measurement: Measurement,
    rng: np.random.Generator,
) -> Evenness:
    """Indices of an even core with noise: denoising is linear, and noise moves the front by itself over the slope."""
    noise = errors * rng.standard_normal(errors.shape, dtype=np.float32)
    left = denoising.of(noise)
    np.nan_to_num(left, copy=False)
    here = map_coordinates(left, front.surface.vertices.T, order=1, mode="nearest")
    edge = np.sqrt(measurement.blur_px**2 + VOXEL_DEVIATION**2 + measurement.smoothing_px**2)
    outward = here * edge * np.sqrt(2 * np.pi)
    surface = replace(front.surface, vertices=front.surface.vertices + outward[:, None] * front.surface.normals)
    moved = replace(front, surface=surface, depth=front.depth - outward)
    return evenness(body, moved, core + left)


def _interval(name: str, values: list[float], slack: float) -> Interval:
    """Range in which the next value lies, for normal scatter."""
    n, mean = len(values), float(np.mean(values))
    half = float(t.ppf(0.5 + CONFIDENCE / 2, n - 1) * np.std(values, ddof=1) * np.sqrt(1 + 1 / n)) + slack
    return Interval(low=0.0 if name in _AT_LEAST_ZERO else max(0.0, mean - half), high=mean + half)
