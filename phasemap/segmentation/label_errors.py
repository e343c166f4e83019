"""Standard errors of the volumes of phase labels: the noise of the voxels drawn again, and labelled again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from xanesmap.phasemap.segmentation.label_volume import LabelRule, label_volume
from xanesmap.phasemap.segmentation.noise_correlation import correlated_noise, neighbour_correlation

FloatArray = NDArray[np.floating[Any]]
Block = tuple[slice, slice, slice]

BLOCK_EDGE = 48
"""Edge of the blocks that are labelled again, voxels: much longer than noise hangs together."""
MOST_VOXELS = 2_500_000
"""Voxels in the blocks that are labelled again; in a larger volume the blocks are spread evenly over the sample."""

_SAMPLES = 40  # blocks times draws: a standard error from as many is known to an eighth
_LEAST_DRAWS, _MOST_DRAWS = 3, 12
_PURE_DEPTH = 3  # voxels


def label_errors(
    fraction: Any,
    sigma: Any,
    labels: NDArray[np.uint8],
    *,
    rule: LabelRule,
    seed: int = 0,
    block_done: Callable[[int, int], None] = lambda done, total: None,
) -> FloatArray:
    """Standard errors, by the noise of the voxels, of the number of voxels of every label.

    Parameters
    ----------
    fraction, sigma
        `(phase, z, y, x)` fractions and the part of their standard deviations that is noise; arrays, or anything that
        is cut like them.
    labels
        `(z, y, x)` from `label_volume`; 0 outside the sample, which is the same in all draws: its error is not told.
    rule
        The rule that gave them.
    seed
        Same seed, same errors.
    block_done
        Called with the blocks done and their number.

    Returns
    -------
    `(phase + 1,)` voxels, of the phases and of mixed.

    Notes
    -----
    Changes in separate blocks are independent, so their variances add; those of blocks left out are as those of the
    others.

    References
    ----------
    Efron and Tibshirani, Stat. Sci. 1, 54 (1986), doi:10.1214/ss/1177013815 (parametric bootstrap).
    """
    n_labels = fraction.shape[0] + 1
    chosen, share = _chosen_blocks(labels)
    if not chosen:
        return np.zeros(n_labels)
    draws = int(np.clip(math.ceil(_SAMPLES / len(chosen)) + 1, _LEAST_DRAWS, _MOST_DRAWS))
    rng = np.random.default_rng(seed)
    variance = np.zeros(n_labels)
    for number, block in enumerate(chosen):
        variance += _variance_in(fraction, sigma, labels, block, rule=rule, draws=draws, rng=rng)
        block_done(number + 1, len(chosen))
    errors: FloatArray = np.sqrt(variance / share)
    return errors


def _chosen_blocks(labels: NDArray[np.uint8]) -> tuple[list[Block], float]:
    """Blocks to label again, and the share of the sample that is in them."""
    counted = [(block, int(np.count_nonzero(labels[block]))) for block in _blocks(labels.shape)]
    holding = [(block, count) for block, count in counted if count]
    step = max(1, -(-len(holding) * BLOCK_EDGE**3 // MOST_VOXELS))
    chosen = holding[step // 2 :: step]
    held, total = (sum(count for _, count in some) for some in (chosen, holding))
    return [block for block, _ in chosen], held / max(total, 1)


def _blocks(shape: tuple[int, ...]) -> Iterator[Block]:
    for z, y, x in itertools.product(*(range(0, n, BLOCK_EDGE) for n in shape)):
        yield slice(z, z + BLOCK_EDGE), slice(y, y + BLOCK_EDGE), slice(x, x + BLOCK_EDGE)


def _variance_in(
    fraction: Any,
    sigma: Any,
    labels: NDArray[np.uint8],
    block: Block,
    *,
    rule: LabelRule,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """(label,) variance of the number of voxels of each label in a block."""
    wide, inner = _widened(block, labels.shape, rule.reach_px)
    known = labels[wide] > 0
    values, errors = (np.asarray(one[(slice(None), *wide)]) for one in (fraction, sigma))
    errors = np.where(known & np.isfinite(errors), errors, 0)
    correlation = neighbour_correlation(values[0], errors[0], _pure_regions(labels[wide], len(values)))
    counts = [
        np.bincount(
            label_volume(values + _noise(errors, correlation, rng), errors, known, rule=rule)[inner].ravel(),
            minlength=len(values) + 2,
        )
        for _ in range(draws)
    ]
    spread: FloatArray = np.var(counts, axis=0, ddof=1)[1:]
    return spread


def _widened(block: Block, shape: tuple[int, ...], reach: int) -> tuple[Block, Block]:
    """Block with what its labels depend on, and the block's own place in that."""
    spans = [(max(0, s.start - reach), min(n, s.stop + reach)) for s, n in zip(block, shape, strict=True)]
    z, y, x = (slice(low, high) for low, high in spans)
    iz, iy, ix = (
        slice(s.start - low, min(s.stop, n) - low) for s, n, (low, _) in zip(block, shape, spans, strict=True)
    )
    return (z, y, x), (iz, iy, ix)


def _pure_regions(labels: NDArray[np.uint8], n_phases: int) -> NDArray[np.uint8]:
    """(z, y, x) number of the phase well inside it, 0 elsewhere."""
    regions = np.zeros_like(labels)
    for value in range(1, n_phases + 1):
        regions[binary_erosion(labels == value, iterations=_PURE_DEPTH, border_value=1)] = value
    return regions


def _noise(errors: FloatArray, correlation: FloatArray, rng: np.random.Generator) -> NDArray[np.float32]:
    """(phase, z, y, x) noise of fractions, whose sum over the phases is 0 as fractions sum to 1."""
    n_phases = len(errors)
    drawn = np.stack([correlated_noise(one.shape, correlation, rng) for one in errors])
    if n_phases > 1:
        drawn = (drawn - drawn.mean(axis=0)) * np.sqrt(n_phases / (n_phases - 1))
    return np.asarray(errors * drawn, np.float32)
