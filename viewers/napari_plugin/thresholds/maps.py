"""Maps that thresholds are tried on: coarse ones, which answer while a slider moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap

FloatArray = NDArray[np.floating[Any]]

LIVE_VOXELS = 400_000
"""Voxels that are labelled in less than 0.2 s."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoarseMaps:
    """Maps of a result in voxels that are cubes of `step` of its own."""

    step: int
    fraction: FloatArray
    """(phase, z, y, x) mean of the finite voxels."""
    sigma: FloatArray
    """(phase, z, y, x) mean of the standard deviations, for weights."""
    amount: FloatArray
    amount_sigma: FloatArray
    mask: NDArray[np.bool_]
    """(z, y, x) True where most voxels are in the sample."""


def coarse_maps(result: PhaseMap, *, most_voxels: int = LIVE_VOXELS, progress: Progress = no_progress) -> CoarseMaps:
    """Read maps of a result with no more than so many voxels.

    Parameters
    ----------
    result
        A result.
    most_voxels
        Voxels of the coarse volume.
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    CoarseMaps
        From the level of the pyramid that is nearest, averaged further over cubes.
    """
    step = max(1, math.ceil((math.prod(result.shape) / most_voxels) ** (1 / 3)))
    n_levels = len(result.levels("mask"))
    level = min(n_levels - 1, int(math.log2(step)))
    step = max(1, round(step / 2**level)) * 2**level
    arrays = {
        "fraction": result.levels("fraction")[level],
        "sigma": result.noise_levels()[level],
        "amount": result.levels("amount")[level],
        "amount_sigma": result.levels("amount_sigma")[level],
        "mask": result.levels("mask")[level],
    }
    maps: dict[str, Any] = {}
    for number, (name, stored) in enumerate(arrays.items()):
        progress("Read maps", number, len(arrays))
        maps[name] = _averaged(stored, step >> level)
    return CoarseMaps(step=step, **{**maps, "mask": np.nan_to_num(maps["mask"]) >= 0.5})


def _averaged(stored: Any, edge: int) -> NDArray[np.float32]:
    """Mean of the finite voxels in cubes, NaN where there are none; read slab by slab."""
    rows = edge * max(1, 64 // edge)
    n_rows = stored.shape[-3]
    slabs = [_cube_means(np.asarray(stored[..., start : start + rows, :, :]), edge) for start in range(0, n_rows, rows)]
    return np.concatenate(slabs, axis=-3)


def _cube_means(values: NDArray[Any], edge: int) -> NDArray[np.float32]:
    values = values.astype(np.float32)
    if edge == 1:
        return values
    finite = np.isfinite(values)
    total, count = np.where(finite, values, 0), finite.astype(np.float32)
    for axis in (-3, -2, -1):
        starts = np.arange(0, values.shape[axis], edge)
        total, count = (np.add.reduceat(one, starts, axis=axis) for one in (total, count))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
