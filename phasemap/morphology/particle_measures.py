"""All that is measured of one particle, in voxels; tables turn it into um."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.special import ndtr

from xanesmap.phasemap.morphology.body_errors import BodyErrors, body_errors, surface_error
from xanesmap.phasemap.morphology.contacts import ContactFaces, border_area, contact_faces
from xanesmap.phasemap.morphology.core_shell import (
    Body,
    Evenness,
    Front,
    Structure,
    ThicknessSummary,
    body_of,
    core_at_surface,
    evenness,
    find_front,
    shell_thickness,
    structure_of,
    summarise_thickness,
)
from xanesmap.phasemap.morphology.depth_profile import DepthProfile, depth_profile
from xanesmap.phasemap.morphology.filled_parts import filled_parts
from xanesmap.phasemap.morphology.front_errors import FrontShape, core_offset, exposed_area, front_errors, front_shape
from xanesmap.phasemap.morphology.interface_profile import CORRELATED_VOXELS, VOXEL_DEVIATION
from xanesmap.phasemap.morphology.isotropic_core import Interval, Measurement, even_core, isotropic_null
from xanesmap.phasemap.morphology.two_phase import Maps, TwoPhaseEvidence, judge
from xanesmap.phasemap.morphology.voxel_noise import relative_noise, weighted_noise
from xanesmap.phasemap.segmentation.denoising import denoise_fraction, noise_gain

FloatArray = NDArray[np.floating[Any]]

POSITION_ERROR_PX = 0.1
"""Standard error of the position of a whole front drawn from voxels, measured on bodies of known shape."""
MARGIN_PX = 4
"""Voxels around a particle that belong to its crop."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """The maps around one particle, all `(z, y, x)`.

    Attributes
    ----------
    number
        Of the particle.
    origin
        Index of the first voxel.
    numbers
        Particle numbers, those of the neighbours too.
    pores
        True in its closed pores.
    labels
        Phase labels.
    maps
        Fraction of the core's phase, its sigma, residual.
    first_fraction
        Fraction of the first phase.
    amount, amount_sigma
        Edge step, also of the voxels around the particle where that is known, and its standard deviation, 1/um.
    """

    number: int
    origin: tuple[int, int, int]
    numbers: NDArray[np.int32]
    pores: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    maps: Maps
    first_fraction: FloatArray
    amount: FloatArray
    amount_sigma: FloatArray

    @property
    def solid(self) -> NDArray[np.bool_]:
        """True in the particle's own voxels."""
        return np.asarray(self.numbers == self.number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """How particles are measured.

    Attributes
    ----------
    measurement
        Smoothing and blur, voxels.
    directions
        `(axis, 3)` unit vectors.
    null_draws
        Evenly shrunk cores; 0 for none.
    error_draws
        Draws of the noise for the errors of the front; 0 for none.
    mixed_label
        Number of the label mixed.
    pure_threshold
        Fraction from which a voxel is of a phase.
    """

    measurement: Measurement
    directions: FloatArray
    null_draws: int
    error_draws: int
    mixed_label: int
    pure_threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What a particle consists of."""

    core: float
    """Mean fraction of the core's phase, of its atoms."""
    first: float
    """Mean fraction of the first phase, of its atoms."""
    error: float
    """Standard error of both, from the noise of the voxels; eight neighbours count as one value, for they share it."""
    amount: float
    """Sum of the edge step over the voxels, 1/um."""
    amount_error: float
    """Its standard error, 1/um."""
    core_share: float
    """Share of the volume in which the core's phase holds more than half."""
    core_share_error: float
    """Its standard error, by the noise of the voxels."""
    mixed_share: float
    """Share of the volume that is labelled mixed."""
    mixed_share_error: float
    """Its standard error, by the noise of the voxels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoreShell:
    """Core and shell of a particle that has both; lengths in voxels."""

    thickness: FloatArray
    """(vertex,) of the particle's surface."""
    summary: ThicknessSummary
    thickness_error: float
    """Standard error of the thickness at one place."""
    offset: FloatArray
    """(3,) from the centroid of the particle to that of the core, z, y, x."""
    exposed_area: float
    """Of the core at the surface of the particle."""
    evenness: Evenness
    null: dict[str, Interval]
    shape: FrontShape
    errors: dict[str, float]
    """Standard errors by the noise of the voxels, by the names of `front_numbers`; empty where not known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleMeasures:
    """All numbers of one particle; lengths in voxels."""

    number: int
    origin: tuple[int, int, int]
    body: Body
    errors: BodyErrors
    voxels: int
    pore_voxels: int
    pore_area: float
    """Of the border of the closed pores."""
    contacts: dict[int, ContactFaces]
    """Where it touches each neighbour, in the volume."""
    structure: Structure
    composition: Composition
    front: Front
    core_shell: CoreShell | None
    evidence: TwoPhaseEvidence
    profile: DepthProfile
    even_profile: FloatArray
    """(bin,) fraction of an evenly shrunk core of the same volume; NaN without core."""
    surface_fraction: FloatArray
    """(vertex,) fraction of the core's phase just below the surface."""


def measure_particle(crop: Crop, settings: Settings) -> ParticleMeasures:
    """Measure one particle.

    Parameters
    ----------
    crop
        The maps around it, with `MARGIN_PX` voxels to every side where the volume has them.
    settings
        How.
    """
    how, solid = settings.measurement, crop.solid
    core = denoise_fraction(crop.maps.fraction, crop.maps.sigma, solid, smoothing_px=how.smoothing_px)
    inside = solid | crop.pores
    filled = filled_parts(inside, crop.amount, others=(crop.numbers > 0) & ~solid, fraction=core)
    body = body_of(inside, filled=filled, blur_px=how.blur_px)
    off = surface_error(body, noise=relative_noise(crop.amount[solid], crop.amount_sigma[solid]), blur_px=how.blur_px)
    own_sigma = crop.maps.sigma[solid & np.isfinite(crop.maps.sigma)]
    noise = float(np.median(own_sigma)) * noise_gain(how.smoothing_px) if own_sigma.size else 0.0
    structure = structure_of(body, core, noise=noise)
    shown = core if structure == "core and shell" else np.zeros_like(core)
    front = find_front(body, shown, smoothing_px=how.smoothing_px, blur_px=how.blur_px)
    if structure == "core and shell" and front.surface.is_empty:
        structure = "no front"
    has_core = structure == "core and shell"
    own = Maps(fraction=np.where(solid, crop.maps.fraction, np.nan), sigma=crop.maps.sigma, residual=crop.maps.residual)
    composition = _composition(crop, core, settings)
    profile, even = _profiles(crop, body, share=composition.core_share if has_core else None, blur_px=how.blur_px)
    return ParticleMeasures(
        number=crop.number,
        origin=crop.origin,
        body=body,
        errors=body_errors(body, off),
        voxels=int(solid.sum()),
        pore_voxels=int(crop.pores.sum()),
        pore_area=border_area(crop.pores) if crop.pores.any() else 0.0,
        contacts=contact_faces(crop.numbers, crop.number, origin=crop.origin),
        structure=structure,
        composition=composition,
        front=front,
        core_shell=_core_shell(body, front, core, crop, settings, off.at_one_place(body.equivalent_radius))
        if has_core
        else None,
        evidence=judge(body, front, own, blur_px=how.blur_px),
        profile=profile,
        even_profile=even,
        surface_fraction=core_at_surface(body, core) if np.isfinite(core).any() else np.zeros(0),
    )


def _composition(crop: Crop, core: FloatArray, settings: Settings) -> Composition:
    solid, known = crop.solid, _measured(crop)
    weights = np.maximum(crop.amount[known].astype(np.float64), 0)
    total = float(weights.sum())
    share = weights / total if total > 0 else np.full(len(weights), np.nan)
    noise = weighted_noise(weights, crop.maps.sigma[known])
    above = core[solid & np.isfinite(core)] > 0.5
    mixed = crop.labels[solid] == settings.mixed_label
    near_mixed = solid & binary_dilation(crop.labels == settings.mixed_label) if mixed.any() else np.zeros_like(solid)
    return Composition(
        core=float(share @ crop.maps.fraction[known]) if total > 0 else float("nan"),
        first=float(share @ crop.first_fraction[known]) if total > 0 else float("nan"),
        error=float(np.sqrt(CORRELATED_VOXELS * np.sum(noise**2))) / total if total > 0 else float("nan"),
        amount=float(np.nansum(crop.amount[solid], dtype=np.float64)),
        amount_error=float(np.sqrt(CORRELATED_VOXELS * np.nansum(crop.amount_sigma[solid].astype(float) ** 2))),
        core_share=float(above.mean()) if above.size else float("nan"),
        core_share_error=_share_error(crop, core, settings, (0.5, np.inf), where=solid),
        mixed_share=float(np.mean(mixed)),
        mixed_share_error=_share_error(
            crop, core, settings, (1 - settings.pure_threshold, settings.pure_threshold), where=near_mixed
        ),
    )


def _share_error(
    crop: Crop, core: FloatArray, settings: Settings, between: tuple[float, float], *, where: NDArray[np.bool_]
) -> float:
    """Standard error of the share of voxels with a denoised fraction between two bounds, by the noise left in it.

    Denoising makes neighbours alike: as many voxels as it averages count as one.
    """
    solid, gain = crop.solid, noise_gain(settings.measurement.smoothing_px)
    left = gain * crop.maps.sigma
    known = where & np.isfinite(core) & (left > 0)
    low, high = between
    chance = ndtr((high - core[known]) / left[known]) - ndtr((low - core[known]) / left[known])
    return float(np.sqrt(np.sum(chance * (1 - chance)) / gain**2) / max(int(solid.sum()), 1))


def _measured(crop: Crop) -> NDArray[np.bool_]:
    maps = (crop.maps.fraction, crop.first_fraction, crop.amount)
    known: NDArray[np.bool_] = crop.solid & np.all([np.isfinite(one) for one in maps], axis=0)
    return known


def _profiles(crop: Crop, body: Body, *, share: float | None, blur_px: float) -> tuple[DepthProfile, FloatArray]:
    """Fraction against depth, and that of an evenly shrunk core."""
    known = _measured(crop)
    points = np.argwhere(known)
    depth = np.maximum(body.depth[known], 0)
    edges = np.arange(0.0, np.ceil(depth.max(initial=0.0)) + 2)
    weights, values = crop.amount[known].astype(np.float64), crop.maps.fraction[known].astype(np.float64)
    profile = depth_profile(points, depth, values, weights, edges=edges)
    if share is None:
        return profile, np.full(len(edges) - 1, np.nan)
    even = even_core(body, core_share=share, blur_px=blur_px)[known].astype(np.float64)
    return profile, depth_profile(points, depth, even, weights, edges=edges).mean


def _core_shell(
    body: Body, front: Front, core: FloatArray, crop: Crop, settings: Settings, surface_error_px: float
) -> CoreShell:
    how = settings.measurement
    thickness = shell_thickness(body, front, core)
    share = float((body.inside & (core > 0.5)).sum() / body.inside.sum())
    sigma = np.where(crop.solid, crop.maps.sigma, np.nan)
    null = (
        isotropic_null(body, sigma, core_share=share, measurement=how, draws=settings.null_draws, seed=crop.number)
        if settings.null_draws >= 2
        else {}
    )
    return CoreShell(
        thickness=thickness,
        summary=summarise_thickness(body, thickness, directions=settings.directions),
        thickness_error=float(np.hypot(surface_error_px, _front_error(sigma, how))),
        offset=core_offset(body, core),
        exposed_area=exposed_area(body, core),
        evenness=evenness(body, front, core),
        null=null,
        shape=front_shape(front),
        errors=front_errors(
            body,
            front,
            core,
            (crop.maps.fraction, sigma),
            measurement=how,
            directions=settings.directions,
            draws=settings.error_draws,
            seed=crop.number,
        ),
    )


def _front_error(sigma: FloatArray, how: Measurement) -> float:
    """Error of the place of the front: that of the denoised fraction over the slope of the blurred edge."""
    edge = np.sqrt(how.blur_px**2 + VOXEL_DEVIATION**2 + how.smoothing_px**2)
    return float(np.nanmedian(sigma) * noise_gain(how.smoothing_px) * edge * np.sqrt(2 * np.pi))
