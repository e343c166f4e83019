"""Sample, particles and phase labels of a result: what a segmentation measures, and an explorer of thresholds shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xanesmap.phasemap.label_volume import LabelRule, label_volume
from xanesmap.phasemap.masking import narrowed_mask
from xanesmap.phasemap.particle_measures import MARGIN_PX
from xanesmap.phasemap.particles import Particles, find_particles
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.resolution import UNKNOWN_BLUR_PX, blur_from_surface, blur_of_resolution
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segment_config import SegmentConfig
from xanesmap.phasemap.shrinkage import surface_of_shape
from xanesmap.phasemap.surface_distance import depth_below

FloatArray = NDArray[np.floating[Any]]
Box = tuple[slice, slice, slice]

_DEFAULT_THRESHOLD = 0.7  # Yu et al., Nat. Commun. 9, 921 (2018), doi:10.1038/s41467-018-03401-x
_BLUR_PARTICLES = 8  # the largest ones, from which blur is taken
_BLUR_VOXELS, _OUTER_PX = 20_000, 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledResult:
    """Sample, particles and phases of a result; volumes are `(z, y, x)`."""

    mask: NDArray[np.bool_]
    amount: FloatArray
    """Edge step, 1/um."""
    particles: Particles
    boxes: Sequence[Box]
    """Of the particles, with some voxels around each."""
    rule: LabelRule
    blur_source: str
    """``given``, ``surfaces`` or ``unknown``."""
    labels: NDArray[np.uint8]


def label_result(result: PhaseMap, config: SegmentConfig, *, progress: Progress = no_progress) -> LabelledResult:
    """Find the particles of a result and the phase of every voxel.

    Parameters
    ----------
    result
        A finished result.
    config
        How.
    progress
        Called with stage, steps done and steps of the stage.
    """
    mask = sample_of(result, config)
    progress("Find particles", 0, 1)
    particles = find_particles(mask, neck=config.neck, least_voxels=config.least_voxels)
    progress("Find particles", 1, 1)
    boxes = particle_boxes(particles)
    amount: FloatArray = np.asarray(result.levels("amount")[0][...])
    blur, source = _blur(result, config, amount, particles, boxes)
    rule = label_rule(result, config, blur_px=blur)
    labels = label_volume(
        result.levels("fraction")[0],
        result.noise_levels()[0],
        mask,
        rule=rule,
        slab_done=lambda done, total: progress("Label phases", done, total),
    )
    return LabelledResult(
        mask=mask,
        amount=amount,
        particles=particles,
        boxes=boxes,
        rule=rule,
        blur_source=source,
        labels=labels,
    )


def sample_of(result: PhaseMap, config: SegmentConfig) -> NDArray[np.bool_]:
    """`(z, y, x)` mask of a result, narrowed where the configuration has a threshold for it."""
    mask = np.asarray(result.levels("mask")[0]) > 0
    if config.mask_threshold_per_um is None:
        return mask
    amount, sigma = (np.asarray(result.levels(name)[0][...]) for name in ("amount", "amount_sigma"))
    threshold, smoothing = config.mask_threshold_per_um, config.smoothing_px
    return narrowed_mask(mask, amount, sigma, threshold=threshold, smoothing_px=smoothing)


def label_rule(result: PhaseMap, config: SegmentConfig, *, blur_px: float) -> LabelRule:
    """Rule by which the voxels of a result get their phase, for a blur in voxels."""
    return LabelRule(
        method=config.method,
        pure_threshold=config.pure_threshold or label_threshold(result),
        smoothing_px=config.smoothing_px,
        blur_px=blur_px,
        coupling=config.coupling,
    )


def label_threshold(result: PhaseMap) -> float:
    """Fraction from which the voxels of a result were labelled as one phase."""
    stored = result.attributes.get("label_threshold")
    run = result.attributes.get("configuration", {}).get("phasemap", {}).get("pure_threshold")
    return float(stored or run or _DEFAULT_THRESHOLD)


def particle_boxes(particles: Particles) -> list[Box]:
    """Box of every particle with its pores and `MARGIN_PX` voxels around it, as far as the volume goes."""
    boxes = ndimage.find_objects(np.maximum(particles.labels, particles.pores))
    shape = particles.labels.shape
    return [_widened(box, shape) for box in boxes]


def _widened(box: Box, shape: tuple[int, ...]) -> Box:
    z, y, x = (slice(max(0, s.start - MARGIN_PX), min(n, s.stop + MARGIN_PX)) for s, n in zip(box, shape, strict=True))
    return z, y, x


def _blur(
    result: PhaseMap, config: SegmentConfig, amount: FloatArray, particles: Particles, boxes: Sequence[Box]
) -> tuple[float, str]:
    """Blur in voxels, and where it is from."""
    if config.resolution_nm is not None:
        return blur_of_resolution(config.resolution_nm, pixel_size_um=result.pixel_size_um), "given"
    found = [
        _particle_blur(particles.labels[box] == number, particles.pores[box] == number, amount[box])
        for number, box in list(enumerate(boxes, start=1))[:_BLUR_PARTICLES]
    ]
    known = [blur for blur in found if blur is not None]
    return (float(np.median(known)), "surfaces") if known else (UNKNOWN_BLUR_PX, "unknown")


def _particle_blur(solid: NDArray[np.bool_], pores: NDArray[np.bool_], amount: FloatArray) -> float | None:
    """Blur from the surface of one particle, from some of its outer voxels."""
    surface = surface_of_shape(solid | pores)
    if surface.is_empty:
        return None
    outer = np.argwhere(solid & ~ndimage.binary_erosion(solid | pores, iterations=_OUTER_PX))
    chosen = outer[:: max(1, len(outer) // _BLUR_VOXELS)]
    depth = depth_below(chosen.astype(np.float64), surface)
    return blur_from_surface(depth, amount[tuple(chosen.T)].astype(np.float64))
