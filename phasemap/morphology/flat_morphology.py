"""Phases and particles of 2-D images: areas and perimeters, for what lies along the beam is added up in every pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.measure import find_contours

from xanesmap.phasemap.morphology.interface_profile import CORRELATED_VOXELS
from xanesmap.phasemap.morphology.region_tables import boxes_table, lines_tables
from xanesmap.phasemap.morphology.resolution import FWHM
from xanesmap.phasemap.morphology.store import SEGMENTATION, TABLES_ASKED_FOR
from xanesmap.phasemap.morphology.table_scale import Scale, Table, with_error
from xanesmap.phasemap.morphology.voxel_noise import weighted_noise
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.segmentation.config import SegmentConfig
from xanesmap.phasemap.segmentation.particles import Particles
from xanesmap.phasemap.segmentation.phase_labelling import LabelledResult, label_result
from xanesmap.phasemap.segmentation.phase_table import phase_table
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.box_reader import BoxReader
from xanesmap.phasemap.storage.layers import layer_named

FloatArray = NDArray[np.floating[Any]]

OVERLAP = (
    "These are 2-D images: particles and phases that overlap along the beam add up in every pixel, so shares of mixed "
    "phase are upper bounds, and there are areas and perimeters, but no volumes, surfaces, shells or verdicts."
)
"""What to know of every segmentation of 2-D images."""

_OF_VOLUMES = ("core_shell", "two_phase", "depth_profiles", "front_shape", "sampling", "correlation")
_PLACE_PX = 0.1  # standard error of the place of a whole outline, and of a patch of it
_PATCH_PX = 3.0  # length of such a patch
_OUTLINE_LENGTH = 0.01  # relative error of the length of an outline drawn from pixels
_SMOOTHING_PX = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FlatMaps:
    """Maps of the image, `(y, x)`."""

    core: FloatArray
    first: FloatArray
    sigma: FloatArray
    amount: FloatArray
    amount_sigma: FloatArray


def segment_flat(result: PhaseMap, config: SegmentConfig, *, core: int, progress: Progress = no_progress) -> PhaseMap:
    """Label the phases and particles of 2-D images, and store them with their tables.

    Parameters
    ----------
    result
        A result of optical depth, of one slice.
    config
        How.
    core
        Number of the core's phase.
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    The result, opened again.
    """
    found = label_result(result, config, progress=progress)
    scale = Scale(
        pixel_um=result.pixel_size_um,
        blur_px=found.rule.blur_px,
        core_phase=result.phases[core],
        first_phase=result.phases[0],
        axes=(),
    )
    reader = BoxReader(result=result, phase=core, sample=found.labels)
    with Amendment(result.path) as amendment:
        for name in (*TABLES_ASKED_FOR, *_OF_VOLUMES):
            amendment.remove(f"tables/{name}.csv")
        amendment.remove("surfaces")
        volumes: tuple[NDArray[Any], ...] = (found.labels, found.particles.labels, found.particles.pores)
        for layer, values in zip(("phase_labels", "particle_labels", "pore_labels"), volumes, strict=True):
            amendment.replace_labels(layer_named(layer), values)
        tables = {"particles": _particle_table(_maps(result, core), found, len(result.phases) + 1, scale)}
        tables["phases"] = phase_table(result, found.labels)
        if config.lines:
            radius = config.line_radius_um
            tables["lines"], tables["line_fronts"] = lines_tables(
                reader, lines=config.lines, radius_um=radius, scale=scale
            )
        if config.boxes:
            tables["boxes"] = boxes_table(reader, boxes=config.boxes, scale=scale)
        for name, (header, rows) in tables.items():
            amendment.add_table(name, header, rows)
        facts = _facts(found, config, scale)
        amendment.finish({SEGMENTATION: facts, "label_threshold": found.rule.pure_threshold})
    return open_result(result.path)


def _maps(result: PhaseMap, core: int) -> _FlatMaps:
    fraction, amount, amount_sigma = (result.levels(name)[0] for name in ("fraction", "amount", "amount_sigma"))
    return _FlatMaps(
        core=np.asarray(fraction[core, 0]),
        first=np.asarray(fraction[0, 0]),
        sigma=np.asarray(result.noise_levels()[0][core, 0]),
        amount=np.asarray(amount[0]),
        amount_sigma=np.asarray(amount_sigma[0]),
    )


def _particle_table(maps: _FlatMaps, found: LabelledResult, mixed_label: int, scale: Scale) -> Table:
    header = [
        *("index", "cut by field (0 or 1)"),
        *(title for axis in "yx" for title in with_error(f"centroid {axis}", "um")),
        *with_error("area", "um^2"),
        *with_error("equivalent diameter", "um"),
        *with_error("perimeter", "um"),
        *with_error("circularity", "1"),
        *(title for axis in "ab" for title in with_error(f"semi-axis {axis}", "um")),
        *(f"mean fraction of {scale.core_phase} (1)", "mean fraction error (1)"),
        *(f"state of charge, 1 - {scale.first_phase} (1)", "state of charge error (1)"),
        *("amount, edge step times area (um^2)", "amount error (um^2)"),
        *with_error("share of area mixed", "1"),
        "neighbours",
    ]
    labels = found.labels[0]
    rows: list[list[object]] = []
    for number, box in enumerate(found.particles.found.boxes, start=1):
        place = box[1:]
        own = found.particles.labels[0][place] == number
        filled = own | (found.particles.pores[0][place] == number)
        rows.append(
            [
                *(number, int(found.particles.found.cut[number - 1])),
                *_shape_cells(filled, (place[0].start, place[1].start), scale.pixel_um),
                *_composition_cells(maps, place, own, scale.pixel_um),
                *_mixed_cells(labels[place][own] == mixed_label),
                ";".join(map(str, _neighbours(found.particles, number, place))),
            ]
        )
    return header, rows


def _shape_cells(filled: NDArray[np.bool_], origin: tuple[int, int], um: float) -> list[float]:
    """Place, area, diameter, perimeter, circularity and axes of an outline, each followed by its error."""
    points = np.argwhere(filled).astype(np.float64)
    centre, area = points.mean(axis=0), float(len(points))
    values = np.linalg.eigvalsh(np.cov(points.T, bias=True) + np.eye(2) / 12 if len(points) > 1 else np.eye(2) / 12)
    half = 2 * np.sqrt(values[::-1])  # exact for an ellipse
    perimeter = _perimeter(filled)
    radius = float(np.sqrt(area / np.pi))
    patch = _PLACE_PX * np.sqrt(_PATCH_PX * perimeter)
    of_area = float(np.hypot(_PLACE_PX * perimeter, patch))
    of_length = float(np.hypot(_OUTLINE_LENGTH * perimeter, 2 * np.pi * _PLACE_PX))
    circularity = 4 * np.pi * area / perimeter**2
    cells = []
    for value, start in zip(centre, origin, strict=True):
        cells += [(value + start) * um, float(radius * patch / np.sqrt(2) / area) * um]
    cells += [area * um**2, of_area * um**2, 2 * radius * um, 2 * of_area / perimeter * um]
    # a place that is off for all of the outline leaves the circularity of a disc as it is
    cells += [perimeter * um, of_length * um, circularity, 2 * _OUTLINE_LENGTH * circularity]
    return cells + [
        cell for axis in half for cell in (float(axis) * um, float(np.hypot(_PLACE_PX, patch / radius)) * um)
    ]


def _perimeter(filled: NDArray[np.bool_]) -> float:
    """Length of the outline, pixels: half level of the smoothed shape."""
    margin = 5
    smooth = gaussian_filter(np.pad(filled, margin).astype(np.float64), _SMOOTHING_PX)
    draw: Callable[..., Any] = find_contours  # the library has no annotations
    contours: list[FloatArray] = draw(smooth, 0.5)
    if not contours:
        return float(2 * np.sqrt(np.pi * np.count_nonzero(filled)))
    longest = max(contours, key=len)
    return float(np.linalg.norm(np.diff(longest, axis=0), axis=1).sum())


def _composition_cells(maps: _FlatMaps, place: tuple[slice, slice], own: NDArray[np.bool_], um: float) -> list[float]:
    """Means over atoms and the amount, each followed by its error; four neighbours of a pixel share its noise."""
    core, first, sigma, amount, amount_sigma = (
        one[place][own] for one in (maps.core, maps.first, maps.sigma, maps.amount, maps.amount_sigma)
    )
    known = np.isfinite(core) & np.isfinite(first) & np.isfinite(amount)
    weight = np.maximum(amount[known].astype(np.float64), 0)
    total = float(weight.sum())
    shared = CORRELATED_VOXELS ** (2 / 3)
    of_amount = float(np.sqrt(shared * np.nansum(amount_sigma.astype(np.float64) ** 2)))
    sums = [float(np.nansum(amount, dtype=np.float64)) * um**2, of_amount * um**2]
    if not total > 0:
        return [float("nan")] * 4 + sums
    error = float(np.sqrt(shared * np.sum(weighted_noise(weight, sigma[known]) ** 2))) / total
    return [float(weight @ core[known]) / total, error, 1 - float(weight @ first[known]) / total, error, *sums]


def _mixed_cells(mixed: NDArray[np.bool_]) -> list[float]:
    """Share of the pixels, and its standard error if those of a patch are mixed together."""
    share = float(mixed.mean())
    return [share, float(np.sqrt(share * (1 - share) * _PATCH_PX**2 / mixed.size))]


def _neighbours(particles: Particles, number: int, place: tuple[slice, slice]) -> list[int]:
    """Numbers of the particles that touch one."""
    y, x = (slice(max(0, part.start - 1), part.stop + 1) for part in place)
    near = particles.labels[0][y, x]
    found: set[int] = set()
    for axis in range(2):
        one, other = (np.moveaxis(near, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        for own, partner in ((one, other), (other, one)):
            found |= set(np.unique(partner[own == number]).tolist())
    return sorted(found - {0, number})


def _facts(found: LabelledResult, config: SegmentConfig, scale: Scale) -> dict[str, Any]:
    blur_nm = found.rule.blur_px * scale.pixel_um * 1000
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "xanesmap_version": version("xanesmap"),
        "configuration": config.model_dump(mode="json"),
        "method": found.rule.method,
        "pure_threshold": found.rule.pure_threshold,
        "core_phase": scale.core_phase,
        "blur_sigma_nm": blur_nm,
        "resolution_fwhm_nm": blur_nm * FWHM,
        "blur_source": "unknown" if config.resolution_nm is None else "given",
        "particles": found.particles.count,
        "fragments": found.particles.n_fragments,
        "warnings": list(_warnings(found, config)),
    }


def _warnings(found: LabelledResult, config: SegmentConfig) -> Iterator[str]:
    yield OVERLAP
    particles = found.particles
    if particles.found.is_empty:
        yield "The mask is empty: there is no sample, so there are no phases and no particles."
    elif particles.count == 0:
        yield f"No part of the sample has {config.least_voxels} pixels: there are fragments, but no particles."
    if particles.n_fragments:
        yield f"{particles.n_fragments} fragments with {particles.fragment_voxels} pixels together got no number."
    if particles.found.cut.any():
        yield f"The field of view cuts {np.count_nonzero(particles.found.cut)} of {particles.count} particles."
