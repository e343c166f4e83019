"""How large a box has to be for its composition to be that of the whole: variance in boxes of growing size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_LEAST_FILLED = 0.5  # share of a box inside the sample for it to count


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


def box_statistics(fraction: FloatArray, sigma: FloatArray, mask: NDArray[np.bool_], *, edge_px: int) -> BoxStatistics:
    """Mean and variance of the composition between boxes.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase.
    sigma
        `(z, y, x)` its standard deviation.
    mask
        `(z, y, x)` True inside the sample.
    edge_px
        Edge of the boxes, voxels. Boxes stand side by side from the first voxel; one counts where at least half of it
        is sample.

    Returns
    -------
    BoxStatistics
    """
    known = mask & np.isfinite(fraction) & np.isfinite(sigma)
    count = _box_sums(known.astype(np.float64), edge_px)
    used = count >= max(1.0, _LEAST_FILLED * edge_px**3)
    n = int(used.sum())
    if n == 0:
        nothing = float("nan")
        return BoxStatistics(
            edge_px=edge_px, boxes=0, mean=nothing, variance=nothing, variance_error=nothing, noise_variance=nothing
        )
    filled = count[used]
    means = _box_sums(np.where(known, fraction, 0), edge_px)[used] / filled
    noise = float(np.mean(_box_sums(np.where(known, sigma, 0) ** 2, edge_px)[used] / filled**2))
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


def autocorrelation(fraction: FloatArray, mask: NDArray[np.bool_], *, farthest_px: int) -> FloatArray:
    """Correlation of the composition over a distance, along the axes.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase.
    mask
        `(z, y, x)` True inside the sample.
    farthest_px
        Longest distance, voxels.

    Returns
    -------
    `(distance + 1,)` correlation over 0, 1, ... voxels, pairs inside the sample only; mean of the three axes. That over
    0 is what those over 1 and 2 extrapolate to, so that noise, which is a voxel's own, does not count. NaN where no
    pair is that far apart, everywhere where the composition does not vary.
    """
    known = mask & np.isfinite(fraction)
    deviation = np.where(known, fraction - fraction[known].mean(), 0.0) if known.any() else np.zeros(mask.shape)
    covariance = np.array([_covariance(deviation, known, distance) for distance in range(1, farthest_px + 1)])
    if len(covariance) < 2 or not np.isfinite(covariance[:2]).all():
        return np.full(farthest_px + 1, np.nan)
    own = float(2 * covariance[0] - covariance[1])
    if own <= 0 or covariance[0] <= 0:
        return np.full(farthest_px + 1, np.nan)
    return np.concatenate([[1.0], covariance / own])


def _covariance(deviation: FloatArray, known: NDArray[np.bool_], distance: int) -> float:
    products, pairs = 0.0, 0
    for axis in range(3):
        d, k = np.moveaxis(deviation, axis, 0), np.moveaxis(known, axis, 0)
        products += float(np.sum(d[distance:] * d[:-distance], dtype=np.float64))
        pairs += int(np.count_nonzero(k[distance:] & k[:-distance]))
    return products / pairs if pairs else float("nan")


def correlation_length(correlation: FloatArray) -> float:
    """Distance over which the correlation falls to 1/e, voxels; NaN where it does not within the distances given."""
    below = np.flatnonzero(correlation < np.exp(-1))
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    after = int(below[0])
    high, low = correlation[after - 1], correlation[after]
    return float(after - 1 + (high - np.exp(-1)) / (high - low))
