"""Tables of a segmentation: one function a table, titles with units, lengths turned from voxels into um."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.core_shell import Evenness
from xanesmap.phasemap.curvature import ShapeDistribution, integral_of_gaussian_curvature
from xanesmap.phasemap.depth_profile import shrinking_core_depth
from xanesmap.phasemap.front_errors import error_of
from xanesmap.phasemap.interface_profile import VOXEL_DEVIATION, WIDTH_10_90
from xanesmap.phasemap.minkowski import fractional_anisotropy
from xanesmap.phasemap.particle_measures import POSITION_ERROR_PX, CoreShell, ParticleMeasures
from xanesmap.phasemap.surface import vertex_areas

FloatArray = NDArray[np.floating[Any]]
Table = tuple[list[str], list[list[object]]]

_NAN = float("nan")
# Titles of shell thicknesses, and the names of their values and errors.
_THICKNESSES = {
    "least": "least",
    "10 %": "tenth",
    "median": "median",
    "90 %": "nine_tenths",
    "largest": "largest",
    "mean": "mean",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From voxels to um, with the names that titles need."""

    pixel_um: float
    blur_px: float
    core_phase: str
    first_phase: str
    axes: tuple[str, ...]


def particle_table(
    measures: Sequence[ParticleMeasures],
    *,
    contacts: Mapping[tuple[int, int], float],
    cut: NDArray[np.bool_],
    scale: Scale,
) -> Table:
    """One line per particle: size, shape, composition, neighbours. The first column is what a label viewer matches."""
    header = [
        *("index", "structure", "verdict", "cut by field (0 or 1)"),
        *("centroid z (um)", "centroid y (um)", "centroid x (um)"),
        *("volume (um^3)", "volume error (um^3)", "pore volume (um^3)"),
        *("equivalent diameter (um)", "equivalent diameter error (um)"),
        *("surface (um^2)", "surface error (um^2)", "sphericity (1)", "sphericity error (1)"),
        *("semi-axis a (um)", "semi-axis b (um)", "semi-axis c (um)", "fractional anisotropy (1)"),
        *("axis a z (1)", "axis a y (1)", "axis a x (1)"),
        *(f"mean fraction of {scale.core_phase} (1)", "mean fraction error (1)"),
        *(f"state of charge, 1 - {scale.first_phase} (1)", "state of charge error (1)"),
        *("amount, edge step times volume (um^2)", "amount error (um^2)"),
        *(f"share of volume above half {scale.core_phase} (1)", "share of volume mixed (1)"),
        *("neighbours", "contact area (um^2)"),
    ]
    return header, [_particle_row(one, contacts, cut, scale.pixel_um) for one in measures]


def _particle_row(
    one: ParticleMeasures, contacts: Mapping[tuple[int, int], float], cut: NDArray[np.bool_], um: float
) -> list[object]:
    body, what = one.body, one.composition
    volume = one.voxels + one.pore_voxels
    radius, area = body.equivalent_radius, body.surface.area
    # a surface that lies d too far out makes a ball 3 d / R too large, and its area 2 d / R
    off = POSITION_ERROR_PX / radius
    sphericity = 4 * np.pi * radius**2 / area if area else _NAN
    touching = {pair: value for pair, value in contacts.items() if one.number in pair and 0 not in pair}
    neighbours = sorted(other for pair in touching for other in pair if other != one.number)
    return [
        *(one.number, one.structure, one.evidence.verdict, int(cut[one.number - 1])),
        *((body.axes.centroid + one.origin) * um),
        *(volume * um**3, 3 * off * volume * um**3, one.pore_voxels * um**3),
        *(2 * radius * um, 2 * POSITION_ERROR_PX * um),
        *(area * um**2, 2 * off * area * um**2, sphericity, 2 * off * sphericity),
        *(body.axes.lengths * um),
        fractional_anisotropy(body.axes.lengths),
        *body.axes.directions[0],
        *(what.core, what.error, 1 - what.first, what.error),
        *(what.amount * um**3, what.amount_error * um**3, what.core_share, what.mixed_share),
        *(";".join(map(str, neighbours)), sum(touching.values()) * um**2),
    ]


def core_shell_table(measures: Sequence[ParticleMeasures], *, scale: Scale) -> Table:
    """One line per particle that has a core and a shell: shell, evenness against its null, front."""
    header = [
        *("index", "core volume (um^3)", "core volume error (um^3)"),
        *(title for name in _THICKNESSES for title in _with_error(f"shell thickness {name}", "um")),
        *("shell thickness error (um)", *_with_error("shell thickness variation", "1")),
        "shell thickness of a shrunk ball (um)",
        *(title for axis in scale.axes for title in _with_error(f"shell thickness along {axis}", "um")),
        *_with_error("shell coverage", "1"),
        *_with_error("core enclosure", "1"),
        *(title for axis in "zyx" for title in _with_error(f"core offset {axis}", "um")),
        *(column for name in Evenness.names() for column in _evenness_titles(name)),
        "evenly shrunk (yes, no or unknown)",
        *("front area (um^2)", "front area error (um^2)", *_with_error("front area per volume", "1/um")),
        *_with_error("front mean curvature", "1/um"),
        *("front curvature resolved (1)", "Gauss-Bonnet ratio (1)"),
        *_with_error("front roughness", "um"),
        *_with_error("front normal anisotropy", "1"),
    ]
    rows = [_core_shell_row(one, one.core_shell, scale) for one in measures if one.core_shell is not None]
    return header, rows


def _with_error(name: str, unit: str) -> tuple[str, str]:
    return f"{name} ({unit})", f"{name} error ({unit})"


def _evenness_titles(name: str) -> tuple[str, ...]:
    words = name.replace("_", " ")
    return *_with_error(words, "1"), f"{words} null low (1)", f"{words} null high (1)"


def _core_shell_row(one: ParticleMeasures, pair: CoreShell, scale: Scale) -> list[object]:
    um, shell, errors = scale.pixel_um, pair.summary, pair.errors
    area = pair.shape.area
    core = one.composition.core_share * (one.voxels + one.pore_voxels)
    shrunk = one.body.equivalent_radius * float(shrinking_core_depth(1 - one.composition.core_share))
    along = [cell for i, value in enumerate(shell.along) for cell in (value * um, error_of(errors, f"along_{i}") * um)]
    offsets = zip(pair.offset, "zyx", strict=True)
    return [
        *(one.number, core * um**3, POSITION_ERROR_PX * area * um**3),
        *(cell for name in _THICKNESSES.values() for cell in (getattr(shell, name) * um, error_of(errors, name) * um)),
        *(pair.thickness_error * um, shell.variation, error_of(errors, "variation"), shrunk * um),
        *along,
        *(shell.coverage, error_of(errors, "coverage")),
        *(area / (area + pair.exposed_area), error_of(errors, "enclosure")),
        *(cell for value, axis in offsets for cell in (value * um, error_of(errors, f"offset_{axis}") * um)),
        *(cell for name in Evenness.names() for cell in _evenness_cells(pair, name)),
        _evenly_shrunk(pair),
        *_area_cells(one, pair, core=core, um=um),
        *_form_cells(one, pair, scale),
    ]


def _area_cells(one: ParticleMeasures, pair: CoreShell, *, core: float, um: float) -> list[float]:
    """Area of the front, and that per volume of the particle; errors of the places of front and surface."""
    area, volume = pair.shape.area, one.voxels + one.pore_voxels
    of_area = 2 * POSITION_ERROR_PX / float(np.cbrt(3 * core / (4 * np.pi)))
    of_volume = 3 * POSITION_ERROR_PX / one.body.equivalent_radius
    noise = np.nan_to_num(error_of(pair.errors, "area")) / area
    specific = area / volume / um
    error = specific * float(np.sqrt(of_area**2 + of_volume**2 + noise**2))
    return [area * um**2, of_area * area * um**2, specific, error]


def _evenness_cells(pair: CoreShell, name: str) -> tuple[float, ...]:
    interval = pair.null.get(name)
    ends = (_NAN, _NAN) if interval is None else (interval.low, interval.high)
    return float(getattr(pair.evenness, name)), error_of(pair.errors, name), *ends


def _evenly_shrunk(pair: CoreShell) -> str:
    if not pair.null:
        return "unknown"
    inside = (pair.null[name].holds(getattr(pair.evenness, name)) for name in ("depth_spread", "offset"))
    return "yes" if all(inside) else "no"


def _form_cells(one: ParticleMeasures, pair: CoreShell, scale: Scale) -> list[float]:
    """Curvature, share of it within the resolution, check by Gauss and Bonnet, roughness, anisotropy of the normals."""
    surface, curvature, um = one.front.surface, one.front.curvature, scale.pixel_um
    shape, errors = pair.shape, pair.errors
    weight = vertex_areas(surface)
    low, high = curvature.principal
    limit = resolution_limit_px(scale.blur_px)
    resolved = weight[(np.abs(low) < limit) & (np.abs(high) < limit)].sum() / weight.sum()
    total = 2 * np.pi * surface.euler_characteristic
    bonnet = integral_of_gaussian_curvature(surface, curvature) / total if surface.is_closed and total else _NAN
    return [
        *(shape.mean_curvature / um, error_of(errors, "mean_curvature") / um),
        *(float(resolved), bonnet),
        *(shape.roughness * um, error_of(errors, "roughness") * um),
        *(shape.normal_anisotropy, error_of(errors, "normal_anisotropy")),
    ]


def resolution_limit_px(blur_px: float) -> float:
    """Largest curvature that blur leaves standing, 1/voxel: that of a radius of two blurs."""
    return float(1 / (2 * np.hypot(blur_px, VOXEL_DEVIATION)))


def verdict_table(measures: Sequence[ParticleMeasures], *, scale: Scale) -> Table:
    """One line per particle: two phases or a solid solution, with the evidence."""
    header = [
        *("index", "verdict", "share between 0.1 and 0.9 (1)", "expected of a sharp front (1)"),
        *("excess (1)", "excess error (1)"),
        *("front width 10-90 % (um)", "front width error (um)", "width by blur alone (um)", "intrinsic width (um)"),
        *("histogram components", "residual near front over elsewhere (1)"),
    ]
    return header, [_verdict_row(one, scale.pixel_um) for one in measures]


def _verdict_row(one: ParticleMeasures, um: float) -> list[object]:
    found, edge = one.evidence, one.evidence.edge
    width = [_NAN, _NAN] if edge is None else [edge.width * um, edge.width_error * um]
    intrinsic = _NAN if edge is None else edge.intrinsic_width(found.blur_width / WIDTH_10_90) * um
    return [
        *(one.number, found.verdict, found.observed, found.predicted, found.excess, found.excess_error),
        *(*width, found.blur_width * um, intrinsic, found.components, found.residual_ratio),
    ]


def depth_table(measures: Sequence[ParticleMeasures], *, scale: Scale) -> Table:
    """Composition against depth, a line per particle and layer."""
    header = [
        *("index", "depth from (um)", "depth to (um)", "voxels"),
        *(f"mean fraction of {scale.core_phase} (1)", "error (1)"),
        *("fraction of an evenly shrunk core (1)", "within blur of the surface (0 or 1)"),
    ]
    near = 2 * np.hypot(scale.blur_px, VOXEL_DEVIATION)
    rows = [row for one in measures for row in _depth_rows(one, scale.pixel_um, near)]
    return header, rows


def _depth_rows(one: ParticleMeasures, um: float, near: float) -> list[list[object]]:
    profile = one.profile
    lines = zip(profile.voxels, profile.mean, profile.error, one.even_profile, strict=True)
    return [
        [one.number, profile.edges[i] * um, profile.edges[i + 1] * um, *line, int(profile.edges[i] < near)]
        for i, line in enumerate(lines)
        if line[0] > 0
    ]


def shape_distribution_table(found: ShapeDistribution) -> Table:
    """Interfacial shape distribution of all fronts, a line per pair of curvatures with area; edges in 1/um."""
    header = ["k1 from (1/um)", "k1 to (1/um)", "k2 from (1/um)", "k2 to (1/um)", "density of area (um^2)"]
    edges = found.edges
    rows: list[list[object]] = [
        [edges[i], edges[i + 1], edges[j], edges[j + 1], found.density[i, j]] for i, j in np.argwhere(found.density > 0)
    ]
    return header, rows


def phase_table(
    labels: NDArray[np.uint8], sums: FloatArray, *, names: Sequence[str], phases: Sequence[str], um: float
) -> Table:
    """Volume and mean composition of every label; `sums` is (amount, then amount times each fraction; label)."""
    header = [
        *("phase", "voxels", "volume (um^3)", "share of sample volume (1)", "mean edge step (1/um)"),
        *(f"mean fraction of {phase} (1)" for phase in phases),
    ]
    counts = np.bincount(labels.ravel(), minlength=len(names) + 1)[1:]
    total = max(int(counts.sum()), 1)
    rows: list[list[object]] = []
    for value, (name, n) in enumerate(zip(names, counts, strict=True), start=1):
        amount = sums[0, value]
        fractions = [float(one / amount) if amount > 0 else _NAN for one in sums[1:, value]]
        rows.append([name, int(n), n * um**3, n / total, float(amount / n) if n else _NAN, *fractions])
    return header, rows
