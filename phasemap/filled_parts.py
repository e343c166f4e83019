"""How far each voxel of a particle's rim is filled, from its edge step: that tells the surface between the voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from xanesmap.phasemap.float_smoothing import smoothed
from xanesmap.phasemap.particle_kernel import distances

FloatArray = NDArray[np.floating[Any]]

_RIM_PX = 2.0  # voxels below the surface from which on a voxel counts as full
_OUTER_PX = 4  # voxels above it in which the edge step is known, as far as a result keeps it
_LOCAL_PX = 1.5  # over which the edge step of full voxels is averaged
_LEAST_VOXELS = 50


def filled_parts(
    inside: NDArray[np.bool_], amount: FloatArray, *, others: NDArray[np.bool_] | None = None
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

    Returns
    -------
    `(z, y, x)` edge step over that of the full voxels nearby, 1 inside of the rim, 0 far outside; None where no voxel
    is full, or where the edge step around the particle is not known.

    Notes
    -----
    Full voxels differ: iron is a few per cent denser in one phase than in the other. So each rim is compared with what
    lies right below it.
    """
    none = np.zeros(inside.shape[1:], np.int32)
    deep = distances(inside, none, none) > _RIM_PX + 0.5
    around = binary_dilation(inside, iterations=_OUTER_PX) & ~inside
    around &= np.isfinite(amount) if others is None else np.isfinite(amount) & ~others
    known = deep & np.isfinite(amount)
    if np.count_nonzero(known) < _LEAST_VOXELS or not around.any():
        return None
    value = np.where(known, amount, 0).astype(np.float32)
    typical = float(np.median(amount[known]))
    share = smoothed(known, sigma_px=_LOCAL_PX)
    # far from all full voxels the typical one has the say
    local = (smoothed(value, sigma_px=_LOCAL_PX) + np.float32(1e-3 * typical)) / (share + np.float32(1e-3))
    part = np.where(around | (inside & ~deep), np.nan_to_num(amount, nan=0.0) / local, 0)
    return np.where(deep, 1, part).astype(np.float32)
