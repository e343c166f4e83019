"""The main job: from a scan to a phase map on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xanesmap.phasemap.alignment.reporting import report_alignment, write_report
from xanesmap.phasemap.alignment.store import write_alignment_group
from xanesmap.phasemap.config import RunConfig, make_config
from xanesmap.phasemap.mapping.finishing import finish_maps
from xanesmap.phasemap.mapping.memory import ALIGNED_HALO_ROWS, SlabSize, slab_size
from xanesmap.phasemap.mapping.preparation import (
    check_centre,
    combination_model,
    engine_of,
    facts_before,
    facts_of_job,
    load_references,
    pixel_size_um,
    prepare_job,
    warnings_after,
    warnings_before,
)
from xanesmap.phasemap.mapping.slab import NOISE_ROWS, SlabJob, SlabMaps, map_slab
from xanesmap.phasemap.mapping.slab_threads import StepDone, run_slabs
from xanesmap.phasemap.mapping.volume_input import takes_volumes
from xanesmap.phasemap.mapping.volume_mapping import map_volumes
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.scan_input import open_scan_input
from xanesmap.phasemap.storage.destination import check_destination
from xanesmap.phasemap.storage.noise_maps import NoiseMaps, RowGroups, create_noise_maps
from xanesmap.phasemap.storage.result_store import ResultWriter


def map_phases(
    scan: str | Path | Sequence[str | Path],
    *,
    references: Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    progress: Progress = no_progress,
    **settings: Any,
) -> PhaseMap:
    """Reconstruct a scan and fit the phase fractions of every voxel.

    Parameters
    ----------
    scan
        Folder, glob pattern or list of files of a scan; or of volumes that are reconstructed already, which are told
        by their content and fitted as they are.
    references
        Phase name to reference file, or to "bundled" for LiFePO4 and FePO4. Both bundled ones when not given.
    out
        Result folder ending in `.zarr`; `<scan>_phases.zarr` beside the scan when not given.
    progress
        Called with stage, steps done and steps of the stage.
    settings
        Any other key of `RunConfig`: `memory="4GB"`, `keep_mu=False`, `reconstruct={"engine": "fourier"}`...

    Returns
    -------
    The result, opened lazily; its arrays carry units.

    Raises
    ------
    DataError
        Input that cannot be used; an earlier result at `out` is left as it was.
    FitError
        References that cannot be told apart at the energies of the scan.
    """
    sources = [str(scan)] if isinstance(scan, str | Path) else [str(item) for item in scan]
    values = {"scan": sources, **settings}
    if out is not None:
        values["out"] = str(out)
    if references is not None:
        named = {name: str(source) for name, source in references.items()}
        values["spectra"] = {**values.get("spectra", {}), "references": named}
    return run(make_config(values), progress=progress)


def run(config: RunConfig, *, progress: Progress = no_progress) -> PhaseMap:
    """Do the job that a configuration describes; see `map_phases`."""
    # Everything that can be refused is refused here, before the first frame is read.
    check_destination(config.out_path, overwrite=config.overwrite)
    if takes_volumes(config):
        return map_volumes(config, progress=progress)
    scan = open_scan_input(config)
    references = load_references(config)
    combination_model(scan, references, config)
    check_centre(scan, config)
    threads = config.threads or os.cpu_count() or 1
    size = slab_size(
        scan,
        n_phases=len(references),
        memory_bytes=config.memory_budget,
        threads=threads,
        halo_rows=0 if config.align.method == "none" else ALIGNED_HALO_ROWS,
    )
    engine = engine_of(config, threads=max(1, threads // size.workers))
    writer = ResultWriter(
        config.out_path,
        shape=(scan.n_rows, scan.n_columns, scan.n_columns),
        phases=[reference.name for reference in references],
        energies_ev=scan.energies_ev,
        pixel_size_um=pixel_size_um(scan, config),
        slab_rows=size.rows,
        keep_mu=config.keep_mu,
        attributes=facts_before(scan, references, engine, config),
        overwrite=config.overwrite,
    )
    job = prepare_job(scan, references, engine, config, progress=progress)
    with writer:
        _write_alignment(writer, job, config, progress=progress)
        repaired = _map_slabs(writer, job, size, progress=progress)
        threshold = finish_maps(writer, config.phasemap, loss=job.resolution_loss, progress=progress)
        warnings = [
            *warnings_before(scan, config),
            *warnings_after(job, config, threshold=threshold, n_bad=repaired["bad_values"]),
        ]
        found = {"warnings": warnings, "mask_threshold_per_um": threshold, "repaired": repaired}
        progress("Write result", 0, 1)
        writer.finish({**facts_of_job(job, references), **found})
        progress("Write result", 1, 1)
    return open_result(config.out_path)


def _write_alignment(writer: ResultWriter, job: SlabJob, config: RunConfig, *, progress: Progress) -> None:
    if job.alignment is None:
        return
    write_alignment_group(writer.folder, job.alignment, job.scan)
    report = report_alignment(job.scan, job.alignment, config, pixel_size_um=writer.pixel_size_um, progress=progress)
    write_report(writer.folder, report)


def _map_slabs(writer: ResultWriter, job: SlabJob, size: SlabSize, *, progress: Progress) -> dict[str, int]:
    """Map all slabs in threads and write each as it comes; counts of repaired values."""
    noise_maps = _create_noise_maps(writer, job) if writer.keep_mu else None

    def map_and_write(start: int, step_done: StepDone) -> tuple[int, int]:
        stop = min(start + size.rows, job.scan.n_rows)
        maps = map_slab(job, start=start, stop=stop, step_done=step_done)
        _write_maps(writer, maps, start=start, stop=stop)
        if noise_maps is not None:
            noise_maps.write(start, maps.noise)
        return maps.n_bad, maps.n_zingers

    starts, steps = range(0, job.scan.n_rows, size.rows), len(job.scan.tomograms) + 1
    counts = run_slabs(starts, map_and_write, workers=size.workers, steps=steps, progress=progress)
    return {"bad_values": sum(bad for bad, _ in counts), "zingers": sum(zingers for _, zingers in counts)}


def _create_noise_maps(writer: ResultWriter, job: SlabJob) -> NoiseMaps:
    groups = RowGroups(n_rows=job.scan.n_rows, slab_rows=writer.slab_rows, group_rows=NOISE_ROWS)
    plan, n_energies = job.noise_plans[0], len(job.scan.tomograms)
    sizes = {"n_points": len(plan.coordinates), "n_radii": len(plan.ring)}
    return create_noise_maps(writer.folder, groups, n_energies=n_energies, **sizes)


def _write_maps(writer: ResultWriter, maps: SlabMaps, *, start: int, stop: int) -> None:
    kept = {"mu": maps.mu} if writer.keep_mu else {}
    writer.write_slab(
        start,
        stop,
        fraction=maps.fraction,
        fraction_sigma_counting=maps.fraction_sigma,
        amount=maps.amount,
        amount_sigma=maps.amount_sigma,
        residual=maps.residual,
        chi_square=maps.chi_square,
        assessment=maps.assessment,
        **kept,
    )
