"""From a phase map to phases, particles, cores and shells: the job of `xanesmap segment`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from xanesmap.errors import DataError
from xanesmap.phasemap.isotropic_core import Measurement
from xanesmap.phasemap.morphology_store import Morphology, store_morphology
from xanesmap.phasemap.particle_measures import Crop, ParticleMeasures, Settings, measure_particle
from xanesmap.phasemap.particles import cut_by_field
from xanesmap.phasemap.phase_labelling import LabelledResult, label_result
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.segment_config import SegmentConfig, make_segment_config
from xanesmap.phasemap.two_phase import Maps
from xanesmap.reconstruct.volume_units import OPTICAL_DEPTH

FloatArray = NDArray[np.floating[Any]]


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
    found = label_result(result, config, progress=progress)
    maps = _Volumes.of(result, core, amount=found.amount)
    settings = _settings(result, config, found.rule.blur_px)
    measures = _measure_all(maps, found, settings, config.threads, progress)
    progress("Write result", 0, 1)
    store_morphology(
        result,
        Morphology(
            config=config,
            rule=found.rule,
            blur_source=found.blur_source,
            core_phase=result.phases[core],
            labels=found.labels,
            particles=found.particles,
            cut=cut_by_field(found.particles.labels),
            boxes=found.boxes,
            measures=tuple(measures),
            fraction=maps.fraction,
            sigma=maps.sigma,
            amount=maps.amount,
            mask=found.mask,
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
    def of(cls, result: PhaseMap, core: int, *, amount: FloatArray) -> _Volumes:
        def read(name: str, *leading: int) -> FloatArray:
            return np.asarray(result.levels(name)[0][leading] if leading else result.levels(name)[0][...])

        fraction = read("fraction", core)
        return cls(
            fraction=fraction,
            sigma=np.asarray(result.noise_levels()[0][core]),
            first=fraction if core == 0 else read("fraction", 0),
            amount=amount,
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


def _settings(result: PhaseMap, config: SegmentConfig, blur: float) -> Settings:
    directions = np.array(list(config.axes.values()), dtype=float).reshape(-1, 3)
    return Settings(
        measurement=Measurement(smoothing_px=config.smoothing_px, blur_px=blur),
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
        null_draws=config.null_draws,
        error_draws=config.error_draws,
        mixed_label=len(result.phases) + 1,
    )


def _measure_all(
    maps: _Volumes, found: LabelledResult, settings: Settings, threads: int | None, progress: Progress
) -> list[ParticleMeasures]:
    """Measure the particles in threads, in their order."""
    crops = _crops(maps, found)
    workers = threads or os.cpu_count() or 1
    measures = []
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        for one in pool.map(lambda crop: measure_particle(crop, settings), crops):
            measures.append(one)
            progress("Measure particles", len(measures), len(found.boxes))
    return measures


def _crops(maps: _Volumes, found: LabelledResult) -> Iterator[Crop]:
    particles = found.particles
    for number, box in enumerate(found.boxes, start=1):
        yield Crop(
            number=number,
            origin=(box[0].start, box[1].start, box[2].start),
            solid=particles.labels[box] == number,
            pores=particles.pores[box] == number,
            labels=found.labels[box],
            maps=Maps(fraction=maps.fraction[box], sigma=maps.sigma[box], residual=maps.residual[box]),
            first_fraction=maps.first[box],
            amount=maps.amount[box],
            amount_sigma=maps.amount_sigma[box],
        )
