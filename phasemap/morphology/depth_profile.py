"""Composition against depth below the surface, with errors that know neighbouring voxels share their noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

FloatArray = NDArray[np.floating[Any]]

BLOCK_PX = 4
"""Edge of the blocks drawn by the bootstrap, voxels: longer than blur and noise reach."""
DRAWS = 200

_POISSON_BLOCKS = 20_000  # blocks times draws in memory at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthProfile:
    """Mean over layers of equal depth.

    Attributes
    ----------
    edges
        `(bin + 1,)` depth of the borders of the layers, unit of the depth.
    mean
        `(bin,)` weighted mean in each; NaN where there is no voxel.
    error
        `(bin,)` its standard error, by block bootstrap.
    voxels
        `(bin,)` voxels in each.
    """

    edges: FloatArray
    mean: FloatArray
    error: FloatArray
    voxels: NDArray[np.int64]


def depth_profile(
    points: NDArray[np.int64], depth: FloatArray, values: FloatArray, weights: FloatArray, *, edges: FloatArray
) -> DepthProfile:
    """Mean of a quantity in layers of equal depth.

    Parameters
    ----------
    points
        `(voxel, 3)` indices of the voxels.
    depth
        `(voxel,)` below the surface.
    values
        `(voxel,)` quantity, finite.
    weights
        `(voxel,)` such as the edge step, for a mean over atoms instead of volume; finite and not negative.
    edges
        `(bin + 1,)` depth of the borders, increasing; voxels beyond are left out.

    Returns
    -------
    DepthProfile. Its errors come from drawing blocks of 4 x 4 x 4 voxels again and again (Poisson bootstrap); they do
    not know of errors common to all voxels.

    References
    ----------
    Kunsch, Ann. Stat. 17, 1217 (1989), doi:10.1214/aos/1176347265.
    """
    layer = np.digitize(depth, edges) - 1
    inside = (layer >= 0) & (layer < len(edges) - 1)
    layer, weight = layer[inside], np.maximum(weights[inside], 0)
    block = _block_numbers(points[inside])
    shape = (int(block.max(initial=-1)) + 1, len(edges) - 1)
    sums = csr_array((weight * values[inside], (block, layer)), shape=shape)
    totals = csr_array((weight, (block, layer)), shape=shape)
    mean = _ratio(sums.sum(axis=0), totals.sum(axis=0))
    return DepthProfile(
        edges=edges,
        mean=mean,
        error=_bootstrap_error(sums, totals),
        voxels=np.bincount(layer, minlength=shape[1]).astype(np.int64),
    )


def _block_numbers(points: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(points) == 0:
        return np.zeros(0, np.int64)
    cell = (points - points.min(axis=0)) // BLOCK_PX
    flat = np.ravel_multi_index(tuple(cell.T), tuple(cell.max(axis=0) + 1))
    return np.asarray(np.unique(flat, return_inverse=True)[1], np.int64)


def _ratio(sums: FloatArray, totals: FloatArray) -> FloatArray:
    known = totals > 0
    ratio: FloatArray = np.where(known, sums / np.where(known, totals, 1), np.nan)
    return ratio


def _bootstrap_error(sums: Any, totals: Any) -> FloatArray:
    """(bin,) standard deviation of the means of blocks drawn with replacement; NaN for a bin of one block."""
    rng = np.random.default_rng(0)
    n_blocks, n_bins = sums.shape
    top, bottom = np.zeros((DRAWS, n_bins)), np.zeros((DRAWS, n_bins))
    for start in range(0, n_blocks, _POISSON_BLOCKS):
        part = slice(start, min(start + _POISSON_BLOCKS, n_blocks))
        drawn = rng.poisson(1.0, (DRAWS, part.stop - part.start)).astype(np.float64)
        top += drawn @ sums[part]
        bottom += drawn @ totals[part]
    means = _ratio(top, bottom)
    blocks = (totals > 0).sum(axis=0)
    error = np.full(n_bins, np.nan)
    several = blocks > 1
    error[several] = np.nanstd(means[:, several], axis=0)
    return error


def shrinking_core_depth(converted: FloatArray | float) -> FloatArray:
    """Depth of the front in a ball whose outer part has been converted, in radii.

    Parameters
    ----------
    converted
        Share of the volume outside the front, 0 to 1.

    Returns
    -------
    t / R = 1 - (1 - X)^(1/3).

    References
    ----------
    Yagi and Kunii, Proc. Combust. Inst. 5, 231 (1955), doi:10.1016/S0082-0784(55)80033-1.
    """
    depth: FloatArray = 1 - np.cbrt(1 - np.asarray(converted, float))
    return depth
