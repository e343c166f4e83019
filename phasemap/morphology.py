"""From a phase map to phases, particles, cores and shells: the job of `xanesmap segment`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from threadpoolctl import threadpool_limits

from xanesmap.errors import DataError
from xanesmap.phasemap.isotropic_core import Measurement
from xanesmap.phasemap.label_volume import LabelRule, label_volume
from xanesmap.phasemap.morphology_store import Morphology, store_morphology
from xanesmap.phasemap.particle_measures import MARGIN_PX, Crop, ParticleMeasures, Settings, measure_particle
from xanesmap.phasemap.particles import Particles, cut_by_field, find_particles
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.resolution import UNKNOWN_BLUR_PX, blur_from_surface, blur_of_resolution
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.segment_config import SegmentConfig, make_segment_config
from xanesmap.phasemap.shrinkage import surface_of_shape
from xanesmap.phasemap.surface_distance import depth_below
from xanesmap.phasemap.two_phase import Maps
from xanesmap.reconstruct.volume_units import OPTICAL_DEPTH

FloatArray = NDArray[np.floating[Any]]
Box = tuple[slice, slice, slice]

_DEFAULT_THRESHOLD = 0.7  # Yu et al., Nat. Commun. 9, 921 (2018), doi:10.1038/s41467-018-03401-x
_BLUR_PARTICLES = 8  # the largest ones, from which blur is taken
_BLUR_VOXELS, _OUTER_PX = 20_000, 6


def segment_phases(result: PhaseMap | str | Path, *, progress: Progress = no_progress, **settings: Any) -> PhaseMap:
    """Find phases, particles, cores and shells in a result, and store them in it.

    Parameters
    ----------
    result
        A finished result, or its path.
    progress
        Called with stage, steps done and steps of the stage.
    settings
        Keys of `SegmentConfig`: `method="random-field"`, `resolution_nm=60`, `core_phase="FePO4"`...

    Returns
    -------
    The result with phase and particle labels, opened again. Tables, surfaces and pores are in its folder
    (docs/store.md); definitions and error bars: docs/morphology.md.

    Raises
    ------
    DataError
        A setting or a result that cannot be used; the result is as it was.
    """
    path = result.path if isinstance(result, PhaseMap) else Path(result)
    return segment(open_result(path), make_segment_config(settings), progress=progress)


def segment(result: PhaseMap, config: SegmentConfig, *, progress: Progress = no_progress) -> PhaseMap:
    """Do the job that a configuration describes; see `segment_phases`."""
    _require_volume(result)
    core = _core_index(result, config)
    mask = np.asarray(result.levels("mask")[0]) > 0
    progress("Find particles", 0, 1)
    particles = find_particles(mask, neck=config.neck, least_voxels=config.least_voxels)
    progress("Find particles", 1, 1)
    boxes = particle_boxes(particles)
    maps = _Volumes.of(result, core)
    blur, source = _blur(result, config, maps, particles, boxes)
    rule = _rule(result, config, blur)
    labels = label_volume(
        result.levels("fraction")[0],
        result.noise_levels()[0],
        mask,
        rule=rule,
        slab_done=lambda done, total: progress("Label phases", done, total),
    )
    settings = _settings(result, config, blur)
    measures = _measure_all(maps, particles, boxes, labels, settings, config.threads, progress)
    progress("Write result", 0, 1)
    store_morphology(
        result,
        Morphology(
            config=config,
            rule=rule,
            blur_source=source,
            core_phase=result.phases[core],
            labels=labels,
            particles=particles,
            cut=cut_by_field(particles.labels),
            boxes=boxes,
            measures=tuple(measures),
            fraction=maps.fraction,
            sigma=maps.sigma,
            amount=maps.amount,
            mask=mask,
        ),
    )
    progress("Write result", 1, 1)
    return open_result(result.path)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Volumes:
    """Maps of the whole volume, `(z, y, x)`."""

    fraction: FloatArray
    """Of the core's phase."""
    sigma: FloatArray
    first: FloatArray
    """Fraction of the first phase."""
    amount: FloatArray
    amount_sigma: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, result: PhaseMap, core: int) -> _Volumes:
        def read(name: str, *leading: int) -> FloatArray:
            return np.asarray(result.levels(name)[0][leading] if leading else result.levels(name)[0][...])

        fraction = read("fraction", core)
        return cls(
            fraction=fraction,
            sigma=np.asarray(result.noise_levels()[0][core]),
            first=fraction if core == 0 else read("fraction", 0),
            amount=read("amount"),
            amount_sigma=read("amount_sigma"),
            residual=read("residual"),
        )


def _require_volume(result: PhaseMap) -> None:
    if result.attenuation_unit == OPTICAL_DEPTH:
        message = (
            f"result '{result.path}' was made of 2-D images, in which particles overlap along the beam: they have no "
            "volume, surface or shell to measure. Segment a result of tomography scans or volumes."
        )
        raise DataError(message)


def _core_index(result: PhaseMap, config: SegmentConfig) -> int:
    name = config.core_phase
    if name is None:
        return 0
    if name not in result.phases:
        message = f"core phase {name!r} was asked for, result '{result.path}' holds {', '.join(result.phases)}."
        raise DataError(message)
    return result.phases.index(name)


def _rule(result: PhaseMap, config: SegmentConfig, blur: float) -> LabelRule:
    return LabelRule(
        method=config.method,
        pure_threshold=config.pure_threshold or _run_threshold(result),
        smoothing_px=config.smoothing_px,
        blur_px=blur,
        coupling=config.coupling,
    )


def _run_threshold(result: PhaseMap) -> float:
    """Threshold with which the run labelled its phases."""
    stored = result.attributes.get("label_threshold")
    run = result.attributes.get("configuration", {}).get("phasemap", {}).get("pure_threshold")
    return float(stored or run or _DEFAULT_THRESHOLD)


def _settings(result: PhaseMap, config: SegmentConfig, blur: float) -> Settings:
    directions = np.array(list(config.axes.values()), dtype=float).reshape(-1, 3)
    return Settings(
        measurement=Measurement(smoothing_px=config.smoothing_px, blur_px=blur),
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
        null_draws=config.null_draws,
        error_draws=config.error_draws,
        mixed_label=len(result.phases) + 1,
    )


def particle_boxes(particles: Particles) -> list[Box]:
    """Box of every particle with its pores and `MARGIN_PX` voxels around it, as far as the volume goes."""
    boxes = ndimage.find_objects(np.maximum(particles.labels, particles.pores))
    shape = particles.labels.shape
    return [_widened(box, shape) for box in boxes]


def _widened(box: Box, shape: tuple[int, ...]) -> Box:
    z, y, x = (slice(max(0, s.start - MARGIN_PX), min(n, s.stop + MARGIN_PX)) for s, n in zip(box, shape, strict=True))
    return z, y, x


def _blur(
    result: PhaseMap, config: SegmentConfig, maps: _Volumes, particles: Particles, boxes: Sequence[Box]
) -> tuple[float, str]:
    """Blur in voxels, and where it is from."""
    if config.resolution_nm is not None:
        return blur_of_resolution(config.resolution_nm, pixel_size_um=result.pixel_size_um), "given"
    found = [
        _particle_blur(particles.labels[box] == number, particles.pores[box] == number, maps.amount[box])
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


def _measure_all(
    maps: _Volumes,
    particles: Particles,
    boxes: Sequence[Box],
    labels: NDArray[np.uint8],
    settings: Settings,
    threads: int | None,
    progress: Progress,
) -> list[ParticleMeasures]:
    """Measure the particles in threads, in their order."""
    crops = _crops(maps, particles, boxes, labels)
    workers = threads or os.cpu_count() or 1
    measures = []
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        for one in pool.map(lambda crop: measure_particle(crop, settings), crops):
            measures.append(one)
            progress("Measure particles", len(measures), len(boxes))
    return measures


def _crops(maps: _Volumes, particles: Particles, boxes: Sequence[Box], labels: NDArray[np.uint8]) -> Iterator[Crop]:
    for number, box in enumerate(boxes, start=1):
        yield Crop(
            number=number,
            origin=(box[0].start, box[1].start, box[2].start),
            solid=particles.labels[box] == number,
            pores=particles.pores[box] == number,
            labels=labels[box],
            maps=Maps(fraction=maps.fraction[box], sigma=maps.sigma[box], residual=maps.residual[box]),
            first_fraction=maps.first[box],
            amount=maps.amount[box],
            amount_sigma=maps.amount_sigma[box],
        )
