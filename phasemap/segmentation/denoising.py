"""Noise taken out of maps, with little taken from what they show.

Smoothing what a Gaussian left over and adding it (twicing) makes a kernel without second moment, `2 G - G * G`: the
values of a smooth map stay as they are to fourth order, where a Gaussian flattens them. Level sets of sharp, curved
boundaries still move a little: `xanesmap.phasemap.surfaces.shrinkage` says by how much, and puts them back.

References
----------
Tukey, Exploratory Data Analysis, Addison-Wesley (1977), chapter 16 (twicing); Stuetzle and Mittal, in Smoothing
Techniques for Curve Estimation, Springer (1979), doi:10.1007/BFb0098494.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.segmentation.float_smoothing import smoothed

FloatArray = NDArray[np.floating[Any]]

_TRUNCATE = 4.0
# Voxels whose error is beyond this have no say; without a bound one huge sigma would make weights vanish in float32.
_LARGEST_SIGMA = 1e3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Denoising:
    """Weights of a denoising, to be applied to many maps of the same errors; from `denoising_of`."""

    measured: NDArray[np.bool_]
    """`(z, y, x)` True where there is a value to denoise."""
    weight: NDArray[np.float32]
    total: NDArray[np.float32]
    """`(z, y, x)` the weights smoothed, 1 where they reach nothing."""
    known: NDArray[np.bool_]
    """`(z, y, x)` True in reach of the weights."""
    smoothing_px: float

    def of(self, values: FloatArray) -> NDArray[np.float32]:
        """`(z, y, x)` denoised map, NaN out of reach; values count where they were measured only."""
        value = np.where(self.measured, values, 0).astype(np.float32)
        if self.smoothing_px == 0:
            value[~self.measured] = np.nan
            return value
        first = _smooth(self.weight * value, self.smoothing_px)
        first /= self.total
        value -= first
        value *= self.weight
        second = _smooth(value, self.smoothing_px)
        second /= self.total
        second += first
        second[~self.known] = np.nan
        return second


def denoising_of(sigma: FloatArray, measured: NDArray[np.bool_], *, smoothing_px: float) -> Denoising:
    """Weights by certainty.

    Parameters
    ----------
    sigma
        `(z, y, x)` standard deviation of the maps.
    measured
        `(z, y, x)` True where they count; nothing is looked at elsewhere, nor where the deviation is NaN or 0.
    smoothing_px
        Standard deviation of the Gaussian, voxels; 0 keeps maps as they are.
    """
    where = measured & np.isfinite(sigma) & (sigma > 0)
    certain = np.where(where, np.clip(sigma, 1e-6, _LARGEST_SIGMA), 1)
    weight = np.where(where, certain**-2, 0).astype(np.float32)
    total = _smooth(weight, smoothing_px)
    known = total > 0
    return Denoising(
        measured=where,
        weight=weight,
        total=np.where(known, total, np.float32(1)),
        known=known,
        smoothing_px=smoothing_px,
    )


def denoise_fraction(
    fraction: FloatArray, sigma: FloatArray, mask: NDArray[np.bool_], *, smoothing_px: float
) -> NDArray[np.float32]:
    """Fraction smoothed inside the mask, every voxel weighted by its certainty.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of one phase.
    sigma
        `(z, y, x)` its standard deviation.
    mask
        `(z, y, x)` True inside the sample; nothing outside is looked at.
    smoothing_px
        Standard deviation of the Gaussian, voxels; 0 keeps the fraction as it is.

    Returns
    -------
    `(z, y, x)` fraction, float32: continued a few voxels beyond the mask, NaN farther away. A voxel depends on its
    neighbours up to `reach` away only.
    """
    return denoising_of(sigma, mask & np.isfinite(fraction), smoothing_px=smoothing_px).of(fraction)


def smooth_shape(inside: NDArray[Any], *, smoothing_px: float) -> NDArray[np.float32]:
    """Occupancy of a shape with its stair steps smoothed.

    Parameters
    ----------
    inside
        `(z, y, x)` True inside, or the filled part of every voxel.
    smoothing_px
        Standard deviation of the Gaussian, voxels.

    Returns
    -------
    `(z, y, x)` float32, about one half on the surface.
    """
    shape = inside.astype(np.float32)
    if smoothing_px == 0:
        return shape
    once = _smooth(shape, smoothing_px)
    return np.asarray(2 * once - _smooth(once, smoothing_px), np.float32)


def reach(smoothing_px: float) -> int:
    """Distance in voxels over which a denoised voxel depends on others."""
    return 2 * int(_TRUNCATE * smoothing_px + 0.5)


@functools.lru_cache(maxsize=32)
def noise_gain(smoothing_px: float) -> float:
    """Standard deviation of denoised white noise over that of the noise."""
    if smoothing_px == 0:
        return 1.0
    half = reach(smoothing_px)
    impulse = np.zeros(2 * half + 1)
    impulse[half] = 1.0
    once = gaussian_filter(impulse, smoothing_px, truncate=_TRUNCATE)
    twice = gaussian_filter(once, smoothing_px, truncate=_TRUNCATE)
    # the kernel is 2 g(z) g(y) g(x) - h(z) h(y) h(x): its sum of squares from sums along one axis
    single, mixed, double = float(once @ once), float(once @ twice), float(twice @ twice)
    return float(np.sqrt(4 * single**3 - 4 * mixed**3 + double**3))


def _smooth(volume: FloatArray, smoothing_px: float) -> NDArray[np.float32]:
    if smoothing_px == 0:
        return np.asarray(volume, np.float32)
    return smoothed(volume, sigma_px=smoothing_px, truncate=_TRUNCATE)
