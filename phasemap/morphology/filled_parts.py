"""How far each voxel of a particle's rim is filled, from its edge step: that tells the surface between the voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from xanesmap.phasemap.morphology.interface_profile import CORRELATED_VOXELS
from xanesmap.phasemap.segmentation.float_smoothing import smoothed
from xanesmap.phasemap.segmentation.particle_kernel import distances

FloatArray = NDArray[np.floating[Any]]

_RIM_PX = 2.0  # voxels below the surface from which on a voxel counts as full
_OUTER_PX = 4  # voxels above it in which the edge step is known, as far as a result keeps it
_LOCAL_PX = 1.5  # over which the edge step of full voxels is averaged
_LEAST_VOXELS = 50
_LITTLE = 1e-3  # of a voxel: weight of what is taken where no voxel is near
_PHASES_DIFFER = 0.2  # standard deviation of the iron in a volume of one phase over that of the other


def filled_parts(
    inside: NDArray[np.bool_],
    amount: FloatArray,
    *,
    others: NDArray[np.bool_] | None = None,
    fraction: FloatArray | None = None,
) -> NDArray[np.float32] | None:
    """Filled part of every voxel of a particle and around it.

    Parameters
    ----------
    inside
        `(z, y, x)` True in the particle, closed pores included.
    amount
        `(z, y, x)` edge step, also outside of the particle; NaN where it is not known, which counts as air.
    others
        `(z, y, x)` True in other particles, where this one ends.
    fraction
        `(z, y, x)` denoised fraction of a phase; NaN where it is not known.

    Returns
    -------
    `(z, y, x)` edge step over that of the full voxels nearby, 1 inside of the rim, 0 far outside; None where no voxel
    is full, or where the edge step around the particle is not known.

    Notes
    -----
    Full voxels differ: iron is a few per cent denser in one phase than in the other. So each rim is compared with what
    lies right below it; where that is of another phase, as below a thin shell, with what full voxels of its own
    fraction would hold, by a line through those of the particle.
    """
    none = np.zeros(inside.shape[1:], np.int32)
    deep = distances(inside, none, none) > _RIM_PX + 0.5
    around = binary_dilation(inside, iterations=_OUTER_PX) & ~inside
    around &= np.isfinite(amount) if others is None else np.isfinite(amount) & ~others
    known = deep & np.isfinite(amount)
    if np.count_nonzero(known) < _LEAST_VOXELS or not around.any():
        return None
    typical = float(np.median(amount[known]))
    local = _local_mean(amount, known, typical)
    if fraction is not None:
        local = local + _by_phase(amount, fraction, inside, known)
    part = np.where(around | (inside & ~deep), np.nan_to_num(amount, nan=0.0) / local, 0)
    return np.where(deep, 1, part).astype(np.float32)


def _local_mean(values: FloatArray, where: NDArray[np.bool_], elsewhere: float) -> NDArray[np.float32]:
    """Mean over the voxels nearby that count; far from all of them `elsewhere` has the say."""
    share = smoothed(where.astype(np.float32), sigma_px=_LOCAL_PX)
    total = smoothed(np.where(where, values, 0).astype(np.float32), sigma_px=_LOCAL_PX)
    mean: NDArray[np.float32] = (total + np.float32(_LITTLE * elsewhere)) / (share + np.float32(_LITTLE))
    return mean


def _by_phase(
    amount: FloatArray, fraction: FloatArray, inside: NDArray[np.bool_], full: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """What a full voxel holds more than the full ones nearby, because its fraction is another.

    The slope against the fraction is pulled to none by how far phases differ in general (ridge regression): full voxels
    of one phase alone tell nothing of the other.
    """
    full, rim = full & np.isfinite(fraction), inside & np.isfinite(fraction)
    if np.count_nonzero(full) < _LEAST_VOXELS:
        return np.zeros(1, np.float32)
    values, parts = amount[full].astype(np.float64), fraction[full].astype(np.float64)
    mean, apart = float(parts.mean()), parts - parts.mean()
    noise = CORRELATED_VOXELS * float(values.var())
    spread = (_PHASES_DIFFER * float(np.median(values))) ** 2
    slope = float(apart @ values) / (float(apart @ apart) + noise / spread)
    more: NDArray[np.float32] = np.float32(slope) * (
        _local_mean(fraction, rim, mean) - _local_mean(fraction, full, mean)
    )
    return more
