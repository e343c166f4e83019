"""The core a particle would have if its front had moved in evenly from the whole surface: the null of every index.

A knobbly particle has an uneven-looking core even when its front moved in evenly, and noise and the grid of voxels make
any core look uneven. Both are in the null: the same particle, with a core of the same volume whose front lies at one
depth, blurred and given the same noise, and measured in the same way, many times over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.stats import norm, t

from xanesmap.phasemap.core_shell import Body, Evenness, evenness, find_front
from xanesmap.phasemap.denoising import denoise_fraction
from xanesmap.phasemap.surface_distance import depth_below

FloatArray = NDArray[np.floating[Any]]

CONFIDENCE = 0.99
"""Of the interval in which an index of an evenly shrunk core lies."""
DRAWS = 20
"""Cores drawn for the null of one particle."""

_BAND_PX = 5.0  # about the front, where its depth matters to better than a voxel
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
    even = even_core(body, core_share=core_share, blur_px=measurement.blur_px)
    measured = body.inside & np.isfinite(sigma) & (sigma > 0)
    drawn = [_draw(body, even, np.where(measured, sigma, 0), measurement, rng) for _ in range(draws)]
    found = [indices for indices in drawn if indices is not None]
    if len(found) < 2:
        return {}
    slack = _SURFACE_ERROR_PX / body.equivalent_radius
    return {name: _interval(name, [getattr(one, name) for one in found], slack) for name in Evenness.names()}


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
    depth = distance_transform_edt(np.pad(body.inside, 1))[1:-1, 1:-1, 1:-1] - 0.5
    front = np.quantile(depth[body.inside], 1 - core_share)
    near = np.abs(depth - front) < _BAND_PX
    depth[near] = depth_below(np.argwhere(near).astype(np.float64), body.surface)
    front = np.quantile(depth[body.inside], 1 - core_share)
    edge = np.hypot(blur_px, np.sqrt(1 / 12))  # a voxel averages over itself
    return np.asarray(norm.cdf((depth - front) / edge), np.float32)


def _draw(
    body: Body, even: FloatArray, sigma: FloatArray, measurement: Measurement, rng: np.random.Generator
) -> Evenness | None:
    noisy = even + sigma * rng.standard_normal(even.shape, dtype=np.float32)
    core = denoise_fraction(noisy, sigma, sigma > 0, smoothing_px=measurement.smoothing_px)
    front = find_front(body, core, smoothing_px=measurement.smoothing_px, blur_px=measurement.blur_px)
    if front.surface.is_empty or not np.any(body.inside & (core > 0.5)):
        return None
    return evenness(body, front, core)


def _interval(name: str, values: list[float], slack: float) -> Interval:
    """Range in which the next value lies, for normal scatter."""
    n, mean = len(values), float(np.mean(values))
    half = float(t.ppf(0.5 + CONFIDENCE / 2, n - 1) * np.std(values, ddof=1) * np.sqrt(1 + 1 / n)) + slack
    return Interval(low=0.0 if name in _AT_LEAST_ZERO else max(0.0, mean - half), high=mean + half)
