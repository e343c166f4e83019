"""How large a box has to be for its composition to be that of the whole: variance in boxes of growing size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from xanesmap.phasemap.voxel_noise import weighted_noise

FloatArray = NDArray[np.floating[Any]]

_LEAST_FILLED = 0.5  # weight of a box over that of a full one, for it to count


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxStatistics:
    """Composition in boxes of one size."""

    edge_px: int
    boxes: int
    mean: float
    """Mean over the boxes."""
    variance: float
    """Between the boxes, that of the noise taken off; NaN for fewer than two boxes."""
    variance_error: float
    """Standard error of the variance, for boxes drawn from a normal distribution."""
    noise_variance: float
    """What the errors of the voxels, taken as independent, add to the variance between boxes."""


def box_statistics(fraction: FloatArray, sigma: FloatArray, weights: FloatArray, *, edge_px: int) -> BoxStatistics:
    """Mean and variance of the composition between boxes.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase.
    sigma
        `(z, y, x)` its standard deviation.
    weights
        `(z, y, x)` edge step, for means over atoms instead of volume; NaN or 0 outside the sample.
    edge_px
        Edge of the boxes, voxels. Boxes stand side by side from the first voxel; one counts where it holds at
        least half of what a full one does.

    Returns
    -------
    BoxStatistics
    """
    known = np.isfinite(fraction) & np.isfinite(sigma) & (weights > 0)
    weight = np.where(known, weights, 0).astype(np.float64)
    whole = edge_px**3 * float(np.median(weight[known])) if known.any() else np.inf
    filled = _box_sums(weight, edge_px)
    used = filled >= _LEAST_FILLED * whole
    n = int(used.sum())
    if n == 0:
        nothing = float("nan")
        return BoxStatistics(
            edge_px=edge_px, boxes=0, mean=nothing, variance=nothing, variance_error=nothing, noise_variance=nothing
        )
    filled = filled[used]
    means = _box_sums(weight * np.where(known, fraction, 0), edge_px)[used] / filled
    noise = float(np.mean(_box_sums(weighted_noise(weight, sigma) ** 2, edge_px)[used] / filled**2))
    observed = float(means.var(ddof=1)) if n > 1 else float("nan")
    return BoxStatistics(
        edge_px=edge_px,
        boxes=n,
        mean=float(means.mean()),
        variance=observed - noise,
        variance_error=observed * float(np.sqrt(2 / (n - 1))) if n > 1 else float("nan"),
        noise_variance=noise,
    )


def _box_sums(volume: FloatArray, edge: int) -> FloatArray:
    """Sums over whole boxes; what is left at the far ends is cut off."""
    cells = [n // edge for n in volume.shape]
    cut = volume[tuple(slice(0, n * edge) for n in cells)].astype(np.float64)
    sums: FloatArray = cut.reshape(*(m for n in cells for m in (n, edge))).sum(axis=(1, 3, 5))
    return sums


def autocorrelation(fraction: FloatArray, weights: FloatArray, *, farthest_px: int) -> FloatArray:
    """Correlation of the composition over a distance, along the axes.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase.
    weights
        `(z, y, x)` edge step; NaN or 0 outside the sample.
    farthest_px
        Longest distance, voxels.

    Returns
    -------
    `(distance + 1,)` correlation over 0, 1, ... voxels, pairs inside the sample only; mean of the three axes. That over
    0 is what those over 1 and 2 extrapolate to, so that noise, which is a voxel's own, does not count. NaN where no
    pair is that far apart, everywhere where the composition does not vary.
    """
    known = np.isfinite(fraction) & (weights > 0)
    weight = np.where(known, weights, 0).astype(np.float64)
    if not known.any():
        return np.full(farthest_px + 1, np.nan)
    deviation = weight * np.where(known, fraction - np.average(fraction[known], weights=weight[known]), 0.0)
    products, pairs = (
        sum(_lagged_sums(values, axis, farthest_px) for axis in range(3)) for values in (deviation, weight)
    )
    covariance = np.divide(products, pairs, out=np.full(farthest_px, np.nan), where=pairs > 1e-9 * weight.max() ** 2)
    if len(covariance) < 2 or not np.isfinite(covariance[:2]).all():
        return np.full(farthest_px + 1, np.nan)
    own = float(2 * covariance[0] - covariance[1])
    if own <= 0 or covariance[0] <= 0:
        return np.full(farthest_px + 1, np.nan)
    return np.concatenate([[1.0], covariance / own])


def _lagged_sums(values: FloatArray, axis: int, farthest: int) -> FloatArray:
    """(distance,) sums of the products of values 1, 2, ... voxels apart along an axis, by Fourier transform."""
    lines = np.moveaxis(values, axis, -1)
    n = lines.shape[-1]
    length = next_fast_len(n + min(farthest, n), real=True)
    power = np.zeros(length // 2 + 1)
    for plane in lines:  # one plane at a time keeps the memory small
        power += (np.abs(rfft(plane, length, axis=-1)) ** 2).sum(axis=0)
    sums = np.zeros(farthest)
    reached = min(farthest, n - 1)
    sums[:reached] = irfft(power, length)[1 : reached + 1]
    return sums


def correlation_length(correlation: FloatArray) -> float:
    """Distance over which the correlation falls to 1/e, voxels; NaN where it does not within the distances given."""
    below = np.flatnonzero(correlation < np.exp(-1))
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    after = int(below[0])
    high, low = correlation[after - 1], correlation[after]
    return float(after - 1 + (high - np.exp(-1)) / (high - low))
