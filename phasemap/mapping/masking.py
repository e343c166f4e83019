"""Where the sample is: a mask from the edge-step map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, gaussian_filter, generate_binary_structure
from sklearn.mixture import GaussianMixture

from xanesmap.phasemap.segmentation.denoising import denoise_fraction

FloatArray = NDArray[np.floating[Any]]

# Voxels drawn for the mixture: enough for its means to be known to a per mille.
_SAMPLE = 200_000
_APART_SIGMA = 4.0
# Voxels of the sample that hold less than the typical edge step by more than this portion belong to its rim.
_RIM = 0.15
_DEEPEST_RIM = 0.35  # however strong the noise, voxels nearer to air than this are no sample
_ROUNDS = 10
# Largest level of air, in thresholds, in a volume that is mostly sample.
_AIR_LEVEL = 0.4


def mask_threshold(amount: FloatArray, *, seed: int = 0) -> float | None:
    """Edge step halfway between air and sample.

    Parameters
    ----------
    amount
        `(...)` edge step of all phases (smoothed a little), 1/um.
    seed
        Of the random choice of voxels.

    Returns
    -------
    Threshold in 1/um: midway between air and full voxels, told apart by a two-component Gaussian mixture, so that the
    mask ends where a blurred surface has fallen to half. None where the two components do not stand apart, that is,
    where there is no sample.
    """
    values = amount[np.isfinite(amount)].ravel()
    if len(values) > _SAMPLE:
        values = np.random.default_rng(seed).choice(values, _SAMPLE, replace=False)
    if len(values) < 10 or np.ptp(values) == 0:
        return None
    threshold = _threshold_from(values, np.percentile(values, (50, 99)), seed=seed)
    if threshold is not None:
        return threshold[1]
    # Air fills most of a field of view, but little of a volume that was cut to its particle. There the voxels of the
    # rim, neither air nor full, are as many as those of air, and need a component of their own. Three components split
    # noise as well; unlike air, its lower part does not lie at an edge step of zero.
    filled = _threshold_from(values, _three_starts(values), seed=seed)
    return filled[1] if filled is not None and abs(filled[0]) < _AIR_LEVEL * filled[1] else None


def _three_starts(values: FloatArray) -> FloatArray:
    """Means of air, rim and sample to start with, where most voxels are sample."""
    air, sample = np.percentile(values, (1, 50))
    return np.array([air, 0.5 * (air + sample), sample])


def _threshold_from(values: FloatArray, start: FloatArray, *, seed: int) -> tuple[float, float] | None:
    """Level of air, and threshold between the outermost of Gaussian components, found from means to start with.

    None where they do not stand apart.
    """
    tiny = 1e-12 + 1e-6 * float(np.var(values))
    mixture = GaussianMixture(len(start), means_init=start[:, None], random_state=seed, reg_covar=tiny)
    kind = mixture.fit_predict(values[:, None].astype(np.float64))
    order = np.argsort(mixture.means_[:, 0])
    low, high = order[0], order[-1]
    air, width = float(mixture.means_[low, 0]), float(np.sqrt(mixture.covariances_[low, 0, 0]))
    apart = _APART_SIGMA * width
    if not np.any(kind == high) or mixture.means_[high, 0] - air < apart:
        return None
    typical = _typical(values, air=air, noise=width, start=float(mixture.means_[high, 0]))
    return (air, 0.5 * (air + typical)) if typical - air >= apart else None


def _typical(values: FloatArray, *, air: float, noise: float, start: float) -> float:
    """Median edge step of the sample without its blurred rim.

    Blurred surfaces and pores pull the mean of the sample's component down, the more the smaller the particles. The
    median is taken over the voxels that fall short of the last one by no more than a portion that the noise explains.
    """
    typical = float(np.median(values[values > start]))
    for _ in range(_ROUNDS):
        step = typical - air
        short = min(max(_RIM * step, 2 * noise), _DEEPEST_RIM * step)
        typical = float(np.median(values[values > typical - short]))
    return typical


def smooth_amount(amount: FloatArray, *, smoothing_px: float) -> NDArray[np.float32]:
    """Edge step with its noise smoothed; voxels without a value count as air.

    Parameters
    ----------
    amount
        `(z, y, x)` edge step, 1/um.
    smoothing_px
        Standard deviation of the Gaussian, pixels.
    """
    filled = np.nan_to_num(np.asarray(amount, np.float32), nan=0.0)
    if smoothing_px == 0:
        return filled
    return np.asarray(gaussian_filter(filled, smoothing_px), np.float32)


def sample_mask(amount: FloatArray, *, threshold: float, smoothing_px: float) -> NDArray[np.bool_]:
    """Voxels of the sample.

    Parameters
    ----------
    amount
        `(z, y, x)` edge step of all phases, 1/um.
    threshold
        Smallest smoothed edge step of the sample, 1/um.
    smoothing_px
        Standard deviation of the Gaussian, pixels.

    Returns
    -------
    `(z, y, x)` mask without specks narrower than three voxels. A voxel depends on its neighbours up to `mask_reach`
    away only, so slabs with that much overlap give the mask of the whole.
    """
    return _without_specks(smooth_amount(amount, smoothing_px=smoothing_px) > threshold)


def narrowed_mask(
    mask: NDArray[np.bool_], amount: FloatArray, sigma: FloatArray, *, threshold: float, smoothing_px: float
) -> NDArray[np.bool_]:
    """Voxels of a sample that hold at least so much.

    Parameters
    ----------
    mask
        `(z, y, x)` True inside the sample; outside nothing is known, so the sample cannot grow.
    amount, sigma
        `(z, y, x)` edge step and its standard deviation, 1/um.
    threshold
        Smallest denoised edge step, 1/um.
    smoothing_px
        Standard deviation of the denoising (`denoise_fraction`), voxels.

    Returns
    -------
    `(z, y, x)` mask without specks narrower than three voxels.
    """
    denoised = denoise_fraction(amount, sigma, mask, smoothing_px=smoothing_px)
    return _without_specks(mask & (np.nan_to_num(denoised, nan=0.0) >= threshold))


def _without_specks(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    structure = generate_binary_structure(inside.ndim, 1)
    # What touches the border goes on beyond it, also where the volume is a single slice.
    opened: NDArray[np.bool_] = binary_opening(np.pad(inside, 1, mode="edge"), structure)[1:-1, 1:-1, 1:-1]
    return opened & inside


def mask_reach(smoothing_px: float) -> int:
    """Distance in voxels over which a voxel of the mask depends on the edge step."""
    return int(4 * smoothing_px + 0.5) + 2
