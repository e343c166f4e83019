"""A segmentation written into its result: labels, tables, surfaces and how they were made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.amendment import Amendment
from xanesmap.phasemap.contacts import contact_areas
from xanesmap.phasemap.curvature import ShapeDistribution, shape_distribution
from xanesmap.phasemap.label_volume import LabelRule
from xanesmap.phasemap.layers import Layer, layer_named
from xanesmap.phasemap.morphology_tables import (
    Scale,
    Table,
    core_shell_table,
    depth_table,
    particle_table,
    phase_table,
    resolution_limit_px,
    shape_distribution_table,
    verdict_table,
)
from xanesmap.phasemap.particle_measures import ParticleMeasures
from xanesmap.phasemap.particles import Particles
from xanesmap.phasemap.region_tables import boxes_table, correlation_table, lines_tables, sampling_table
from xanesmap.phasemap.resolution import FWHM
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segment_config import SegmentConfig
from xanesmap.phasemap.surface import joined, moved, vertex_areas

FloatArray = NDArray[np.floating[Any]]

PORE_LABELS = Layer(
    name="pore_labels",
    path="labels/pore",
    dtype="int32",
    units="1",
    long_name="closed pores, with the number of the particle around them",
    downscale="nearest",
)
SEGMENTATION = "segmentation"
"""Key of the root attributes of a result that says how it was segmented."""

_NAMED_TABLES = ("lines", "line_fronts", "boxes")
_SHAPE_BINS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Morphology:
    """All that was found in a result; volumes are `(z, y, x)`."""

    config: SegmentConfig
    rule: LabelRule
    blur_source: str
    """``given``, ``surfaces`` or ``unknown``."""
    core_phase: str
    labels: NDArray[np.uint8]
    particles: Particles
    cut: NDArray[np.bool_]
    """(particle,) True where the field of view cuts it."""
    boxes: Sequence[tuple[slice, ...]]
    """Of the particles, with some voxels around each."""
    measures: tuple[ParticleMeasures, ...]
    fraction: FloatArray
    """Of the core's phase."""
    sigma: FloatArray
    amount: FloatArray
    mask: NDArray[np.bool_]


def store_morphology(result: PhaseMap, found: Morphology) -> None:
    """Write labels, tables, surfaces and settings into a result, all at once.

    Parameters
    ----------
    result
        The result that was segmented.
    found
        What was found.

    Raises
    ------
    DataError
        The result cannot be written; it is as it was.
    """
    scale = Scale(
        pixel_um=result.pixel_size_um,
        blur_px=found.rule.blur_px,
        core_phase=found.core_phase,
        first_phase=result.phases[0],
        axes=tuple(found.config.axes),
    )
    tables = dict(_tables(result, found, scale))
    lengths, correlation_um = correlation_table(found.fraction, found.amount, um=scale.pixel_um)
    tables["correlation"] = lengths
    layers = [layer_named("phase_labels"), layer_named("particle_labels"), PORE_LABELS]
    with Amendment(result.path) as amendment:
        for name in _NAMED_TABLES:  # of an earlier segmentation with other lines and boxes
            amendment.remove(f"tables/{name}.csv")
        volumes: list[NDArray[Any]] = [found.labels, found.particles.labels, found.particles.pores]
        for layer, values in zip(layers, volumes, strict=True):
            amendment.replace_labels(layer, values)
        for name, (header, rows) in tables.items():
            amendment.add_table(name, header, rows)
        amendment.add_surface("particle", _particle_surfaces(found.measures, scale.pixel_um))
        amendment.add_surface("front", _fronts(found.measures, scale.pixel_um))
        facts = _facts(found, scale, correlation_um)
        amendment.finish({SEGMENTATION: facts, "label_threshold": found.rule.pure_threshold})


def _tables(result: PhaseMap, found: Morphology, scale: Scale) -> Iterator[tuple[str, Table]]:
    contacts = contact_areas(found.particles.labels, found.boxes)
    yield "phases", _phases(result, found)
    yield "particles", particle_table(found.measures, contacts=contacts, cut=found.cut, scale=scale)
    yield "core_shell", core_shell_table(found.measures, scale=scale)
    yield "two_phase", verdict_table(found.measures, scale=scale)
    yield "depth_profiles", depth_table(found.measures, scale=scale)
    yield "front_shape", shape_distribution_table(front_shape(found.measures, scale))
    config, um = found.config, scale.pixel_um
    yield (
        "sampling",
        sampling_table(found.fraction, found.sigma, found.amount, largest_px=config.largest_box_px, um=um),
    )
    if config.lines:
        profiles, fronts = lines_tables(
            found.fraction, found.sigma, lines=config.lines, radius_um=config.line_radius_um, scale=scale
        )
        yield "lines", profiles
        yield "line_fronts", fronts
    if config.boxes:
        yield "boxes", boxes_table((found.fraction, found.sigma, found.amount), boxes=config.boxes, scale=scale)


def _phases(result: PhaseMap, found: Morphology) -> Table:
    """Table of phases for the new labels, block by block; fractions are means over atoms, weighted by the edge step."""
    n = len(result.label_names) + 1
    sums = np.zeros((1 + len(result.phases), n))
    fraction = result.levels("fraction")[0]
    for block in result.blocks():
        label, amount = found.labels[block].ravel(), np.nan_to_num(found.amount[block]).ravel()
        if not label.any():
            continue
        sums[0] += np.bincount(label, amount, minlength=n)
        for phase in range(len(result.phases)):
            values = np.nan_to_num(np.asarray(fraction[(phase, *block)]).ravel())
            sums[1 + phase] += np.bincount(label, amount * values, minlength=n)
    return phase_table(found.labels, sums, names=result.label_names, phases=result.phases, um=result.pixel_size_um)


def front_shape(measures: Sequence[ParticleMeasures], scale: Scale) -> ShapeDistribution:
    """Interfacial shape distribution of all fronts, curvatures in 1/um up to the limit of resolution."""
    fronts = [one.front for one in measures if not one.front.surface.is_empty]
    pairs = [front.curvature.principal for front in fronts]
    low, high, area = (
        np.concatenate(parts) if parts else np.zeros(0)
        for parts in (
            [pair[0] for pair in pairs],
            [pair[1] for pair in pairs],
            [vertex_areas(front.surface) for front in fronts],
        )
    )
    um = scale.pixel_um
    largest = resolution_limit_px(scale.blur_px) / um
    return shape_distribution(low / um, high / um, area, largest=largest, bins=_SHAPE_BINS)


def _particle_surfaces(measures: Sequence[ParticleMeasures], um: float) -> dict[str, tuple[NDArray[Any], str]]:
    """Surfaces of all particles, with the shell's thickness (NaN without core) and the fraction below them."""

    def thickness(one: ParticleMeasures) -> FloatArray:
        n = len(one.body.surface.vertices)
        return np.full(n, np.nan) if one.core_shell is None else one.core_shell.thickness * um

    shown = [one for one in measures if not one.body.surface.is_empty]
    surface = joined([moved(one.body.surface, one.origin) for one in shown])
    return {
        "vertices": ((surface.vertices * um).astype(np.float32), "um"),
        "faces": (surface.faces, "1"),
        "normals": (surface.normals.astype(np.float32), "1"),
        "particle": (_numbers(shown, lambda one: len(one.body.surface.vertices)), "1"),
        "shell_thickness": (_gathered(shown, thickness), "um"),
        "core_fraction": (_gathered(shown, _surface_fraction), "1"),
    }


def _surface_fraction(one: ParticleMeasures) -> FloatArray:
    n = len(one.body.surface.vertices)
    return one.surface_fraction if len(one.surface_fraction) == n else np.full(n, np.nan)


def _fronts(measures: Sequence[ParticleMeasures], um: float) -> dict[str, tuple[NDArray[Any], str]]:
    """Fronts of all particles, with curvature and depth."""
    shown = [one for one in measures if not one.front.surface.is_empty]
    surface = joined([moved(one.front.surface, one.origin) for one in shown])
    return {
        "vertices": ((surface.vertices * um).astype(np.float32), "um"),
        "faces": (surface.faces, "1"),
        "normals": (surface.normals.astype(np.float32), "1"),
        "particle": (_numbers(shown, lambda one: len(one.front.surface.vertices)), "1"),
        "mean_curvature": (_gathered(shown, lambda one: one.front.curvature.mean / um), "1/um"),
        "gaussian_curvature": (_gathered(shown, lambda one: one.front.curvature.gaussian / um**2), "1/um^2"),
        "depth": (_gathered(shown, lambda one: one.front.depth * um), "um"),
    }


def _numbers(shown: Sequence[ParticleMeasures], length: Callable[[ParticleMeasures], int]) -> NDArray[np.int32]:
    return np.concatenate([np.full(length(one), one.number, np.int32) for one in shown] or [np.zeros(0, np.int32)])


def _gathered(
    shown: Sequence[ParticleMeasures], values: Callable[[ParticleMeasures], FloatArray]
) -> NDArray[np.float32]:
    return np.concatenate([values(one).astype(np.float32) for one in shown] or [np.zeros(0, np.float32)])


def _facts(found: Morphology, scale: Scale, correlation_um: float) -> dict[str, Any]:
    """How the result was segmented, and what to know of it."""
    blur_nm = found.rule.blur_px * scale.pixel_um * 1000
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "xanesmap_version": version("xanesmap"),
        "configuration": found.config.model_dump(mode="json"),
        "method": found.rule.method,
        "pure_threshold": found.rule.pure_threshold,
        "core_phase": found.core_phase,
        "blur_sigma_nm": blur_nm,
        "resolution_fwhm_nm": blur_nm * FWHM,
        "blur_source": found.blur_source,
        "curvature_limit_per_um": resolution_limit_px(scale.blur_px) / scale.pixel_um,
        "correlation_length_um": correlation_um,
        "particles": found.particles.count,
        "fragments": found.particles.n_fragments,
        "warnings": list(_warnings(found)),
    }


def _warnings(found: Morphology) -> Iterator[str]:
    particles, measures = found.particles, found.measures
    if not found.mask.any():
        yield "The mask is empty: there is no sample, so there are no phases and no particles."
        return
    if particles.count == 0:
        yield f"No part of the sample has {found.config.least_voxels} voxels: there are fragments, but no particles."
    if found.labels.shape[0] == 1:
        yield "One slice only: particles that overlap along the missing axis look mixed."
    if particles.n_fragments:
        share = particles.fragment_voxels / np.count_nonzero(found.mask)
        yield f"{particles.n_fragments} fragments with {share:.1%} of the sample's voxels got no number."
    if found.cut.any():
        yield f"The field of view cuts {np.count_nonzero(found.cut)} of {particles.count} particles."
    if measures and not any(one.core_shell for one in measures):
        kinds = sorted({one.structure for one in measures})
        yield f"No particle has a core of {found.core_phase} in a shell ({', '.join(kinds)})."
    if found.blur_source == "unknown":
        yield "The blur could not be measured: half a voxel was taken. Give the resolution of the microscope."
