"""One slab of detector rows, from counts to phase fractions: the unit of work, of memory and of parallelism."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.survey import Survey
from xanesmap.phasemap.voxel_fit import covariances_of_noise, fit_slab
from xanesmap.reconstruct.correction import Attenuation, attenuate
from xanesmap.reconstruct.engines import Engine, FilterName
from xanesmap.reconstruct.propagation import (
    NoisePlan,
    VoxelVariance,
    plan_noise,
    voxel_variance,
)
from xanesmap.reconstruct.scan import Scan, same_angles
from xanesmap.reconstruct.stripes import StripeMethod, remove_stripes
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
    zinger_sigma, stripes
        As in `ReconstructConfig`.
    """

    scan: Scan
    survey: Survey
    engine: Engine
    model: CombinationModel
    constraint: Constraint
    pixel_size_um: float
    noise_plans: tuple[NoisePlan, ...]
    zinger_sigma: float | None
    stripes: StripeMethod


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
    residual
        `(row, y, x)` R-factor.
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
    noise: VoxelVariance
    n_bad: int
    n_zingers: int


def plan_noise_of_scan(scan: Scan, *, filter_name: FilterName) -> tuple[NoisePlan, ...]:
    """Noise propagation of every energy; energies whose angles differ by less than half a step share one plan."""
    plans: list[NoisePlan] = []
    known: list[NDArray[np.float64]] = []
    for tomogram in scan.tomograms:
        angles = np.asarray(tomogram.angles_rad, np.float64)
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
        attenuation = _attenuation(job, index, start=start, stop=stop)
        mu[index] = _reconstruct(job, index, attenuation)
        noise.append(_propagate(job, index, attenuation))
        n_bad, n_zingers = n_bad + attenuation.n_bad, n_zingers + attenuation.n_zingers
        step_done("Reconstruct and fit")
    together = VoxelVariance(
        counting=np.stack([energy.counting for energy in noise]), ring=np.stack([energy.ring for energy in noise])
    )
    maps = _fit(job, mu, together)
    step_done("Reconstruct and fit")
    return SlabMaps(mu=mu, noise=together, n_bad=n_bad, n_zingers=n_zingers, **maps)


def _attenuation(job: SlabJob, index: int, *, start: int, stop: int) -> Attenuation:
    frames = job.scan.tomograms[index].read_rows(start, stop)
    return attenuate(frames, noise=job.survey.energies[index].noise, zinger_sigma=job.zinger_sigma)


def _reconstruct(job: SlabJob, index: int, attenuation: Attenuation) -> NDArray[np.float32]:
    """`(row, y, x)` linear attenuation, 1/um."""
    values = remove_stripes(attenuation.values, method=job.stripes)
    sinograms = np.ascontiguousarray(values.transpose(1, 0, 2))  # (row, angle, u)
    angles = job.scan.tomograms[index].angles_rad
    centre = job.survey.energies[index].centre.centre
    slices = job.engine.reconstruct(sinograms, angles, centre=centre)
    slices /= np.float32(job.pixel_size_um)
    return slices


def _propagate(job: SlabJob, index: int, attenuation: Attenuation) -> VoxelVariance:
    """Variance of linear attenuation, (1/um)^2, on coarse rows and points."""
    plan = job.noise_plans[index]
    starts = np.arange(0, attenuation.values.shape[1], NOISE_ROWS)
    rows = np.diff(starts, append=attenuation.values.shape[1])
    counting = np.add.reduceat(attenuation.variance, starts, axis=1) / rows[:, None]
    shared = np.add.reduceat(attenuation.flat_variance, starts, axis=0) / rows[:, None]
    centre = job.survey.energies[index].centre.centre
    found = voxel_variance(counting.transpose(1, 0, 2), shared, plan, centre=centre)
    per_um2 = job.pixel_size_um**-2
    return VoxelVariance(counting=found.counting * per_um2, ring=found.ring * per_um2)


def _fit(job: SlabJob, mu: NDArray[np.float32], noise: VoxelVariance) -> dict[str, NDArray[np.float32]]:
    groups = np.arange(mu.shape[1]) // NOISE_ROWS
    covariances = covariances_of_noise(job.model, noise, groups=groups.tolist(), n_u=mu.shape[-1])
    return fit_slab(mu, job.model, covariances, constraint=job.constraint)
