"""The energy offset refined on voxels: every one of them has the same offset and a composition of its own.

The summed spectrum knows the offset by the little noise it has, single voxels by what compositions do not share. Where
particles differ, the two tell nearly independent things, and where composition and offset happen to move the summed
spectrum alike, only the voxels tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.config import SpectraConfig
from xanesmap.phasemap.mapping.energy_scale import EnergyScale, effect_of_error, scale_of_fit
from xanesmap.phasemap.mapping.slab import SlabJob, reconstruct_rows
from xanesmap.phasemap.progress import Progress
from xanesmap.spectra.energy_offset import EnergyOffset, fit_energy_offset
from xanesmap.spectra.reference import Reference

FloatArray = NDArray[np.floating[Any]]

# Part of the rows that is reconstructed for it: the time it costs.
_SHARE_OF_ROWS = 1 / 16
_BYTES = 256_000_000
# Voxels of less than half the edge step of full ones are rim, or air.
_STRONG, _FULL_PERCENT = 0.5, 99.0
_LEAST_VOXELS = 50
# An estimate of three times the standard error of another one takes 5 % off it: the least that counts as help.
_LEAST_HELP = 3.0
# Standard errors of their difference beyond which two estimates contradict one another.
_CONTRADICTION = 4.0


def refine_scale(
    scale: EnergyScale,
    job: SlabJob,
    references: Sequence[Reference],
    settings: SpectraConfig,
    *,
    progress: Progress,
) -> EnergyScale:
    """Energy scale with its offset refined on the strong voxels of some rows about the middle of the object.

    Parameters
    ----------
    scale
        From the summed spectrum.
    job
        The job; its model, at that scale, tells strong voxels.
    references
        Reference spectra.
    settings
        Background; and what was asked for: only an offset that is to be fitted, without drift, is refined.
    progress
        Called after each energy.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    if scale.fit is None or settings.energy_offset_ev != "fit":
        return scale
    used = np.isin(scale.recorded_ev, scale.fit.energies_ev)
    spectra = strong_spectra(_middle(job, progress=progress), job.model.solver[: job.model.n_phases].sum(axis=0))
    if spectra.shape[1] < _LEAST_VOXELS:
        return scale
    noise = np.sqrt(job.survey.variances[used])
    found = fit_energy_offset(
        spectra[used], references, scale.recorded_ev[used], background=settings.background, noise=noise
    )
    return combined_scale(scale, found, references, n_voxels=spectra.shape[1])


def strong_spectra(mu: FloatArray, amount_of: FloatArray) -> FloatArray:
    """Spectra of the voxels that hold at least half of what full ones do.

    Parameters
    ----------
    mu
        `(energy, ...)` attenuation.
    amount_of
        `(energy,)` row vector that takes a spectrum to its edge step.

    Returns
    -------
    `(energy, voxel)`; none where nothing has an edge.
    """
    amount = np.tensordot(amount_of, mu, axes=1)
    full = float(np.percentile(amount, _FULL_PERCENT))
    return np.asarray(mu[:, amount > _STRONG * full] if full > 0 else mu[:, amount > np.inf])


def combined_scale(
    scale: EnergyScale, found: EnergyOffset, references: Sequence[Reference], *, n_voxels: int
) -> EnergyScale:
    """Energy scale from the summed spectrum and from voxels.

    Parameters
    ----------
    scale
        From the summed spectrum.
    found
        From the voxels.
    references
        Reference spectra.
    n_voxels
        Number of voxels.

    Returns
    -------
    The mean of the two offsets, weighted with their inverse variances, where the voxels help; what the voxels found
    where the summed spectrum told nothing; otherwise the scale as it is. Notes say which.
    """
    if not found.determined:
        return scale
    if scale.fit is None or scale.sigma_ev is None:
        alone = scale_of_fit(scale.recorded_ev, references, found, remarks=(_only(found, n_voxels),))
        return replace(alone, fit=scale.fit, voxels=found)
    if found.sigma_ev > _LEAST_HELP * scale.sigma_ev:
        return scale
    if abs(found.offset_ev - scale.offset_ev) > _CONTRADICTION * np.hypot(found.sigma_ev, scale.sigma_ev):
        return replace(scale, remarks=(*scale.remarks, _contradiction(scale, found)))
    weights = np.array([scale.sigma_ev, found.sigma_ev]) ** -2.0
    mean = float(weights @ [scale.offset_ev, found.offset_ev] / weights.sum())
    moved = replace(scale.fit, offset_ev=mean, sigma_ev=float(weights.sum() ** -0.5))
    remarks = (_refined(scale, moved, found, n_voxels), *scale.remarks[1:])
    return replace(scale_of_fit(scale.recorded_ev, references, moved, remarks=remarks), fit=scale.fit, voxels=found)


def _refined(scale: EnergyScale, moved: EnergyOffset, found: EnergyOffset, n_voxels: int) -> str:
    return (
        f"The recorded energies were moved by {moved.offset_ev:+.3f} +- {moved.sigma_ev:.3f} eV to the scale of the "
        f"references: {scale.offset_ev:+.3f} +- {scale.sigma_ev:.3f} eV by the summed spectrum, of which it leaves "
        f"{100 * moved.misfit:.2g} % of the edge step, {found.offset_ev:+.3f} +- {found.sigma_ev:.3f} eV by "
        f"{n_voxels} single voxels. {effect_of_error(moved)}"
    )


def _only(found: EnergyOffset, n_voxels: int) -> str:
    return (
        f"The recorded energies were moved by {found.offset_ev:+.3f} +- {found.sigma_ev:.3f} eV to the scale of the "
        f"references, found from {n_voxels} single voxels; the summed spectrum does not tell. {effect_of_error(found)}"
    )


def _contradiction(scale: EnergyScale, found: EnergyOffset) -> str:
    return (
        f"Single voxels ask for another energy offset, {found.offset_ev:+.3f} +- {found.sigma_ev:.3f} eV: more than "
        "chance apart. Look for spectra that the references do not describe, or energies that are not aligned."
    )


def _middle(job: SlabJob, *, progress: Progress) -> NDArray[np.float32]:
    """`(energy, row, y, x)` attenuation of some rows about the middle of the object."""
    n_rows, n_energies = job.scan.n_rows, len(job.scan.tomograms)
    per_row = 4 * n_energies * job.scan.n_columns**2
    n = max(1, min(round(n_rows * _SHARE_OF_ROWS), _BYTES // per_row))
    start = int(np.clip(round(job.survey.middle_row - n / 2), 0, n_rows - n))

    def done(number: int) -> None:
        progress("Energy scale", number, n_energies)

    return reconstruct_rows(job, start=start, stop=start + n, step_done=done)
