"""What a run needs before its first slab: references, model, engine, pixel size, and the facts worth recording."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.choice import choose_alignment
from xanesmap.phasemap.alignment.total_spectrum import total_spectrum
from xanesmap.phasemap.config import BUNDLED, RunConfig
from xanesmap.phasemap.mapping.energy_scale import find_energy_scale, scale_facts
from xanesmap.phasemap.mapping.fit_model import fit_facts, fit_model, notes_of_model
from xanesmap.phasemap.mapping.scale_refinement import refine_scale
from xanesmap.phasemap.mapping.slab import SlabJob, plan_noise_of_scan
from xanesmap.phasemap.mapping.survey import survey_scan
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.storage.provenance import provenance
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.engines import Engine, make_engine
from xanesmap.reconstruct.scan import Scan
from xanesmap.spectra.combination import CombinationModel
from xanesmap.spectra.reference import Reference, bundled_reference, load_reference

FloatArray = NDArray[np.floating[Any]]

# A change of magnification that moves the rim of the field by more than this blurs chemistry.
_MAGNIFICATION_PX = 0.25


def load_references(config: RunConfig) -> list[Reference]:
    """References of a configuration, in its order.

    Raises
    ------
    DataError
        A file that cannot be read or is no normalised spectrum; names it.
    """
    return [
        bundled_reference(name) if source == BUNDLED else load_reference(source, name=name)
        for name, source in config.spectra.references.items()
    ]


def combination_model(
    scan: Scan,
    references: list[Reference],
    config: RunConfig,
    *,
    noise: NDArray[np.floating[Any]] | None = None,
) -> CombinationModel:
    """Columns of the fit at the energies of the scan.

    Parameters
    ----------
    scan
        Gives the energies.
    references
        Reference spectra.
    config
        Energy offset (that to be fitted is not known yet and taken as zero), background and normalisation.
    noise
        `(energy,)` standard deviation of each energy; equal weights when not given.

    Raises
    ------
    DataError
        References that do not cover the scan.
    FitError
        References that cannot be told apart at these energies.
    """
    scale = find_energy_scale(scan.energies_ev, references, config.spectra)
    return fit_model(scale, references, config.spectra, noise=noise)


def pixel_size_um(scan: Scan, config: RunConfig) -> float:
    """Pixel size in the sample, um: the configuration's, otherwise that of the files.

    Raises
    ------
    DataError
        Neither tells.
    """
    size_nm = config.reconstruct.pixel_size_nm or scan.pixel_size_nm
    if size_nm is None:
        message = (
            f"{scan.tomograms[0].source}: no dataset 'Pixel Size' in any file of the scan, so lengths would have no "
            "unit. Give it with --pixel-size-nm."
        )
        raise DataError(message)
    return size_nm / 1000


def check_centre(scan: Scan, config: RunConfig) -> None:
    """Refuse a rotation centre beside the detector.

    Raises
    ------
    DataError
        The configuration gives a centre that is no column of the detector.
    """
    centre = config.reconstruct.centre_px
    if centre is not None and not 0 <= centre <= scan.n_columns - 1:
        message = (
            f"A rotation centre at detector column {centre:g} was asked for, but the frames of "
            f"{scan.tomograms[0].source} have columns 0 to {scan.n_columns - 1}. Correct --centre, or leave it out to "
            "have it found."
        )
        raise DataError(message)


def prepare_job(
    scan: Scan, references: list[Reference], engine: Engine, config: RunConfig, *, progress: Progress
) -> SlabJob:
    """Survey the scan and set up what all slabs have in common.

    Raises
    ------
    DataError
        Frames that cannot be used; names the file.
    """
    settings = config.reconstruct
    choice = choose_alignment(scan, references, config, progress=progress)
    survey = survey_scan(
        scan,
        unmixing=partial(_unmixing, scan, references, config),
        centre_px=settings.centre_px if choice.alignment is None else (scan.n_columns - 1) / 2,
        zinger_sigma=settings.zinger_sigma,
        memory_bytes=config.memory_budget,
        progress=progress,
    )
    job = SlabJob(
        scan=scan,
        survey=survey,
        engine=engine,
        model=combination_model(scan, references, config, noise=np.sqrt(survey.variances)),
        constraint=config.spectra.constraint,
        pixel_size_um=pixel_size_um(scan, config),
        noise_plans=plan_noise_of_scan(scan, filter_name=settings.filter, alignment=choice.alignment),
        filter_name=settings.filter,
        zinger_sigma=settings.zinger_sigma,
        stripes=settings.stripes,
        alignment=choice.alignment,
        notes=choice.notes,
    )
    return _on_scale_of_references(job, references, config, progress=progress)


def _unmixing(scan: Scan, references: list[Reference], config: RunConfig, total: FloatArray) -> FloatArray:
    """`(phase, energy)` matrix from a spectrum to phase amounts, the energy scale taken from the total spectrum."""
    scale = find_energy_scale(scan.energies_ev, references, config.spectra, total=total)
    model = fit_model(scale, references, config.spectra, total=total)
    return model.solver[: model.n_phases]


def _on_scale_of_references(
    job: SlabJob, references: list[Reference], config: RunConfig, *, progress: Progress
) -> SlabJob:
    """The job with its energies put on the scale of the references, by the frames as they are used."""
    total, noise = total_spectrum(job), np.sqrt(job.survey.variances)
    model_of = partial(fit_model, references=references, settings=config.spectra, noise=noise, total=total)
    scale = find_energy_scale(job.scan.energies_ev, references, config.spectra, total=total)
    job = replace(job, model=model_of(scale), scale=scale)
    refined = refine_scale(scale, job, references, config.spectra, progress=progress)
    return job if refined is scale else replace(job, model=model_of(refined), scale=refined)


def engine_of(config: RunConfig, *, threads: int) -> Engine:
    """Engine of a configuration; `threads` is what each transform may use."""
    return make_engine(config.reconstruct.engine, filter_name=config.reconstruct.filter, threads=threads)


def facts_before(scan: Scan, references: list[Reference], engine: Engine, config: RunConfig) -> dict[str, Any]:
    """Provenance and what else is known before the first slab."""
    facts = provenance(
        config,
        [tomogram.source for tomogram in scan.tomograms],
        engine_name=engine.name,
        engine_version=engine.version,
        references=references,
    )
    return {
        **facts,
        "label_threshold": config.phasemap.pure_threshold,
    }


def facts_of_job(job: SlabJob, references: list[Reference]) -> dict[str, Any]:
    """What the survey found, the energy scale, and the columns of the fit."""
    return {
        **(_recorded_geometry(job) if job.alignment is None else aligned_geometry(job.alignment)),
        "detector_gain_adu_per_photon": [energy.noise.gain for energy in job.survey.energies],
        **({} if job.scale is None else scale_facts(job.scale)),
        "resolution_loss": asdict(job.resolution_loss),
        "fit": fit_facts(job.model, references),
    }


def _recorded_geometry(job: SlabJob) -> dict[str, Any]:
    return {
        "centre_px": job.survey.centres_px,
        "centre_sigma_px": [energy.centre.sigma for energy in job.survey.energies],
    }


def aligned_geometry(alignment: Alignment) -> dict[str, Any]:
    """Rotation axis and motion of the frames, summed up."""
    shift, error = alignment.shift_px[alignment.kept], alignment.residual_px[alignment.kept]
    by_energy = [row[kept] for row, kept in zip(alignment.residual_px, alignment.kept, strict=True)]
    return {
        "centre_px": alignment.centre_px,
        "centre_sigma_px": [float(np.sqrt(np.mean(errors**2) / len(errors))) for errors in by_energy],
        "alignment": {
            "rms_shift_px": np.sqrt(np.mean(shift**2, axis=0)),
            "rms_error_px": np.sqrt(np.mean(error**2)),
            "frames": int(np.isfinite(alignment.air_level).sum()),
            "frames_left_out": int(np.isfinite(alignment.air_level).sum() - alignment.kept.sum()),
            "magnification": alignment.magnification,
            "roll_deg": np.rad2deg(alignment.roll_rad),
        },
    }


def warnings_of_references(config: RunConfig) -> list[str]:
    """What a user should know about the references, one sentence each."""
    bundled = [name for name, source in config.spectra.references.items() if source == BUNDLED]
    if not bundled:
        return []
    return [
        f"Bundled analytic references were used for {' and '.join(bundled)}. Where the sample differs from them, the "
        "difference can pass for an energy offset, of which 1 eV changes the LiFePO4 fraction by 0.13: use references "
        "of your own, and check the offset with a foil."
    ]


def warnings_before(scan: Scan, config: RunConfig) -> list[str]:
    """What a user should know about the input, one sentence each."""
    return [*scan.notes, *warnings_of_references(config)]


def warnings_after(job: SlabJob, config: RunConfig, *, threshold: float | None, n_bad: int) -> list[str]:
    """What a user should know about the outcome, one sentence each."""
    warnings = [*job.notes, *job.survey.notes, *notes_of_model(job.scan.energies_ev, job.model, config.spectra)]
    if job.scale is not None:
        warnings.extend(job.scale.notes)
    if job.alignment is None:
        warnings.extend(_change_of_magnification(job.scan))
        warnings.extend(_change_of_lamp(job))
    if threshold is None:
        warnings.append("No sample stands out of the noise of the edge-step map, so the mask is empty.")
    if n_bad:
        warnings.append(f"{n_bad} values of bad pixels were filled from their neighbours.")
    return warnings


def _change_of_lamp(job: SlabJob) -> list[str]:
    """A sentence where the lamp changed from frame to frame and the frames were levelled for it."""
    changes = [float(energy.lamp.std()) for energy in job.survey.energies if energy.lamp is not None]
    if not changes:
        return []
    return [
        f"The lamp changed by {100 * float(np.median(changes)):.2g} % from frame to frame at {len(changes)} energies; "
        "frames were put to the level of the air beside the object."
    ]


def _change_of_magnification(scan: Scan) -> list[str]:
    """A sentence where the recorded pixel size changes and the frames are not aligned."""
    sizes = [t.pixel_size_nm for t in scan.tomograms if t.pixel_size_nm is not None]
    change = max(sizes) / min(sizes) - 1 if sizes else 0.0
    rim = change * scan.n_columns / 2
    if rim <= _MAGNIFICATION_PX:
        return []
    return [
        f"The recorded pixel size changes by {100 * change:.2f} % over the scan, {rim:.1f} pixels at the rim of the "
        "field, and the frames were not aligned: fractions near the rim are blurred."
    ]
