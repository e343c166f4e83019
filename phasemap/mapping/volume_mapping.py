"""The main job from volumes that are reconstructed already to a phase map on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.mapping.energy_scale import find_energy_scale, scale_facts
from xanesmap.phasemap.mapping.finishing import finish_maps
from xanesmap.phasemap.mapping.fit_model import fit_facts, fit_model
from xanesmap.phasemap.mapping.plausible_amount import doubt_about_amount
from xanesmap.phasemap.mapping.preparation import load_references, warnings_of_references
from xanesmap.phasemap.mapping.residual_noise import (
    covariances_of_residuals,
    degrees_of_freedom,
    energy_variances,
    second_moments,
    window_px,
)
from xanesmap.phasemap.mapping.resolution_error import ResolutionLoss
from xanesmap.phasemap.mapping.slab_threads import StepDone, run_slabs
from xanesmap.phasemap.mapping.volume_input import VolumeInput, open_volume_input
from xanesmap.phasemap.mapping.volume_memory import volume_slab_size
from xanesmap.phasemap.mapping.voxel_fit import covariances_of_noise, fit_slab
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.storage.destination import check_destination
from xanesmap.phasemap.storage.layers import PER_LENGTH
from xanesmap.phasemap.storage.noise_maps import NOISE_GROUP
from xanesmap.phasemap.storage.provenance import provenance
from xanesmap.phasemap.storage.result_store import ResultWriter
from xanesmap.reconstruct.alignment.total_contrast import total_contrast
from xanesmap.spectra.combination import CombinationModel, Constraint
from xanesmap.spectra.reference import Reference

ErrorSource = Literal["counting statistics", "residuals"]

# Slices from which the noise of the energies is found, spread over the volume.
_LOOK_SLICES = 5
_STAGE = "Read and fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeJob:
    """All that the slabs of one job have in common.

    Parameters
    ----------
    given
        The volumes.
    model
        References, background and weights of the fit.
    constraint
        Constraint of the fit.
    errors
        What the error bars are taken from.
    """

    given: VolumeInput
    model: CombinationModel
    constraint: Constraint
    errors: ErrorSource


def map_volumes(
    config: RunConfig, *, references: Sequence[Reference] | None = None, progress: Progress = no_progress
) -> PhaseMap:
    """Fit the phase fractions of every voxel of volumes that are reconstructed already.

    Parameters
    ----------
    config
        The job; `config.scan` names volumes or a result. Settings of reconstruction have no effect.
    references
        Reference spectra in place of loading those that the configuration names.
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    The result, of the same kind as that of a scan.

    Raises
    ------
    DataError
        Input that cannot be used, or a result that would replace its own input.
    FitError
        References that cannot be told apart, or too few energies to leave a residual.
    """
    given = open_volume_input(config)
    _require_other_place(config.out_path, given)
    check_destination(config.out_path, overwrite=config.overwrite)
    loaded = load_references(config) if references is None else list(references)
    total = _total(given, config)
    scale = find_energy_scale(given.series.energies_ev, loaded, config.spectra, total=total)
    model_of = partial(fit_model, scale, loaded, config.spectra, total=total)
    equally_weighted = model_of()
    if given.noise is None:
        degrees_of_freedom(equally_weighted)
    threads = config.threads or os.cpu_count() or 1
    size = volume_slab_size(
        given.series.shape, n_phases=len(loaded), memory_bytes=config.memory_budget, threads=threads
    )
    writer = _writer(given, loaded, config, slab_rows=size.rows)
    weights = given.weights if given.weights is not None else _look(given, equally_weighted, progress=progress)
    job = VolumeJob(
        given=given,
        model=model_of(noise=1 / np.sqrt(weights)),
        constraint=config.spectra.constraint,
        errors="residuals" if given.noise is None else "counting statistics",
    )
    with writer:
        missing = _map_slabs(writer, job, workers=size.workers, progress=progress)
        if config.keep_mu and given.noise is not None:
            shutil.copytree(Path(given.origin["path"]) / NOISE_GROUP, writer.folder / NOISE_GROUP)
        threshold = finish_maps(writer, config.phasemap, loss=_loss(given), progress=progress)
        progress("Write result", 0, 1)
        threshold_name = "mask_threshold_per_um" if given.attenuation_unit == PER_LENGTH else "mask_threshold"
        found = _notes(job, missing=missing, threshold=threshold)
        warnings = [*given.notes, *warnings_of_references(config), *scale.notes, *found]
        writer.finish(
            {
                **_facts_of_job(job, loaded),
                **scale_facts(scale),
                threshold_name: threshold,
                "warnings": warnings,
            }
        )
        progress("Write result", 1, 1)
    return open_result(config.out_path)


def _writer(given: VolumeInput, references: Sequence[Reference], config: RunConfig, *, slab_rows: int) -> ResultWriter:
    """The result that is going to be written."""
    return ResultWriter(
        config.out_path,
        shape=given.series.shape[1:],
        phases=[reference.name for reference in references],
        energies_ev=given.series.energies_ev,
        pixel_size_um=given.pixel_size_um,
        slab_rows=slab_rows,
        keep_mu=config.keep_mu,
        attributes=_facts_before(given, references, config),
        attenuation_unit=given.attenuation_unit,
        overwrite=config.overwrite,
    )


def _loss(given: VolumeInput) -> ResolutionLoss | None:
    """What was lost at fronts when a result with its noise was reconstructed; nobody knows of other volumes."""
    told = given.origin.get("resolution_loss")
    return None if given.noise is None or told is None else ResolutionLoss(**told)


def _require_other_place(out: Path, given: VolumeInput) -> None:
    """Refuse to write over, into or around the input, whatever may be overwritten."""
    place = out.resolve()
    for volume in given.series.volumes:
        source = volume.source.resolve()
        if place == source or place in source.parents or source in place.parents:
            message = (
                f"result '{out}' would replace its own input '{volume.source}'. Give another path with --out; the "
                "input is never changed."
            )
            raise DataError(message)


def _total(given: VolumeInput, config: RunConfig) -> NDArray[np.float64] | None:
    """`(energy,)` relative attenuation of some slices; None where nothing asks for it."""
    settings = config.spectra
    fitted = isinstance(settings.energy_offset_ev, str) and settings.foil is None
    if not (fitted or settings.normalisation == "global-slope" or settings.bad_energies == "reject"):
        return None
    looked = np.concatenate([given.read(row, row + 1) for row in _chosen_slices(given)], axis=1)
    return total_contrast(np.where(np.isfinite(looked).all(axis=0), looked, np.float32(0)))


def _chosen_slices(given: VolumeInput) -> list[int]:
    return sorted(set(np.linspace(0, given.series.shape[1] - 1, _LOOK_SLICES + 2)[1:-1].astype(int).tolist()))


def _look(given: VolumeInput, model: CombinationModel, *, progress: Progress) -> NDArray[np.float64]:
    """`(energy,)` weights that are inverse to the variances of the energies, from some slices."""
    chosen = _chosen_slices(given)
    moments = np.zeros((len(model.weights),) * 2)
    for index, row in enumerate(chosen):
        moments += second_moments(given.read(row, row + 1))
        progress("Noise of energies", index + 1, len(chosen))
    return 1 / energy_variances(moments, model)


def _map_slabs(writer: ResultWriter, job: VolumeJob, *, workers: int, progress: Progress) -> int:
    """Map all slabs in threads and write each as it comes; number of voxels without a value at some energy."""
    noise: Literal["counted", "from residuals"] = "from residuals" if job.given.noise is None else "counted"

    def map_and_write(start: int, step_done: StepDone) -> int:
        stop = min(start + writer.slab_rows, writer.shape[0])
        mu = job.given.read(start, stop)
        step_done(_STAGE)
        maps = fit_slab(mu, job.model, _covariances(job, mu, start, stop), constraint=job.constraint, noise=noise)
        kept = {"mu": mu} if writer.keep_mu else {}
        if _loss(job.given) is not None:
            maps["fraction_sigma_counting"] = maps.pop("fraction_sigma")
        writer.write_slab(start, stop, **maps, **kept)
        step_done(_STAGE)
        return int(np.count_nonzero(np.isnan(maps["amount"])))

    starts = range(0, writer.shape[0], writer.slab_rows)
    return sum(run_slabs(starts, map_and_write, workers=workers, steps=2, progress=progress))


def _covariances(job: VolumeJob, mu: NDArray[np.float32], start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    if job.given.noise is None:
        return covariances_of_residuals(mu, job.model)
    noise, groups = job.given.noise.read(start, stop)
    return covariances_of_noise(job.model, noise, groups=groups, n_u=mu.shape[-1])


def _facts_before(given: VolumeInput, references: Sequence[Reference], config: RunConfig) -> dict[str, Any]:
    engine = given.origin.get("engine", {"name": "none, volumes were given", "version": ""})
    facts = provenance(
        config, given.files, engine_name=engine["name"], engine_version=engine["version"], references=references
    )
    facts |= {
        "label_threshold": config.phasemap.pure_threshold,
    }
    return facts | ({"made_from": dict(given.origin)} if given.origin else {})


def _facts_of_job(job: VolumeJob, references: Sequence[Reference]) -> dict[str, Any]:
    loss = _loss(job.given)
    return {
        "fit": fit_facts(job.model, references),
        "fraction_sigma_from": job.errors,
        **({} if loss is None else {"resolution_loss": asdict(loss)}),
    }


def _notes(job: VolumeJob, *, missing: int, threshold: float | None) -> list[str]:
    """What a user should know about the outcome, one sentence each."""
    notes = [] if job.errors == "counting statistics" else [_residual_note(job.model)]
    if job.given.origin:
        notes.append(f"The attenuation was taken from {job.given.origin['path']}; the notes of that result hold too.")
    if missing:
        share = 100 * missing / np.prod(job.given.series.shape[1:])
        notes.append(f"{missing} voxels ({share:.2g} %) have no value at some energy; they are outside the mask.")
    if threshold is None:
        notes.append(
            "No sample stands out of the noise of the edge-step map, so the mask is empty. Where volumes were cut to "
            "their sample and hold no air, give mask_threshold_per_um (in a configuration, or in Python; of 2-D images "
            "it is the edge step of optical depth)."
        )
    # the threshold lies halfway between air, which has no edge, and the sample
    if threshold is None or job.given.attenuation_unit != PER_LENGTH:
        return notes
    doubt = doubt_about_amount(2 * threshold, job.given.series.energies_ev)
    return notes if doubt is None else [*notes, doubt]


def _residual_note(model: CombinationModel) -> str:
    side = window_px(degrees_of_freedom(model))
    where = "every voxel" if side == 1 else f"every {side} x {side} voxels of a slice"
    return (
        f"Error bars come from the residuals of the fit (reduced chi-square of {where}), for no counting statistics "
        "are known for them: they include what the references do not describe, and leave out what the fit can absorb."
    )
