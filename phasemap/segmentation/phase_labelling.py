"""Sample, particles and phase labels of a result: what a segmentation measures, and an explorer of thresholds shows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xanesmap.phasemap.mapping.masking import narrowed_mask
from xanesmap.phasemap.morphology.crops import widened
from xanesmap.phasemap.morphology.resolution import UNKNOWN_BLUR_PX, blur_from_surface, blur_of_resolution
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.config import SegmentConfig
from xanesmap.phasemap.segmentation.denoising import reach
from xanesmap.phasemap.segmentation.edited_labels import require_edited, take_particles, take_phases
from xanesmap.phasemap.segmentation.label_volume import LabelRule, write_labels
from xanesmap.phasemap.segmentation.particles import ParticleList, Particles, number_particles
from xanesmap.phasemap.storage.box_reader import Box
from xanesmap.phasemap.storage.layers import EDITED_LAYERS
from xanesmap.phasemap.storage.row_blocks import BLOCK_VOXELS, Rows, block_rows, row_ranges
from xanesmap.phasemap.surfaces.distance import depth_below
from xanesmap.phasemap.surfaces.shrinkage import surface_of_shape

FloatArray = NDArray[np.floating[Any]]

_DEFAULT_THRESHOLD = 0.7  # Yu et al., Nat. Commun. 9, 921 (2018), doi:10.1038/s41467-018-03401-x
_BLUR_PARTICLES = 8  # the largest ones, from which blur is taken
_BLUR_VOXELS, _OUTER_PX = 10_000, 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelVolumes:
    """Volumes that a labelling fills, `(z, y, x)` each, in memory or on disk."""

    sample: Rows
    """Not zero inside the sample."""
    numbers: Rows
    """int32 particle numbers."""
    pores: Rows
    """int32 closed pores, with the number of the particle around them."""
    labels: Rows
    """uint8 phase labels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelling:
    """What is known of a result once its voxels are labelled."""

    particles: ParticleList
    rule: LabelRule
    blur_source: str
    """``given``, ``surfaces`` or ``unknown``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledResult:
    """Sample, particles and phases of a result in memory; volumes are `(z, y, x)`."""

    mask: NDArray[np.bool_]
    particles: Particles
    rule: LabelRule
    labels: NDArray[np.uint8]


def label_result(result: PhaseMap, config: SegmentConfig, *, progress: Progress = no_progress) -> LabelledResult:
    """Find the particles of a result and the phase of every voxel, in memory.

    Parameters
    ----------
    result
        A finished result.
    config
        How.
    progress
        Called with stage, steps done and steps of the stage.
    """
    mask, labels = np.zeros(result.shape, np.uint8), np.zeros(result.shape, np.uint8)
    numbers, pores = np.zeros(result.shape, np.int32), np.zeros(result.shape, np.int32)
    write_sample(result, config, mask, rows=block_rows(result.shape))
    volumes = LabelVolumes(sample=mask, numbers=numbers, pores=pores, labels=labels)
    found = label_volumes(result, config, volumes, rows=block_rows(result.shape), progress=progress)
    particles = Particles(labels=numbers, pores=pores, found=found.particles)
    return LabelledResult(mask=mask > 0, particles=particles, rule=found.rule, labels=labels)


def label_volumes(
    result: PhaseMap, config: SegmentConfig, volumes: LabelVolumes, *, rows: int, progress: Progress = no_progress
) -> Labelling:
    """Find the particles of a result and the phase of every voxel, a few rows at a time.

    Parameters
    ----------
    result
        A finished result.
    config
        How.
    volumes
        The sample, and volumes to fill.
    rows
        Rows of a block; the labels do not depend on it.
    progress
        Called with stage, steps done and steps of the stage.
    """
    particles = number_particles(
        volumes.sample,
        volumes.numbers,
        volumes.pores,
        neck=config.neck,
        least_voxels=config.least_voxels,
        rows=rows,
        block_done=lambda done, total: progress("Find particles", done, total),
    )
    edited = _edited(result, config)
    if "particle_labels" in edited:
        particles = take_particles(
            edited["particle_labels"],
            volumes.sample,
            volumes.numbers,
            volumes.pores,
            least_voxels=config.least_voxels,
            rows=rows,
        )
    blur, source = _blur(result, config, volumes, particles)
    rule = label_rule(result, config, blur_px=blur)
    write_labels(
        result.levels("fraction")[0],
        result.noise_levels()[0],
        volumes.sample,
        volumes.labels,
        rule=rule,
        rows=rows,
        threads=_label_threads(config, result.shape, rows),
        slab_done=lambda done, total: progress("Label phases", done, total),
    )
    if "phase_labels" in edited:
        take_phases(edited["phase_labels"], volumes.sample, volumes.labels, rows=rows)
    return Labelling(particles=particles, rule=rule, blur_source=source)


def _edited(result: PhaseMap, config: SegmentConfig) -> dict[str, Rows]:
    """Edited labels that are to be taken, by the name of those found."""
    if config.labels == "found":
        return {}
    require_edited(result)
    return {found: result.levels(edited)[0] for found, edited in EDITED_LAYERS.items() if result.has(edited)}


def _label_threads(config: SegmentConfig, shape: tuple[int, ...], rows: int) -> int:
    """Blocks that are labelled at the same time: fewer where a block of whole slices is large."""
    together = 2 * BLOCK_VOXELS // max(rows * shape[1] * shape[2], 1)
    return max(1, min(config.threads or os.cpu_count() or 1, together))


def write_sample(result: PhaseMap, config: SegmentConfig, sample: Rows, *, rows: int) -> None:
    """Write the mask of a result, narrowed where the configuration has a threshold for it, a few rows at a time."""
    mask, amount, sigma = (result.levels(name)[0] for name in ("mask", "amount", "amount_sigma"))
    n_rows, threshold = result.shape[0], config.mask_threshold_per_um
    halo = reach(config.smoothing_px) + 2  # denoising, and the opening after it
    for start, stop in row_ranges(n_rows, rows):
        if threshold is None:
            sample[start:stop] = (np.asarray(mask[start:stop]) > 0).astype(np.uint8)
            continue
        first, last = max(0, start - halo), min(n_rows, stop + halo)
        maps = (np.asarray(one[first:last]) for one in (mask, amount, sigma))
        inside, values, errors = maps
        narrow = narrowed_mask(inside > 0, values, errors, threshold=threshold, smoothing_px=config.smoothing_px)
        sample[start:stop] = narrow[start - first :][: stop - start].astype(np.uint8)


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


def _blur(result: PhaseMap, config: SegmentConfig, volumes: LabelVolumes, particles: ParticleList) -> tuple[float, str]:
    """Blur in voxels, and where it is from."""
    if config.resolution_nm is not None:
        return blur_of_resolution(config.resolution_nm, pixel_size_um=result.pixel_size_um), "given"
    if result.shape[0] == 1:
        return UNKNOWN_BLUR_PX, "unknown"
    boxes = widened(particles.boxes[:_BLUR_PARTICLES], result.shape)
    found = [_particle_blur(result, volumes, number, box) for number, box in enumerate(boxes, start=1)]
    known = [blur for blur in found if blur is not None]
    return (float(np.median(known)), "surfaces") if known else (UNKNOWN_BLUR_PX, "unknown")


def _particle_blur(result: PhaseMap, volumes: LabelVolumes, number: int, box: Box) -> float | None:
    """Blur from the surface of one particle, from some of its outer voxels."""
    solid, pores = (np.asarray(volume[box]) == number for volume in (volumes.numbers, volumes.pores))
    amount = np.asarray(result.levels("amount")[0][box])
    surface = surface_of_shape(solid | pores)
    if surface.is_empty:
        return None
    outer = np.argwhere(solid & ~ndimage.binary_erosion(solid | pores, iterations=_OUTER_PX))
    chosen = outer[:: max(1, len(outer) // _BLUR_VOXELS)]
    depth = depth_below(chosen.astype(np.float64), surface)
    return blur_from_surface(depth, amount[tuple(chosen.T)].astype(np.float64))
