"""Phases, volumes and particles for trial thresholds: at once on coarse maps, or as a segmentation finds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.mapping.masking import narrowed_mask
from xanesmap.phasemap.morphology.resolution import UNKNOWN_BLUR_PX
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.config import make_segment_config
from xanesmap.phasemap.segmentation.denoising import reach
from xanesmap.phasemap.segmentation.label_errors import label_errors
from xanesmap.phasemap.segmentation.label_volume import LabelRule, label_volume
from xanesmap.phasemap.segmentation.methods import denoise_phases, label_denoised
from xanesmap.phasemap.segmentation.particles import Particles, find_particles
from xanesmap.phasemap.segmentation.phase_labelling import LabelledResult, label_result, label_rule
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH
from xanesmap.viewers.napari_plugin.thresholds.maps import CoarseMaps

FloatArray = NDArray[np.floating[Any]]

BINS = np.linspace(-0.25, 1.25, 151)
"""Edges of the bins of the histogram of fractions."""

_SLAB_ROWS = 16
_HISTOGRAM_VOXELS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseVolume:
    """What one label takes up."""

    name: str
    volume: float
    """um^3, or um^2 in images."""
    error: float
    """Standard error by noise, in the same unit; NaN while it is not known."""
    share: float
    """Of the sample."""
    share_error: float
    voxel: float
    """Volume of one voxel: a standard error of 0 is less than that."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exploration:
    """Outcome of trial thresholds."""

    labels: NDArray[np.uint8]
    """(z, y, x), in voxels of `step` of the result's own."""
    step: int
    volumes: tuple[PhaseVolume, ...]
    unit: str
    """Of the volumes."""
    n_particles: int
    n_fragments: int
    fragment_share: float
    """Of the sample."""
    histogram: FloatArray
    """(phase, bin) share of the sample with that denoised fraction, per bin of `BINS`."""

    @property
    def is_full(self) -> bool:
        """Whether these are the numbers of a segmentation."""
        return self.step == 1


class CoarseExplorer:
    """Tries settings on coarse maps; what a setting does not touch is kept from the time before.

    Parameters
    ----------
    maps
        Maps of the result.
    result
        The result.
    blur_px
        Standard deviation of the blur, voxels of the result.
    """

    def __init__(self, maps: CoarseMaps, result: PhaseMap, *, blur_px: float) -> None:
        self.maps, self.result, self.blur_px = maps, result, blur_px
        self._kept: dict[str, tuple[Any, Any]] = {}

    def explore(self, settings: Mapping[str, Any]) -> Exploration:
        """Try settings of a segmentation; lengths in voxels are those of the result."""
        config, maps = make_segment_config(settings), self.maps
        rule = label_rule(self.result, config, blur_px=self.blur_px / maps.step)
        sample = (config.mask_threshold_per_um, config.smoothing_px)
        mask = self._cached("mask", sample, lambda: _coarse_sample(maps, *sample))
        least = max(1, round(config.least_voxels / maps.step ** _dimensions(self.result)))
        parts = self._cached(
            "particles",
            (*sample, config.neck, least),
            lambda: find_particles(mask, neck=config.neck, least_voxels=least),
        )
        denoised = self._cached(
            "denoised",
            sample,
            lambda: denoise_phases(maps.fraction, maps.sigma, mask, smoothing_px=config.smoothing_px),
        )
        labels = _coarse_labels(maps, mask, denoised, rule)
        return _outcome(self.result, labels, parts, _histogram(denoised, mask), step=maps.step)

    def _cached(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        if name not in self._kept or self._kept[name][0] != key:
            self._kept[name] = key, make()
        return self._kept[name][1]


def _coarse_sample(maps: CoarseMaps, threshold: float | None, smoothing_px: float) -> NDArray[np.bool_]:
    if threshold is None:
        return maps.mask
    return narrowed_mask(maps.mask, maps.amount, maps.amount_sigma, threshold=threshold, smoothing_px=smoothing_px)


def _coarse_labels(
    maps: CoarseMaps, mask: NDArray[np.bool_], denoised: FloatArray, rule: LabelRule
) -> NDArray[np.uint8]:
    if rule.method == "threshold":
        return label_denoised(denoised, mask, pure_threshold=rule.pure_threshold, blur_px=rule.total_blur_px)
    return label_volume(maps.fraction, maps.sigma, mask, rule=rule)


def explore_full(
    result: PhaseMap, settings: Mapping[str, Any], *, progress: Progress = no_progress
) -> tuple[Exploration, LabelledResult]:
    """Try settings as a segmentation does it; errors are not known yet (`with_errors`).

    Parameters
    ----------
    result
        A result.
    settings
        Settings of a segmentation.
    progress
        Called with stage, steps done and steps of the stage.
    """
    config = make_segment_config(settings)
    found = label_result(result, config, progress=progress)
    progress("Count voxels", 0, 1)
    histogram = _sampled_histogram(result, found.mask, smoothing_px=config.smoothing_px)
    return _outcome(result, found.labels, found.particles, histogram, step=1), found


def _sampled_histogram(result: PhaseMap, mask: NDArray[np.bool_], *, smoothing_px: float) -> FloatArray:
    """(phase, bin) of denoised fractions, from slabs that are spread evenly where the volume is large."""
    fraction, sigma = result.levels("fraction")[0], result.noise_levels()[0]
    starts = np.arange(0, mask.shape[0], _SLAB_ROWS)
    step = max(1, mask.size // _HISTOGRAM_VOXELS)
    counts = np.zeros((len(result.phases), BINS.size - 1))
    for start in starts[(len(starts) - 1) % step // 2 :: step]:
        first, last = max(0, start - reach(smoothing_px)), start + _SLAB_ROWS + reach(smoothing_px)
        values, errors = (np.asarray(stored[:, first:last]) for stored in (fraction, sigma))
        denoised = denoise_phases(values, errors, mask[first:last], smoothing_px=smoothing_px)[:, start - first :]
        counts += _histogram(denoised[:, :_SLAB_ROWS], mask[start : start + _SLAB_ROWS])
    return counts


def _histogram(denoised: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """(phase, bin) voxels; fractions beyond the ends are in the outermost bins."""
    return np.array([np.histogram(np.clip(one[mask], BINS[0], BINS[-1]), BINS)[0] for one in denoised], np.float64)


def with_errors(
    exploration: Exploration, found: LabelledResult, result: PhaseMap, *, progress: Progress = no_progress
) -> Exploration:
    """Add the standard errors by noise to what `explore_full` gave; see `label_errors`."""
    errors = label_errors(
        result.levels("fraction")[0],
        result.noise_levels()[0],
        found.labels,
        rule=found.rule,
        block_done=lambda done, total: progress("Draw noise", done, total),
    )
    size = _voxel_size(result)
    n_voxels = max(int(np.count_nonzero(found.labels)), 1)
    volumes = (
        replace(volume, error=float(error) * size, share_error=float(error) / n_voxels)
        for volume, error in zip(exploration.volumes, errors, strict=True)
    )
    return replace(exploration, volumes=tuple(volumes))


def _outcome(
    result: PhaseMap,
    labels: NDArray[np.uint8],
    particles: Particles,
    histogram: FloatArray,
    *,
    step: int,
) -> Exploration:
    counts = np.bincount(labels.ravel(), minlength=len(result.label_names) + 1)[1:]
    n_voxels = max(int(counts.sum()), 1)
    size = _voxel_size(result) * step ** _dimensions(result)
    nan = float("nan")
    volumes = tuple(
        PhaseVolume(
            name=name, volume=float(n) * size, error=nan, share=float(n) / n_voxels, share_error=nan, voxel=size
        )
        for name, n in zip(result.label_names, counts, strict=True)
    )
    return Exploration(
        labels=labels,
        step=step,
        volumes=volumes,
        unit="um^2" if _dimensions(result) == 2 else "um^3",
        n_particles=particles.count,
        n_fragments=particles.n_fragments,
        fragment_share=particles.fragment_voxels / n_voxels,
        histogram=histogram / np.maximum(histogram.sum(axis=1, keepdims=True), 1),
    )


def _dimensions(result: PhaseMap) -> int:
    """2 of images that add up what is along the beam, else 3."""
    return 2 if result.attenuation_unit == OPTICAL_DEPTH else 3


def _voxel_size(result: PhaseMap) -> float:
    """um^3, or um^2 in images."""
    return float(result.pixel_size_um ** _dimensions(result))


def known_blur_px(result: PhaseMap) -> float:
    """Blur in voxels as the last segmentation found it, or as is assumed without one."""
    blur_nm = result.attributes.get("segmentation", {}).get("blur_sigma_nm")
    return UNKNOWN_BLUR_PX if blur_nm is None else float(blur_nm) / 1000 / result.pixel_size_um
