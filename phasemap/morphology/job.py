"""From a phase map to phases, particles, cores and shells: the job of `xanesmap segment`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology.contact_measures import measure_contacts
from xanesmap.phasemap.morphology.crops import crop_batches, map_rows, widened
from xanesmap.phasemap.morphology.flat_morphology import segment_flat
from xanesmap.phasemap.morphology.isotropic_core import Measurement
from xanesmap.phasemap.morphology.particle_measures import Crop, Settings, measure_particle
from xanesmap.phasemap.morphology.particle_record import ParticleRecord, SurfacesAside, record_of
from xanesmap.phasemap.morphology.store import Segmentation, write_segmentation
from xanesmap.phasemap.morphology.table_scale import Scale
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.segmentation.config import SegmentConfig, make_segment_config
from xanesmap.phasemap.segmentation.phase_labelling import LabelVolumes, label_volumes, write_sample
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import layer_named
from xanesmap.phasemap.storage.row_blocks import Rows, block_rows
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH

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
    core = _core_index(result, config)
    if result.attenuation_unit == OPTICAL_DEPTH:
        return segment_flat(result, config, core=core, progress=progress)
    with Amendment(result.path) as amendment:
        rows = block_rows(result.shape, multiple=amendment.slab_rows)
        volumes = _label_volumes(amendment, result, config, rows=rows)
        labelling = label_volumes(result, config, volumes, rows=rows, progress=progress)
        found = Segmentation(
            config=config,
            labelling=labelling,
            scale=_scale(result, config, labelling.rule.blur_px, core),
            core=core,
            labels=volumes.labels,
        )
        aside = SurfacesAside(amendment.scratch / "surfaces")
        records = _measure_all(result, found, volumes, aside, progress)
        progress("Write result", 0, 1)
        write_segmentation(amendment, result, found, records, aside)
    progress("Write result", 1, 1)
    return open_result(result.path)


def _label_volumes(amendment: Amendment, result: PhaseMap, config: SegmentConfig, *, rows: int) -> LabelVolumes:
    """Label images to be filled; a sample narrower than that of the result is kept until the end only."""
    sample: Rows = result.levels("mask")[0]
    if config.mask_threshold_per_um is not None:
        sample = zarr.create_array(
            amendment.scratch / "sample",
            shape=result.shape,
            dtype="uint8",
            chunks=(amendment.slab_rows, *result.shape[1:]),
        )
        write_sample(result, config, sample, rows=rows)
    numbers, pores, labels = (
        amendment.create_image(layer_named(name)) for name in ("particle_labels", "pore_labels", "phase_labels")
    )
    return LabelVolumes(sample=sample, numbers=numbers, pores=pores, labels=labels)


def _core_index(result: PhaseMap, config: SegmentConfig) -> int:
    name = config.core_phase
    if name is None:
        return 0
    if name not in result.phases:
        message = f"core phase {name!r} was asked for, result '{result.path}' holds {', '.join(result.phases)}."
        raise DataError(message)
    return result.phases.index(name)


def _scale(result: PhaseMap, config: SegmentConfig, blur: float, core: int) -> Scale:
    return Scale(
        pixel_um=result.pixel_size_um,
        blur_px=blur,
        core_phase=result.phases[core],
        first_phase=result.phases[0],
        axes=tuple(config.axes),
    )


def _settings(result: PhaseMap, found: Segmentation) -> Settings:
    config = found.config
    directions = np.array(list(config.axes.values()), dtype=float).reshape(-1, 3)
    return Settings(
        measurement=Measurement(smoothing_px=config.smoothing_px, blur_px=found.labelling.rule.blur_px),
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
        null_draws=config.null_draws,
        error_draws=config.error_draws,
        mixed_label=len(result.phases) + 1,
        pure_threshold=found.labelling.rule.pure_threshold,
    )


def _measure_all(
    result: PhaseMap, found: Segmentation, volumes: LabelVolumes, aside: SurfacesAside, progress: Progress
) -> Sequence[ParticleRecord]:
    """Measure the particles in threads, window by window; their surfaces are put aside."""
    settings, cut = _settings(result, found), found.labelling.particles.cut

    def measured(crop: Crop) -> ParticleRecord:
        return record_of(measure_particle(crop, settings), is_cut=bool(cut[crop.number - 1]), scale=found.scale)

    arrays = map_rows(result, found.core, numbers=volumes.numbers, pores=volumes.pores, labels=volumes.labels)
    boxes = widened(found.labelling.particles.boxes, result.shape)
    records: dict[int, ParticleRecord] = {}
    with threadpool_limits(1), ThreadPoolExecutor(found.config.threads or os.cpu_count() or 1) as pool:
        for crops in crop_batches(arrays, boxes):
            for one in pool.map(measured, crops):
                aside.put(one)
                records[one.number] = one.without_surfaces()
                progress("Measure particles", len(records), len(boxes))
        necks = measure_contacts(
            {number: records[number].contacts for number in sorted(records)},
            found.labelling.particles.boxes,
            arrays,
            blur_px=found.scale.blur_px,
            pool=pool,
            progress=progress,
        )
    return [records[number].with_contacts(necks[number], scale=found.scale) for number in sorted(records)]
