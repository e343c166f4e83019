"""Phase labels that know the noise: thresholds on denoised fractions, a Gaussian mixture, or a random field."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from xanesmap.phasemap.segmentation.denoising import denoise_fraction
from xanesmap.phasemap.segmentation.labels import label_phases

FloatArray = NDArray[np.floating[Any]]
LabelMethod = Literal["threshold", "mixture", "random-field"]

COUPLING = 1.0
"""Strength of the random field: log odds that a neighbour of the same label adds."""
FIELD_ROUNDS = 8
"""Rounds of the random field, and so the distance over which it acts, voxels."""

MIXTURE_PUREST = 0.97
"""Fraction up to which a mixture calls voxels mixed: its pure components are as narrow as the noise."""

_SAMPLE = 100_000


def denoise_phases(
    fraction: FloatArray, sigma: FloatArray, mask: NDArray[np.bool_], *, smoothing_px: float
) -> NDArray[np.float32]:
    """Fractions of all phases denoised, `(phase, z, y, x)`: see `denoise_fraction`."""
    if len(fraction) == 2:
        # fractions sum to 1, and the two have the same sigma
        first = denoise_fraction(fraction[0], sigma[0], mask, smoothing_px=smoothing_px)
        return np.stack([first, 1 - first])
    pairs = zip(fraction, sigma, strict=True)
    return np.stack([denoise_fraction(f, s, mask, smoothing_px=smoothing_px) for f, s in pairs])


def label_by_mixture(
    fraction: FloatArray, mask: NDArray[np.bool_], *, mixture: GaussianMixture, pure_threshold: float
) -> NDArray[np.uint8]:
    """Phase of every voxel by a Gaussian mixture.

    Parameters
    ----------
    fraction
        `(phase, z, y, x)` denoised fractions.
    mask
        `(z, y, x)` True inside the sample.
    mixture
        From `fit_mixture`.
    pure_threshold
        A component belongs to the phase of which it holds this share on average, and is mixed where there is none.

    Returns
    -------
    `(z, y, x)` labels as of `label_phases`.
    """
    labels = np.zeros(mask.shape, np.uint8)
    if not mask.any():
        return labels
    means = np.column_stack([mixture.means_, 1 - mixture.means_.sum(axis=1)])
    label_of = np.where(means.max(axis=1) >= pure_threshold, means.argmax(axis=1) + 1, len(fraction) + 1)
    labels[mask] = label_of[mixture.predict(_features(fraction, mask))]
    return labels


def fit_mixture(fraction: FloatArray, mask: NDArray[np.bool_], *, seed: int = 0) -> GaussianMixture | None:
    """Gaussian mixture of the compositions in a sample: one component per phase and one between.

    Parameters
    ----------
    fraction
        `(phase, z, y, x)` denoised fractions.
    mask
        `(z, y, x)` True inside the sample.
    seed
        Of the choice of voxels.

    Returns
    -------
    Fitted mixture over all fractions but the last; None where there are fewer voxels than numbers to fit.
    """
    features = _features(fraction, mask)
    n_phases = len(fraction)
    if n_phases < 2 or len(features) < 10 * (n_phases + 1):
        return None
    if len(features) > _SAMPLE:
        features = np.random.default_rng(seed).choice(features, _SAMPLE, replace=False)
    pure = np.eye(n_phases)[:, :-1]
    starts = np.concatenate([pure, [np.full(n_phases - 1, 1 / n_phases)]])
    mixture = GaussianMixture(
        n_phases + 1, means_init=starts, init_params="random_from_data", random_state=seed, reg_covar=1e-5
    )
    return mixture.fit(np.clip(features, -1, 2))


def _features(fraction: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """(voxel, phase - 1) fractions; the last is one minus the others."""
    return np.nan_to_num(fraction[:-1, mask].T.astype(np.float64), nan=0.5)


def label_by_random_field(
    fraction: FloatArray,
    sigma: FloatArray,
    mask: NDArray[np.bool_],
    *,
    pure_threshold: float,
    coupling: float = COUPLING,
) -> NDArray[np.uint8]:
    """Phase of every voxel by a Markov random field: the likelihood of its fraction, and its neighbours.

    Parameters
    ----------
    fraction
        `(phase, z, y, x)` fractions, not denoised.
    sigma
        `(phase, z, y, x)` their standard deviations.
    mask
        `(z, y, x)` True inside the sample.
    pure_threshold
        A label stands for a true fraction of its phase from here to 1, mixed for a largest fraction below.
    coupling
        Log odds that each of the six neighbours adds to its own label.

    Returns
    -------
    `(z, y, x)` labels as of `label_phases`. A voxel depends on others up to `FIELD_ROUNDS` away only.

    Notes
    -----
    Potts model in mean-field approximation, a fixed number of rounds.

    References
    ----------
    Geman and Geman, IEEE Trans. PAMI 6, 721 (1984), doi:10.1109/TPAMI.1984.4767596; Zhang, IEEE Trans. Signal Process.
    40, 2570 (1992), doi:10.1109/78.157297.
    """
    evidence = _log_likelihoods(fraction, sigma, mask, pure_threshold)  # (label, z, y, x)
    belief = _normalised(evidence) * mask
    for _ in range(FIELD_ROUNDS):
        support = np.stack([_neighbour_sum(one) for one in belief])
        belief = _normalised(evidence + coupling * support) * mask
    labels = belief.argmax(axis=0).astype(np.uint8) + 1
    labels[~mask] = 0
    return np.asarray(labels, np.uint8)


def _log_likelihoods(
    fraction: FloatArray, sigma: FloatArray, mask: NDArray[np.bool_], pure_threshold: float
) -> NDArray[np.float32]:
    """(label, z, y, x) log likelihood of every label; equal where nothing was measured."""
    known = mask & np.isfinite(fraction).all(axis=0) & np.isfinite(sigma).all(axis=0) & (sigma > 0).all(axis=0)
    values, errors = fraction[:, known].astype(np.float64), sigma[:, known].astype(np.float64)
    found = np.zeros((len(fraction) + 1, *mask.shape), np.float32)
    for label in range(len(fraction)):
        found[label, known] = _log_interval(values[label], errors[label], pure_threshold, 1.0)
    largest = values.argmax(axis=0)[None]
    top, error = (np.take_along_axis(a, largest, axis=0)[0] for a in (values, errors))
    found[-1, known] = _log_interval(top, error, 1 / max(len(fraction), 2), pure_threshold)
    return found


def _log_interval(value: FloatArray, sigma: FloatArray, low: float, high: float) -> FloatArray:
    """Log density of a measured value whose true one lies anywhere between two bounds."""
    upper, lower = (value - low) / sigma, (value - high) / sigma
    # both tails by the one that does not cancel
    flip = upper + lower > 0
    one, other = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
    log_one, log_other = norm.logcdf(one), norm.logcdf(other)
    density: FloatArray = log_one + np.log1p(-np.exp(np.minimum(log_other - log_one, -1e-12))) - np.log(high - low)
    return density


def _normalised(log: FloatArray) -> FloatArray:
    belief = np.exp(log - log.max(axis=0))
    normal: FloatArray = belief / belief.sum(axis=0)
    return normal


def _neighbour_sum(volume: FloatArray) -> FloatArray:
    """Sum over the six neighbours, nothing beyond the end of the volume."""
    total = np.zeros_like(volume)
    for axis in range(3):
        one, other = np.moveaxis(volume, axis, 0), np.moveaxis(total, axis, 0)
        other[1:] += one[:-1]
        other[:-1] += one[1:]
    return total


def resolve_thin_mixed(
    labels: NDArray[np.uint8], fraction: FloatArray, *, blur_px: float, purest: float
) -> NDArray[np.uint8]:
    """Give mixed voxels that blur alone explains to the phase they hold more of.

    Parameters
    ----------
    labels
        `(z, y, x)` labels, the highest number mixed.
    fraction
        `(phase, z, y, x)` denoised fractions.
    blur_px
        Standard deviation of all blur, denoising included, voxels.
    purest
        Largest fraction that was labelled mixed.

    Returns
    -------
    `(z, y, x)` labels in which mixed regions are thicker than the layer that blur puts between two phases; thinner ones
    are partial volumes.
    """
    mixed = labels == len(fraction) + 1
    passes = resolving_passes(blur_px, purest=purest)
    thick = ndimage.binary_erosion(mixed, iterations=passes, border_value=1)
    thick = ndimage.binary_dilation(thick, iterations=passes + 1, mask=mixed)
    thin = mixed & ~thick
    resolved = labels.copy()
    resolved[thin] = np.nanargmax(np.where(np.isnan(fraction[:, thin]), -np.inf, fraction[:, thin]), axis=0) + 1
    return resolved


def resolving_passes(blur_px: float, *, purest: float) -> int:
    """Voxels by which a mixed region is thinned: half of what blur alone puts below `purest` at a sharp front."""
    return max(1, int(np.ceil(float(norm.ppf(purest)) * blur_px)))


def label_denoised(
    fraction: FloatArray, mask: NDArray[np.bool_], *, pure_threshold: float, blur_px: float
) -> NDArray[np.uint8]:
    """Labels by thresholds on denoised fractions, partial volumes resolved: see `resolve_thin_mixed`."""
    labels = label_phases(np.nan_to_num(fraction, nan=0.0), mask, pure_threshold=pure_threshold)
    return resolve_thin_mixed(labels, fraction, blur_px=blur_px, purest=pure_threshold)
