"""Denoised component volumes written into a result, for looking at."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import psutil
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.component_denoising import DenoiseMethod, denoise_components
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import layer_named

FloatArray = NDArray[np.floating[Any]]

DENOISED = "denoised"
"""Key of the root attributes of a result that says how it was denoised."""

_BYTES_PER_VOXEL = 24
"""Of every phase: amounts, their denoised copy, and what the filters hold."""


def denoise_result(
    path: str | Path, *, method: DenoiseMethod = "total-variation", progress: Progress = no_progress
) -> PhaseMap:
    """Add denoised fractions and amounts to a result.

    Parameters
    ----------
    path
        A result; the maps go into it, all at once or not at all, in place of earlier ones.
    method
        "total-variation", or "non-local-means", which takes ten times as long (`denoise_components`).
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    The result, opened again; see its `denoised_fraction` and `denoised_amount`. They have no error bars: none would be
    right. `fraction` and `fraction_sigma` stay as they are.

    Raises
    ------
    DataError
        An unknown method, an empty mask, a single slice, or volumes that do not fit into the memory.
    """
    if method not in get_args(DenoiseMethod):
        message = f"denoising by {method!r} was asked for; there are {' and '.join(get_args(DenoiseMethod))}."
        raise DataError(message)
    result = open_result(path)
    _check(result)
    progress("Denoise", 0, 2)
    amounts, sigma, mask = _amounts(result)
    progress("Denoise", 1, 2)
    found = denoise_components(amounts, sigma, method=method)
    progress("Denoise", 2, 2)
    fraction, amount = found.fraction, found.amounts.sum(axis=0)
    fraction[:, ~mask], amount[~mask] = np.nan, np.nan
    layers = {layer_named("denoised_fraction"): (len(result.phases),), layer_named("denoised_amount"): ()}
    rows = int(result.attributes["slab_rows"])
    slabs = (
        (z, {"denoised_fraction": fraction[:, z : z + rows], "denoised_amount": amount[z : z + rows]})
        for z in range(0, result.shape[0], rows)
    )
    with Amendment(result.path) as amendment:
        amendment.replace_images(layers, slabs)
        amendment.finish({DENOISED: {"method": method, "amount_sigma": sigma, "fraction_sigma": "not available"}})
    return open_result(path)


def _check(result: PhaseMap) -> None:
    if result.shape[0] < 2:
        message = f"result '{result.path}' is a single slice; denoising works on volumes."
        raise DataError(message)
    needed = len(result.phases) * _BYTES_PER_VOXEL * int(np.prod(result.shape))
    free = psutil.virtual_memory().available
    if needed > free:
        message = (
            f"denoising {len(result.phases)} volumes of {result.shape} voxels takes {needed / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free; denoise on a larger machine, or bin the scan."
        )
        raise DataError(message)


def _amounts(result: PhaseMap) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """`(phase, z, y, x)` amounts, 0 outside the mask; `(phase,)` typical noise of one voxel; the mask."""
    mask = np.asarray(result.levels("mask")[0][:]) > 0
    if not mask.any():
        message = f"the mask of result '{result.path}' is empty, so there is nothing to denoise."
        raise DataError(message)
    amount, amount_sigma = (np.asarray(result.levels(name)[0][:]) for name in ("amount", "amount_sigma"))
    fractions, sigmas = result.levels("fraction")[0], result.noise_levels()[0]
    amounts, typical = [], []
    for phase in range(len(result.phases)):
        fraction, sigma = np.asarray(fractions[phase]), np.asarray(sigmas[phase])
        amounts.append(np.where(mask, fraction * amount, 0).astype(np.float32))
        # an amount is fraction times total, whose errors hardly depend on each other
        variance = (sigma[mask] * amount[mask]) ** 2 + (fraction[mask] * amount_sigma[mask]) ** 2
        typical.append(float(np.sqrt(np.nanmedian(variance))))
    return np.stack(amounts), np.array(typical), mask
