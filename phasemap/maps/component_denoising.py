"""Denoised component volumes for looking at; they have no error bars, and say so.

Non-local means and total variation bring out shapes that noise hides. They are not linear: what they do to a voxel
depends on the noise of its neighbours, so the standard deviations of the fit do not carry over. Adding noise again and
looking at the scatter does not help: for total variation it gave a third of the scatter between repeated measurements.
Take numbers from the maps as fitted, averaged over regions, or from the linear filter of
`xanesmap.phasemap.segmentation.denoising`; take these for pictures and for finding borders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]
DenoiseMethod = Literal["non-local-means", "total-variation"]

# Patches of 3 and search within 5 voxels on each side: particles are tens of voxels across.
_PATCH, _SEARCH = 3, 5
_STRENGTH = 0.8
# Weight of the total variation per standard deviation of the noise: keeps the residual near the noise in 3D.
_TV_WEIGHT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenoisedComponents:
    """Denoised amounts and fractions.

    Parameters
    ----------
    amounts
        `(phase, z, y, x)` denoised amount of each phase, in the unit given.
    fraction
        `(phase, z, y, x)` fractions of them; NaN where the amounts do not sum to more than zero.
    """

    amounts: FloatArray
    fraction: FloatArray

    @property
    def fraction_sigma(self) -> None:
        """Not available: see the module."""
        return


def denoise_components(
    amounts: FloatArray,
    amount_sigma: FloatArray,
    *,
    method: DenoiseMethod = "non-local-means",
) -> DenoisedComponents:
    """Denoise the volumes of all phases.

    Parameters
    ----------
    amounts
        `(phase, z, y, x)` amounts of the fit (fraction times edge step); values that are not finite count as air.
    amount_sigma
        `(phase,)` typical standard deviation of an amount in one voxel, in the same unit.
    method
        "non-local-means" averages voxels whose surroundings look alike; "total-variation" looks for flat regions with
        sharp borders.

    Returns
    -------
    The denoised volumes.

    Raises
    ------
    DataError
        Volumes that are not three-dimensional, or noise that is not positive.

    References
    ----------
    A. Buades, B. Coll, J.-M. Morel, CVPR 2, 60 (2005), doi:10.1109/CVPR.2005.38; A. Chambolle, J. Math. Imaging Vis.
    20, 89 (2004), doi:10.1023/B:JMIV.0000011325.36760.1e; both as in scikit-image.
    """
    filled = np.nan_to_num(np.asarray(amounts, dtype=np.float32), posinf=0.0, neginf=0.0)
    sigma = np.asarray(amount_sigma, dtype=np.float64)
    _check(filled, sigma)
    found = np.stack([_denoise(volume, float(noise), method) for volume, noise in zip(filled, sigma, strict=True)])
    total = found.sum(axis=0)
    return DenoisedComponents(amounts=found, fraction=found / np.where(total > 0, total, np.float32(np.nan)))


def _check(amounts: FloatArray, sigma: FloatArray) -> None:
    if amounts.ndim != 4 or sigma.shape != amounts.shape[:1]:
        message = (
            f"amounts of shape {amounts.shape} with noise of shape {sigma.shape} were given; give (phase, z, y, x) "
            "volumes and one standard deviation per phase."
        )
        raise DataError(message)
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        message = f"denoising takes a positive standard deviation for every phase, found {sigma.tolist()}."
        raise DataError(message)


def _denoise(volume: FloatArray, sigma: float, method: DenoiseMethod) -> FloatArray:
    match method:
        case "non-local-means":
            return np.asarray(
                denoise_nl_means(
                    volume,
                    patch_size=_PATCH,
                    patch_distance=_SEARCH,
                    h=_STRENGTH * sigma,
                    sigma=sigma,
                    fast_mode=True,
                )
            )
        case "total-variation":
            total_variation: Callable[..., Any] = denoise_tv_chambolle  # skimage annotates none of it
            return np.asarray(total_variation(volume, weight=_TV_WEIGHT * sigma))
        case _:
            assert_never(method)
