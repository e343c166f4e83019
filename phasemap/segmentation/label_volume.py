"""Phase labels of a whole volume, slab by slab, each read with enough rows around it to give what one piece gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from xanesmap.phasemap.segmentation.denoising import reach
from xanesmap.phasemap.segmentation.methods import (
    FIELD_ROUNDS,
    MIXTURE_PUREST,
    LabelMethod,
    denoise_phases,
    fit_mixture,
    label_by_mixture,
    label_by_random_field,
    label_denoised,
    resolve_thin_mixed,
    resolving_passes,
)
from xanesmap.phasemap.storage.row_blocks import Rows, block_rows, row_ranges

FloatArray = NDArray[np.floating[Any]]

_MIXTURE_VOXELS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """How voxels get their phase."""

    method: LabelMethod
    pure_threshold: float
    smoothing_px: float
    blur_px: float
    """Standard deviation of the blur of the microscope, voxels."""
    coupling: float

    @property
    def total_blur_px(self) -> float:
        """Standard deviation of all blur, denoising included, voxels."""
        return float(np.hypot(self.smoothing_px, self.blur_px))

    @property
    def purest(self) -> float:
        """Largest fraction that the method calls mixed."""
        return MIXTURE_PUREST if self.method == "mixture" else self.pure_threshold

    @property
    def reach_px(self) -> int:
        """Voxels over which a label depends on its surroundings."""
        thinned = 2 * resolving_passes(self.total_blur_px, purest=self.purest) + 1
        return thinned + max(reach(self.smoothing_px), FIELD_ROUNDS if self.method == "random-field" else 0)


def label_volume(
    fraction: Any,
    sigma: Any,
    mask: NDArray[np.bool_],
    *,
    rule: LabelRule,
    slab_rows: int | None = None,
    slab_done: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.uint8]:
    """Label every voxel of a sample.

    Parameters
    ----------
    fraction, sigma
        `(phase, z, y, x)` fractions and their standard deviations; arrays, or anything that is cut like them.
    mask
        `(z, y, x)` True inside the sample.
    rule
        How.
    slab_rows
        Rows labelled at a time; as many as make some millions of voxels when not given.
    slab_done
        Called with the slabs done and their number.

    Returns
    -------
    `(z, y, x)` labels as of `label_phases`, the same whatever the height of the slabs.
    """
    labels = np.zeros(mask.shape, np.uint8)
    write_labels(
        fraction, sigma, mask, labels, rule=rule, rows=slab_rows or block_rows(mask.shape), slab_done=slab_done
    )
    return labels


def write_labels(
    fraction: Any,
    sigma: Any,
    mask: Rows,
    labels: Rows,
    *,
    rule: LabelRule,
    rows: int,
    threads: int = 1,
    slab_done: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Label a sample that need not be in memory; see `label_volume`.

    Parameters
    ----------
    fraction, sigma, mask
        As of `label_volume`, or anything that is cut like them; the mask is not zero inside the sample.
    labels
        `(z, y, x)` uint8 to be written.
    rule
        How.
    rows
        Rows labelled at a time.
    threads
        Slabs labelled at the same time.
    slab_done
        Called with the slabs done and their number.
    """
    n_rows = mask.shape[0]
    starts = range(0, n_rows, rows)
    mixture = _whole_mixture(fraction, sigma, mask, rule, rows) if rule.method == "mixture" else None

    def label(start: int) -> None:
        first, last = max(0, start - rule.reach_px), min(n_rows, start + rows + rule.reach_px)
        part = np.asarray(mask[first:last]) > 0
        if part[start - first :][:rows].any():
            maps = (np.asarray(fraction[:, first:last]), np.asarray(sigma[:, first:last]))
            found = _label_slab(*maps, part, rule, mixture)
            labels[start : start + rows] = found[start - first :][:rows]

    with ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(label, starts), start=1):
            slab_done(done, len(starts))


def _label_slab(
    fraction: FloatArray,
    sigma: FloatArray,
    mask: NDArray[np.bool_],
    rule: LabelRule,
    mixture: GaussianMixture | None,
) -> NDArray[np.uint8]:
    denoised = denoise_phases(fraction, sigma, mask, smoothing_px=rule.smoothing_px)
    blur, pure = rule.total_blur_px, rule.pure_threshold
    if mixture is not None:
        labels = label_by_mixture(denoised, mask, mixture=mixture, pure_threshold=pure)
    elif rule.method == "random-field":
        labels = label_by_random_field(fraction, sigma, mask, pure_threshold=pure, coupling=rule.coupling)
    else:
        return label_denoised(denoised, mask, pure_threshold=pure, blur_px=blur)
    return resolve_thin_mixed(labels, denoised, blur_px=blur, purest=rule.purest)


def _whole_mixture(fraction: Any, sigma: Any, mask: Rows, rule: LabelRule, rows: int) -> GaussianMixture | None:
    """Mixture of every n-th voxel of the sample, counted through the whole volume."""
    ranges = row_ranges(mask.shape[0], rows)
    voxels = sum(int(np.count_nonzero(np.asarray(mask[start:stop]))) for start, stop in ranges)
    step = max(1, voxels // _MIXTURE_VOXELS)
    values = list(_sampled(fraction, sigma, mask, rule, rows, step))
    if not values:
        return None
    sample = np.concatenate(values, axis=1)[:, None, None]  # (phase, 1, 1, voxel)
    return fit_mixture(sample, np.ones(sample.shape[1:], bool))


def _sampled(fraction: Any, sigma: Any, mask: Rows, rule: LabelRule, rows: int, step: int) -> Iterator[FloatArray]:
    """(phase, voxel) denoised fractions of every `step`-th voxel of the sample, slab by slab."""
    halo, seen = reach(rule.smoothing_px), 0
    for start in range(0, mask.shape[0], rows):
        inner = np.asarray(mask[start : start + rows]) > 0
        if not inner.any():
            continue
        first, last = max(0, start - halo), min(mask.shape[0], start + rows + halo)
        inside = np.asarray(mask[first:last]) > 0
        part = (np.asarray(fraction[:, first:last]), np.asarray(sigma[:, first:last]), inside)
        denoised = denoise_phases(*part, smoothing_px=rule.smoothing_px)[:, start - first :][:, :rows]
        values = denoised[:, inner]
        yield values[:, -seen % step :: step]
        seen += values.shape[1]
