"""A segmentation written into its result: labels, tables, surfaces and how they were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from xanesmap.phasemap.morphology.core_shell_table import core_shell_titles
from xanesmap.phasemap.morphology.particle_record import (
    FRONT_AREA,
    SURFACE_UNITS,
    Arrays,
    ParticleRecord,
    SurfacesAside,
    empty_surface,
)
from xanesmap.phasemap.morphology.particle_table import particle_titles
from xanesmap.phasemap.morphology.region_tables import (
    boxes_table,
    central_block,
    correlation_table,
    lines_tables,
    sampling_table,
)
from xanesmap.phasemap.morphology.resolution import FWHM
from xanesmap.phasemap.morphology.table_scale import Scale, Table
from xanesmap.phasemap.morphology.tables import (
    depth_titles,
    resolution_limit_px,
    shape_distribution_table,
    verdict_titles,
)
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.config import SegmentConfig
from xanesmap.phasemap.segmentation.phase_labelling import Labelling
from xanesmap.phasemap.segmentation.phase_table import phase_table
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.box_reader import BoxReader
from xanesmap.phasemap.storage.layers import layer_named
from xanesmap.phasemap.storage.row_blocks import Rows
from xanesmap.phasemap.surfaces.curvature import ShapeSums

SEGMENTATION = "segmentation"
"""Key of the root attributes of a result that says how it was segmented."""

TABLES_ASKED_FOR = ("lines", "line_fronts", "boxes")
"""Tables that only some segmentations have."""

_SHAPE_BINS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """What was found in a result, without the particles' numbers."""

    config: SegmentConfig
    labelling: Labelling
    scale: Scale
    core: int
    """Number of the core's phase."""
    labels: Rows
    """(z, y, x) phase labels."""


def write_segmentation(
    amendment: Amendment,
    result: PhaseMap,
    found: Segmentation,
    records: Sequence[ParticleRecord],
    aside: SurfacesAside,
) -> None:
    """Write tables, surfaces and settings, finish the labels, and put the result in place.

    Parameters
    ----------
    amendment
        Of the result, with its labels filled.
    result
        The result as it was.
    found
        What was found.
    records
        Of all particles, in their order.
    aside
        Their surfaces.

    Raises
    ------
    DataError
        The result cannot be written; it is as it was.
    """
    for name in TABLES_ASKED_FOR:  # of an earlier segmentation with other lines and boxes
        amendment.remove(f"tables/{name}.csv")
    for layer in ("phase_labels", "particle_labels", "pore_labels"):
        amendment.finish_image(layer_named(layer))
    for kind, units in SURFACE_UNITS.items():
        amendment.stream_surface(kind, _surface_parts(aside, kind, len(records)), units)
    maps = BoxReader(result=result, phase=found.core, sample=found.labels)
    block = maps.read(central_block(found.labelling.particles.used))
    lengths, length_um = correlation_table(block[0], block[2], um=found.scale.pixel_um)
    sampling = sampling_table(*block, largest_px=found.config.largest_box_px, um=found.scale.pixel_um)
    del block
    phases = phase_table(result, found.labels)
    tables = [("correlation", lengths), ("sampling", sampling), ("phases", phases), *_asked_for(found, maps)]
    tables += _particle_tables(found, records, aside)
    for name, (header, rows) in tables:
        amendment.add_table(name, header, rows)
    facts = _facts(found, length_um) | {"warnings": list(_warnings(result, found, records))}
    amendment.finish({SEGMENTATION: facts, "label_threshold": found.labelling.rule.pure_threshold})


def _surface_parts(aside: SurfacesAside, kind: str, count: int) -> Iterator[Arrays]:
    """Surfaces one after another, their triangles numbered through."""
    yield empty_surface(kind)
    start = 0
    for arrays in aside.get(kind, count):
        yield arrays | {"faces": arrays["faces"] + np.int32(start)}
        start += len(arrays["vertices"])


def _particle_tables(
    found: Segmentation, records: Sequence[ParticleRecord], aside: SurfacesAside
) -> Iterator[tuple[str, Table]]:
    titles = {
        "particles": particle_titles(found.scale),
        "core_shell": core_shell_titles(found.scale),
        "two_phase": verdict_titles(),
        "depth_profiles": depth_titles(found.scale),
    }
    for name, header in titles.items():
        yield name, (header, [line for one in records for line in one.lines[name]])
    sums = ShapeSums(largest=resolution_limit_px(found.scale.blur_px) / found.scale.pixel_um, bins=_SHAPE_BINS)
    for front in aside.get("front", len(records)):
        mean, gaussian = (front[name].astype(np.float64) for name in ("mean_curvature", "gaussian_curvature"))
        root = np.sqrt(np.maximum(mean**2 - gaussian, 0))
        sums.add(mean - root, mean + root, front[FRONT_AREA].astype(np.float64))
    yield "front_shape", shape_distribution_table(sums.distribution(), scale=found.scale)


def _asked_for(found: Segmentation, maps: BoxReader) -> Iterator[tuple[str, Table]]:
    """Tables of named lines and boxes."""
    config, scale = found.config, found.scale
    if config.lines:
        profiles, fronts = lines_tables(maps, lines=config.lines, radius_um=config.line_radius_um, scale=scale)
        yield "lines", profiles
        yield "line_fronts", fronts
    if config.boxes:
        yield "boxes", boxes_table(maps, boxes=config.boxes, scale=scale)


def _facts(found: Segmentation, correlation_um: tuple[float, float]) -> dict[str, Any]:
    """How the result was segmented."""
    blur_nm = found.labelling.rule.blur_px * found.scale.pixel_um * 1000
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "xanesmap_version": version("xanesmap"),
        "configuration": found.config.model_dump(mode="json"),
        "method": found.labelling.rule.method,
        "pure_threshold": found.labelling.rule.pure_threshold,
        "core_phase": found.scale.core_phase,
        "blur_sigma_nm": blur_nm,
        "resolution_fwhm_nm": blur_nm * FWHM,
        "blur_source": found.labelling.blur_source,
        "curvature_limit_per_um": resolution_limit_px(found.scale.blur_px) / found.scale.pixel_um,
        "correlation_length_um": correlation_um[0],
        "correlation_length_error_um": correlation_um[1],
        "particles": found.labelling.particles.count,
        "fragments": found.labelling.particles.n_fragments,
    }


def _warnings(result: PhaseMap, found: Segmentation, records: Sequence[ParticleRecord]) -> Iterator[str]:
    particles = found.labelling.particles
    if particles.is_empty:
        yield "The mask is empty: there is no sample, so there are no phases and no particles."
        return
    if particles.count == 0:
        yield f"No part of the sample has {found.config.least_voxels} voxels: there are fragments, but no particles."
    if result.shape[0] == 1:
        yield "One slice only: particles that overlap along the missing axis look mixed."
    if particles.n_fragments:
        yield f"{particles.n_fragments} fragments with {particles.fragment_voxels} voxels together got no number."
    if particles.cut.any():
        yield f"The field of view cuts {np.count_nonzero(particles.cut)} of {particles.count} particles."
    if records and not any(one.lines["core_shell"] for one in records):
        kinds = sorted({one.structure for one in records})
        yield f"No particle has a core of {found.scale.core_phase} in a shell ({', '.join(kinds)})."
    if found.labelling.blur_source == "unknown":
        yield "The blur could not be measured: half a voxel was taken. Give the resolution of the microscope."
    if records and not result.has("amount_around"):
        yield "This result does not hold the edge step around the particles: their surfaces are those of the mask."
