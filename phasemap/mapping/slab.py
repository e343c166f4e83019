"""One slab of detector rows, from counts to phase fractions: the unit of work, of memory and of parallelism."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.mapping.energy_scale import EnergyScale
from xanesmap.phasemap.mapping.resolution_error import ResolutionLoss, resolution_loss
from xanesmap.phasemap.mapping.slab_frames import FrameCorrection, SlabFrames, aligned_frames, recorded_frames
from xanesmap.phasemap.mapping.survey import Survey
from xanesmap.phasemap.mapping.voxel_fit import covariances_of_noise, fit_slab
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.engines import Engine, FilterName
from xanesmap.reconstruct.propagation import (
    NoisePlan,
    VoxelVariance,
    plan_noise,
    voxel_variance,
)
from xanesmap.reconstruct.scan import Scan, same_angles
from xanesmap.reconstruct.stripes import StripeMethod
from xanesmap.spectra.combination import CombinationModel, Constraint

FloatArray = NDArray[np.floating[Any]]

NOISE_ROWS = 4
"""Detector rows whose noise is propagated together: it changes over particles, not over rows. Slabs start at multiples
of it wherever memory allows, so that a map and its error bars do not depend on the height of the slabs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlabJob:
    """All that the slabs of one run have in common.

    Parameters
    ----------
    scan
        The scan; slabs read their own rows.
    survey
        Noise and centre of every energy.
    engine
        Reconstruction engine; used from several threads.
    model
        References, background and weights of the fit.
    constraint
        Constraint of the fit.
    pixel_size_um
        Pixel size in the sample, um.
    noise_plans
        Noise propagation of every energy (`plan_noise_of_scan`).
    filter_name, zinger_sigma, stripes
        As in `ReconstructConfig`.
    alignment
        Where every frame lies; None: where it was recorded.
    notes
        How the alignment came about, one sentence each.
    scale
        Energies on the scale of the references; None before the total spectrum is known.
    """

    scan: Scan
    survey: Survey
    engine: Engine
    model: CombinationModel
    constraint: Constraint
    pixel_size_um: float
    noise_plans: tuple[NoisePlan, ...]
    filter_name: FilterName
    zinger_sigma: float | None
    stripes: StripeMethod
    alignment: Alignment | None = None
    notes: tuple[str, ...] = ()
    scale: EnergyScale | None = None

    def angles_rad(self, index: int) -> NDArray[np.float64]:
        """`(angle,)` angles, radians, of the frames of an energy that are used."""
        return used_angles(self.scan, index, alignment=self.alignment)

    def centre_px(self, index: int) -> float:
        """Detector column of the rotation axis in the frames as `map_slab` reconstructs them, pixels."""
        return self.survey.energies[index].centre.centre if self.alignment is None else (self.scan.n_columns - 1) / 2

    @property
    def resolution_loss(self) -> ResolutionLoss:
        """What this reconstruction loses at fronts."""
        if self.alignment is None:
            return resolution_loss(self.filter_name, frames="as recorded")
        found = self.alignment.residual_px[self.alignment.kept]
        misplaced = float(np.sqrt(np.mean(found**2)))
        return resolution_loss(self.filter_name, frames="interpolated", misplaced_px=misplaced)

    def correction(self, index: int) -> FrameCorrection:
        """How counts of an energy become line integrals."""
        return FrameCorrection(
            noise=self.survey.energies[index].noise,
            zinger_sigma=self.zinger_sigma,
            stripes=self.stripes,
            filter_name=self.filter_name,
            lamp=self.survey.energies[index].lamp,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlabMaps:
    """Maps of one slab.

    Parameters
    ----------
    mu
        `(energy, row, y, x)` linear attenuation, 1/um.
    fraction, fraction_sigma
        `(phase, row, y, x)` phase fraction and its standard deviation; NaN where the amount is not positive.
    amount, amount_sigma
        `(row, y, x)` edge step of all phases and its standard deviation, 1/um.
    residual, chi_square
        `(row, y, x)` R-factor and reduced chi-square.
    assessment
        `(row, y, x)` verdict on the fit, numbers of `Assessment`.
    noise
        Variance of `mu`, (1/um)^2, by energy and group of rows: `counting` `(energy, group, point, point)`, `ring`
        `(energy, group, radius)`.
    n_bad, n_zingers
        Repaired values of the slab, over all energies.
    """

    mu: NDArray[np.float32]
    fraction: NDArray[np.float32]
    fraction_sigma: NDArray[np.float32]
    amount: NDArray[np.float32]
    amount_sigma: NDArray[np.float32]
    residual: NDArray[np.float32]
    chi_square: NDArray[np.float32]
    assessment: NDArray[np.uint8]
    noise: VoxelVariance
    n_bad: int
    n_zingers: int


def used_angles(scan: Scan, index: int, *, alignment: Alignment | None) -> NDArray[np.float64]:
    """`(angle,)` angles, radians, of the frames of an energy that were not left out by the alignment."""
    angles = np.asarray(scan.tomograms[index].angles_rad, np.float64)
    return angles if alignment is None else angles[alignment.kept_frames(index, n_angles=len(angles))]


def plan_noise_of_scan(
    scan: Scan, *, filter_name: FilterName, alignment: Alignment | None = None
) -> tuple[NoisePlan, ...]:
    """Noise propagation of every energy; energies whose angles differ by less than half a step share one plan."""
    plans: list[NoisePlan] = []
    known: list[NDArray[np.float64]] = []
    for number in range(len(scan.tomograms)):
        angles = used_angles(scan, number, alignment=alignment)
        index = next((i for i, others in enumerate(known) if same_angles(others, angles)), None)
        plans.append(plan_noise(angles, n_u=scan.n_columns, filter_name=filter_name) if index is None else plans[index])
        known.append(angles)
    return tuple(plans)


def map_slab(job: SlabJob, *, start: int, stop: int, step_done: Callable[[str], None]) -> SlabMaps:
    """Reconstruct and fit the detector rows `start` to `stop - 1`.

    Parameters
    ----------
    job
        What all slabs have in common.
    start, stop
        Detector rows.
    step_done
        Called with the name of the stage after each energy and once after the fit.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    n_energies, n_u = len(job.scan.tomograms), job.scan.n_columns
    mu = np.empty((n_energies, stop - start, n_u, n_u), np.float32)
    noise: list[VoxelVariance] = []
    n_bad = n_zingers = 0
    for index in range(n_energies):
        frames = _frames(job, index, start=start, stop=stop)
        mu[index] = _reconstruct(job, index, frames)
        noise.append(_propagate(job, index, frames))
        n_bad, n_zingers = n_bad + frames.n_bad, n_zingers + frames.n_zingers
        step_done("Reconstruct and fit")
    together = VoxelVariance(
        counting=np.stack([energy.counting for energy in noise]), ring=np.stack([energy.ring for energy in noise])
    )
    maps = _fit(job, mu, together)
    step_done("Reconstruct and fit")
    return SlabMaps(mu=mu, noise=together, n_bad=n_bad, n_zingers=n_zingers, **maps)


def reconstruct_rows(job: SlabJob, *, start: int, stop: int, step_done: Callable[[int], None]) -> NDArray[np.float32]:
    """`(energy, row, y, x)` linear attenuation, 1/um, of the detector rows `start` to `stop - 1`.

    Parameters
    ----------
    job
        What all slabs have in common.
    start, stop
        Detector rows.
    step_done
        Called with the number of energies done after each.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    n_energies, n_u = len(job.scan.tomograms), job.scan.n_columns
    mu = np.empty((n_energies, stop - start, n_u, n_u), np.float32)
    for index in range(n_energies):
        mu[index] = _reconstruct(job, index, _frames(job, index, start=start, stop=stop))
        step_done(index + 1)
    return mu


def _frames(job: SlabJob, index: int, *, start: int, stop: int) -> SlabFrames:
    tomogram, correction = job.scan.tomograms[index], job.correction(index)
    if job.alignment is None:
        return recorded_frames(tomogram, correction, start=start, stop=stop)
    return aligned_frames(tomogram, correction, job.alignment, index=index, start=start, stop=stop)


def _reconstruct(job: SlabJob, index: int, frames: SlabFrames) -> NDArray[np.float32]:
    """`(row, y, x)` linear attenuation, 1/um."""
    sinograms = np.ascontiguousarray(frames.values.transpose(1, 0, 2))  # (row, angle, u)
    slices = job.engine.reconstruct(sinograms, job.angles_rad(index), centre=job.centre_px(index))
    slices /= np.float32(job.pixel_size_um)
    return slices


def _propagate(job: SlabJob, index: int, frames: SlabFrames) -> VoxelVariance:
    """Variance of linear attenuation, (1/um)^2, on coarse rows and points."""
    n_rows = frames.values.shape[1]
    starts = np.arange(0, n_rows, NOISE_ROWS)
    rows = np.diff(starts, append=n_rows)
    counting = np.add.reduceat(frames.variance, starts, axis=1) / rows[:, None]
    shared = np.add.reduceat(frames.flat_variance, starts, axis=0) / rows[:, None]
    centre = job.centre_px(index)
    found = voxel_variance(counting.transpose(1, 0, 2), shared, job.noise_plans[index], centre=centre)
    per_um2 = job.pixel_size_um**-2
    return VoxelVariance(counting=found.counting * per_um2, ring=found.ring * per_um2)


def _fit(job: SlabJob, mu: NDArray[np.float32], noise: VoxelVariance) -> dict[str, NDArray[Any]]:
    groups = np.arange(mu.shape[1]) // NOISE_ROWS
    covariances = covariances_of_noise(job.model, noise, groups=groups.tolist(), n_u=mu.shape[-1])
    return fit_slab(mu, job.model, covariances, constraint=job.constraint)
