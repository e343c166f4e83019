"""How the noise of neighbouring voxels hangs together, measured in a map, and noise drawn like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

FloatArray = NDArray[np.floating[Any]]

_FAR = (3, 4)  # voxels apart: noise of neighbours is forgotten, compositions still resemble one another
_LEAST_PAIRS = 200
_LARGEST = 0.65  # three taps correlate neighbours by no more than 1 / sqrt(2)


def neighbour_correlation(fraction: FloatArray, sigma: FloatArray, region: NDArray[np.integer[Any]]) -> FloatArray:
    """Correlation of the noise of two voxels side by side, along each axis.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction as measured, not denoised.
    sigma
        `(z, y, x)` its standard deviation.
    region
        `(z, y, x)` number of the region in which the composition changes little; 0 where it does. Voxels of different
        regions are not compared.

    Returns
    -------
    `(3,)` along z, y, x, -0.65 to 0.65, from the variogram: mean square difference of neighbours over that of voxels
    three and four apart. 0 where there are too few pairs.

    References
    ----------
    Matheron, Econ. Geol. 58, 1246 (1963), doi:10.2113/gsecongeo.58.8.1246.
    """
    known = np.isfinite(fraction) & np.isfinite(sigma) & (sigma > 0)
    where = np.where(known, region, 0)
    return np.array(
        [_along(np.moveaxis(fraction, i, 0), np.moveaxis(sigma, i, 0), np.moveaxis(where, i, 0)) for i in range(3)]
    )


def _along(fraction: FloatArray, sigma: FloatArray, region: NDArray[np.integer[Any]]) -> float:
    near = _squares(fraction, sigma, region, 1)
    far = np.concatenate([_squares(fraction, sigma, region, step) for step in _FAR])
    if min(len(near), len(far)) < _LEAST_PAIRS:
        return 0.0
    level = float(far.mean())
    found = 1 - float(near.mean()) / level if level > 0 else 0.0
    return float(np.clip(found, -_LARGEST, _LARGEST))


def _squares(fraction: FloatArray, sigma: FloatArray, region: NDArray[np.integer[Any]], step: int) -> FloatArray:
    """Squares of the differences of voxels that many apart along the first axis, in units of their variance."""
    both = (region[step:] == region[:-step]) & (region[step:] > 0)
    difference = fraction[step:][both].astype(np.float64) - fraction[:-step][both]
    squares: FloatArray = difference**2 / (sigma[step:][both] ** 2.0 + sigma[:-step][both] ** 2.0)
    return squares


def correlated_noise(shape: tuple[int, ...], correlation: FloatArray, rng: np.random.Generator) -> NDArray[np.float32]:
    """Normal noise of deviation one whose neighbours are correlated.

    Parameters
    ----------
    shape
        Of the volume.
    correlation
        `(axis,)` that of neighbours along each axis, between -0.7 and 0.7.
    rng
        Source.

    Notes
    -----
    A moving average (a, 1, a) along an axis correlates neighbours by r = 2 a / (1 + 2 a^2).
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    for axis, r in enumerate(correlation):
        if r != 0:
            tap = (1 - np.sqrt(1 - 2 * r**2)) / (2 * r)
            taps = np.array([tap, 1, tap]) / np.sqrt(1 + 2 * tap**2)
            noise = correlate1d(noise, taps, axis=axis, mode="wrap")
    return np.asarray(noise, np.float32)
