"""How large a box has to be for its composition to be that of the whole: variance in boxes of growing size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from xanesmap.phasemap.morphology.voxel_noise import weighted_noise

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedMaps:
    """What box statistics need of a volume, once for all sizes of boxes; from `weighted_maps`."""

    weight: NDArray[np.float32]
    """`(z, y, x)` edge step, 0 outside the sample."""
    value: NDArray[np.float32]
    """Weight times fraction."""
    noise2: NDArray[np.float32]
    """Square of weight times error."""
    full: float
    """Weight of a full voxel."""


def weighted_maps(fraction: FloatArray, sigma: FloatArray, weights: FloatArray) -> WeightedMaps:
    """Maps for `box_statistics`.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase.
    sigma
        `(z, y, x)` its standard deviation.
    weights
        `(z, y, x)` edge step, for means over atoms instead of volume; NaN or 0 outside the sample.
    """
    known = np.isfinite(fraction) & np.isfinite(sigma) & (weights > 0)
    weight = np.where(known, weights, 0).astype(np.float32)
    noise2 = np.zeros(weight.shape, np.float32)
    noise2[known] = weighted_noise(weight[known], sigma[known]) ** 2
    return WeightedMaps(
        weight=weight,
        value=weight * np.where(known, fraction, 0).astype(np.float32),
        noise2=noise2,
        full=float(np.median(weight[known])) if known.any() else float("inf"),
    )


def box_statistics(maps: WeightedMaps, *, edge_px: int) -> BoxStatistics:
    """Mean and variance of the composition between boxes.

    Parameters
    ----------
    maps
        From `weighted_maps`.
    edge_px
        Edge of the boxes, voxels. Boxes stand side by side from the first voxel; one counts where it holds at
        least half of what a full one does.

    Returns
    -------
    BoxStatistics
    """
    filled = _box_sums(maps.weight, edge_px)
    used = filled >= _LEAST_FILLED * edge_px**3 * maps.full
    n = int(used.sum())
    if n == 0:
        nothing = float("nan")
        return BoxStatistics(
            edge_px=edge_px, boxes=0, mean=nothing, variance=nothing, variance_error=nothing, noise_variance=nothing
        )
    filled = filled[used]
    means = _box_sums(maps.value, edge_px)[used] / filled
    noise = float(np.mean(_box_sums(maps.noise2, edge_px)[used] / filled**2))
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
    sums: FloatArray = volume
    for axis in (2, 1, 0):
        cells = volume.shape[axis] // edge
        cut = sums[(slice(None),) * axis + (slice(0, cells * edge),)]
        shape = (*cut.shape[:axis], cells, edge, *cut.shape[axis + 1 :])
        sums = cut.reshape(shape).sum(axis=axis + 1, dtype=np.float64) if edge > 1 else cut
    return sums.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlation:
    """How compositions resemble one another over a distance.

    Attributes
    ----------
    value, error
        `(distance + 1,)` correlation over 0, 1, ... voxels, and its standard error.
    length, length_error
        Distance over which it falls to 1/e, voxels; NaN where it does not.
    """

    value: FloatArray
    error: FloatArray
    length: float
    length_error: float


def autocorrelation(fraction: FloatArray, weights: FloatArray, *, farthest_px: int) -> Correlation:
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
    Correlation over 0, 1, ... voxels, pairs inside the sample only; mean of the three axes. That over
    0 is what those over 1 and 2 extrapolate to, so that noise, which is a voxel's own, does not count. NaN where no
    pair is that far apart, everywhere where the composition does not vary. Errors are those of leaving out one eighth
    of the volume after another (jackknife).

    References
    ----------
    Kunsch, Ann. Stat. 17, 1217 (1989), doi:10.1214/aos/1176347265.
    """
    known = np.isfinite(fraction) & (weights > 0)
    weight = np.where(known, weights, 0).astype(np.float32)
    if not known.any():
        nothing = np.full(farthest_px + 1, np.nan)
        return Correlation(value=nothing, error=nothing, length=float("nan"), length_error=float("nan"))
    mean = np.average(fraction[known], weights=weight[known])
    deviation = weight * np.where(known, fraction - mean, 0).astype(np.float32)
    least = 1e-9 * float(weight.max()) ** 2
    value = _correlation(_sums_over(deviation, farthest_px), _sums_over(weight, farthest_px), least)
    parts = [
        (_sums_over(deviation[o], farthest_px), _sums_over(weight[o], farthest_px)) for o in _octants(weight.shape)
    ]
    products, pairs = (sum(part[i] for part in parts) for i in (0, 1))
    left_out = [_correlation(products - one, pairs - other, least) for one, other in parts]
    length = correlation_length(value)
    lengths = np.array([correlation_length(one) for one in left_out])
    return Correlation(
        value=value,
        error=_jackknife(np.array(left_out)),
        length=length,
        length_error=float(_jackknife(lengths[:, None])[0]) if np.isfinite(length) else float("nan"),
    )


def _octants(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Eighths of a volume."""
    halves = [(slice(0, n // 2), slice(n // 2, n)) for n in shape]
    yield from itertools.product(*halves)


def _jackknife(values: FloatArray) -> FloatArray:
    """Standard error from the values without one part after another, `(part, ...)`; NaN where one is not known."""
    n = len(values)
    error: FloatArray = np.sqrt((n - 1) * np.mean((values - values.mean(axis=0)) ** 2, axis=0))
    return error


def _sums_over(values: FloatArray, farthest: int) -> FloatArray:
    """(distance,) sums of products of values so far apart, of all three axes."""
    return np.asarray(np.sum([_lagged_sums(values, axis, farthest) for axis in range(3)], axis=0))


def _correlation(products: FloatArray, pairs: FloatArray, least: float) -> FloatArray:
    farthest = len(products)
    covariance = np.divide(products, pairs, out=np.full(farthest, np.nan), where=pairs > least)
    if farthest < 2 or not np.isfinite(covariance[:2]).all():
        return np.full(farthest + 1, np.nan)
    own = float(2 * covariance[0] - covariance[1])
    if own <= 0 or covariance[0] <= 0:
        return np.full(farthest + 1, np.nan)
    return np.concatenate([[1.0], covariance / own])


def _lagged_sums(values: FloatArray, axis: int, farthest: int) -> FloatArray:
    """(distance,) sums of the products of values 1, 2, ... voxels apart along an axis, by Fourier transform."""
    lines = np.moveaxis(values, axis, -1)
    n = lines.shape[-1]
    if values.size == 0:
        return np.zeros(farthest)
    length = next_fast_len(n + min(farthest, n), real=True)
    power = np.zeros(length // 2 + 1)
    for plane in lines:  # one plane at a time keeps the memory small
        power += (np.abs(rfft(plane, length, axis=-1)) ** 2).sum(axis=0)
    sums = np.zeros(farthest)
    reached = max(min(farthest, n - 1), 0)
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
