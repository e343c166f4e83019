"""Noise of a detector from its own frames: gain and read variance by photon transfer.

A detector that turns each detected photon into `gain` counts and adds read noise gives a variance of
`gain * (I - D) + read_variance` counts squared: the photon transfer curve (Janesick, *Photon Transfer*, SPIE
Press 2007, doi:10.1117/3.725073).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from xanesmap.errors import DataError
from xanesmap.reconstruct.plausible_counts import plausible_or_nan
from xanesmap.reconstruct.scan import CountArray, FloatArray, Frames

MIN_FLATS = 3
"""Two flats leave one degree of freedom per pixel and no way to tell a zinger."""

KEPT_PORTION = 0.99
"""Portion of the sample variances of healthy pixels that is averaged; the rest is the realm of zingers."""

MAX_SAMPLES = 4_000_000
"""More values than this are thinned out by detector rows: they would not sharpen the estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorNoise:
    """Noise of a detector.

    Attributes
    ----------
    gain
        Counts (ADU) per detected photon.
    read_variance
        Variance of the counts without light, ADU squared.
    """

    gain: float
    read_variance: float


def estimate_noise(flats: CountArray, darks: CountArray) -> DetectorNoise | None:
    """Gain and read variance from the scatter of flats and darks (photon transfer).

    Each flat is scaled to the mean flat first, so flicker and decay of the beam do not count as noise. Sample
    variances over frames are averaged over pixels after cutting the upper tail at a quantile of their
    chi-squared law, which removes zingers and noisy pixels; the cut is corrected for.

    Parameters
    ----------
    flats
        `(flat, v, u)` counts with beam, without sample.
    darks
        `(dark, v, u)` counts without beam. With fewer than two the read noise is counted as photon noise.

    Returns
    -------
    Noise of the detector; None with fewer than three flats, or where they do not scatter (copies,
    placeholders), or where counts are NaN, infinite or absurdly large.
    """
    if flats.shape[0] < MIN_FLATS:
        return None
    step = 1 + flats.size // MAX_SAMPLES
    flats, darks = plausible_or_nan(flats[:, ::step]), plausible_or_nan(darks[:, ::step])
    read_variance = _robust_variance(darks.astype(np.float64), scale=1.0) if darks.shape[0] > 1 else 0.0
    signal = flats.astype(np.float64)
    signal -= np.median(darks, axis=0)
    mean = np.median(signal, axis=0)  # (v, u)
    lit = mean > 0.1 * np.median(mean)
    if not np.any(lit) or np.median(mean) <= 0:
        return None
    scaled = signal[:, lit]  # (flat, pixel)
    scaled /= np.median(scaled / mean[lit], axis=1, keepdims=True)
    gain = _robust_variance(scaled, scale=mean[lit]) - read_variance * float(np.mean(1.0 / mean[lit]))
    return DetectorNoise(gain=gain, read_variance=read_variance) if gain > 0 else None


def estimate_noise_from_projections(frames: Frames) -> DetectorNoise:
    """Gain from the pixel-to-pixel scatter of the projections, for scans with too few flats.

    Mixed differences of the transmission over neighbouring angles and columns cancel the flat field, its
    noise, a lamp that flickers and all structure that is smooth in either direction. The median of their
    squares, divided by that of a chi-squared variate with one degree of freedom, leaves sharp edges aside.
    Texture finer than the step from angle to angle counts as noise: the figure is an upper bound.

    Parameters
    ----------
    frames
        Counts of some detector rows, at least two projections of two columns.

    Returns
    -------
    Noise of the detector; the read variance is that of the darks where there are two or more, otherwise zero.

    Raises
    ------
    DataError
        The projections do not scatter, or hold no signal, or counts that no detector delivers.
    """
    darks = plausible_or_nan(frames.darks)
    read_variance = _robust_variance(darks.astype(np.float64), scale=1.0) if darks.shape[0] > 1 else 0.0
    dark = np.median(darks, axis=0)
    flat = np.median(plausible_or_nan(frames.flats), axis=0) - dark
    step = 1 + frames.projections.size // MAX_SAMPLES
    signal = plausible_or_nan(frames.projections[:, ::step]).astype(np.float64)
    signal -= dark[::step]
    gain = _gain_from_differences(signal, flat[::step], read_variance)
    if not gain > 0:
        message = (
            f"{frames.source}: dataset '{frames.datasets[0]}' shows no noise (gain {gain:.3g} ADU per "
            "photon). Give the raw frames of the camera, or at least three flats."
        )
        raise DataError(message)
    return DetectorNoise(gain=gain, read_variance=read_variance)


def _gain_from_differences(signal: FloatArray, flat: FloatArray, read_variance: float) -> float:
    n_angles, n_columns = signal.shape[0] // 2 * 2, signal.shape[2] // 2 * 2
    counts = signal[:n_angles, :, :n_columns]
    light = np.maximum(flat[:, :n_columns], 1e-6)
    transmission = counts / light
    even, odd = transmission[0::2], transmission[1::2]
    mixed = (even - odd)[..., 0::2] - (even - odd)[..., 1::2]  # (angle / 2, v, u / 2)
    per_gain = _sum_of_four(counts / light**2)
    per_read = 2.0 * _pair_sum(1.0 / light**2)
    valid = per_gain > 0
    if not np.any(valid):
        return 0.0
    ratio = (mixed**2)[valid] / per_gain[valid]
    total = float(np.median(ratio)) / float(chi2.median(1))
    return total - read_variance * float(np.median((per_read / np.where(valid, per_gain, np.inf))[valid]))


def _sum_of_four(values: FloatArray) -> FloatArray:
    return _pair_sum(values[0::2] + values[1::2])


def _pair_sum(values: FloatArray) -> FloatArray:
    return np.asarray(values[..., 0::2] + values[..., 1::2])


def _robust_variance(frames: NDArray[np.float64], *, scale: Any) -> float:
    """Mean over pixels of the variance over frames in units of `scale`, without the tail of zingers.

    For normal noise `nu * s^2 / sigma^2` is chi-squared with `nu = n - 1` degrees of freedom. Its median
    gives a first sigma^2; values up to the 0.99 quantile are averaged, and the mean of the chi-squared law
    below that quantile, `nu * P(nu + 2, x) / P(nu, x)`, gives the factor.
    """
    freedom = frames.shape[0] - 1
    ratio = np.ravel(np.var(frames, axis=0, ddof=1) / scale)
    limit = float(chi2.ppf(KEPT_PORTION, freedom))
    first = float(np.median(ratio)) * freedom / float(chi2.median(freedom))
    # Read noise below one count makes most sample variances zero; then their mean is all there is.
    kept = ratio[ratio <= first * limit / freedom] if first > 0 else ratio
    factor = float(chi2.cdf(limit, freedom + 2)) / KEPT_PORTION if first > 0 else 1.0
    return float(np.mean(kept)) / factor
