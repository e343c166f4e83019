"""The table of particles that have a core in a shell: shell, evenness against its null, front."""

from __future__ import annotations

import numpy as np

from xanesmap.phasemap.morphology.core_shell import Evenness
from xanesmap.phasemap.morphology.depth_profile import shrinking_core_depth
from xanesmap.phasemap.morphology.front_errors import error_of
from xanesmap.phasemap.morphology.particle_measures import POSITION_ERROR_PX, CoreShell, ParticleMeasures
from xanesmap.phasemap.morphology.table_scale import Scale, with_error
from xanesmap.phasemap.morphology.tables import resolution_limit_px
from xanesmap.phasemap.surfaces.curvature import integral_of_gaussian_curvature
from xanesmap.phasemap.surfaces.mesh import vertex_areas

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


def core_shell_titles(scale: Scale) -> list[str]:
    """Titles of `core_shell_row`."""
    return [
        *("index", "core volume (um^3)", "core volume error (um^3)"),
        *(title for name in _THICKNESSES for title in with_error(f"shell thickness {name}", "um")),
        *("shell thickness error (um)", *with_error("shell thickness variation", "1")),
        *with_error("shell thickness of a shrunk ball", "um"),
        *(title for axis in scale.axes for title in with_error(f"shell thickness along {axis}", "um")),
        *with_error("shell coverage", "1"),
        *with_error("core enclosure", "1"),
        *(title for axis in "zyx" for title in with_error(f"core offset {axis}", "um")),
        *(column for name in Evenness.names() for column in _evenness_titles(name)),
        "evenly shrunk (yes, no or unknown)",
        *("front area (um^2)", "front area error (um^2)", *with_error("front area per volume", "1/um")),
        *with_error("front mean curvature", "1/um"),
        *with_error("front Gaussian curvature", "1/um^2"),
        *("front curvature resolved (1)", "Gauss-Bonnet ratio (1)"),
        *with_error("front roughness", "um"),
        *with_error("front normal anisotropy", "1"),
    ]


def _evenness_titles(name: str) -> tuple[str, ...]:
    words = name.replace("_", " ")
    return *with_error(words, "1"), f"{words} null low (1)", f"{words} null high (1)"


def core_shell_row(one: ParticleMeasures, pair: CoreShell, *, scale: Scale) -> list[object]:
    """Line of one particle."""
    um, shell, errors = scale.pixel_um, pair.summary, pair.errors
    area = pair.shape.area
    core = one.composition.core_share * one.body.volume
    core_error = float(np.hypot(POSITION_ERROR_PX * area, _known(errors, "core_share") * one.body.volume))
    along = [cell for i, value in enumerate(shell.along) for cell in (value * um, error_of(errors, f"along_{i}") * um)]
    offsets = zip(pair.offset, "zyx", strict=True)
    return [
        *(one.number, core * um**3, core_error * um**3),
        *(cell for name in _THICKNESSES.values() for cell in (getattr(shell, name) * um, error_of(errors, name) * um)),
        *(pair.thickness_error * um, shell.variation, error_of(errors, "variation")),
        *(cell * um for cell in _shrunk_ball(one, core_error)),
        *along,
        *(shell.coverage, error_of(errors, "coverage")),
        *(area / (area + pair.exposed_area), error_of(errors, "enclosure")),
        *(cell for value, axis in offsets for cell in (value * um, error_of(errors, f"offset_{axis}") * um)),
        *(cell for name in Evenness.names() for cell in _evenness_cells(pair, name)),
        _evenly_shrunk(pair),
        *_area_cells(one, pair, core=core, um=um),
        *_form_cells(one, pair, scale),
    ]


def _known(errors: dict[str, float], name: str) -> float:
    """Error of that name, 0 where it is not known, to be added to others."""
    return float(np.nan_to_num(error_of(errors, name)))


def _shrunk_ball(one: ParticleMeasures, core_error: float) -> tuple[float, float]:
    """Shell of a ball of the same volume that shrank evenly, and its error, voxels."""
    volume, share = one.body.volume, one.composition.core_share
    radius = float(np.cbrt(3 * volume / (4 * np.pi)))
    inner = radius * float(np.cbrt(share))
    thickness = radius * float(shrinking_core_depth(1 - share))
    # the outer radius by the surface, the inner one by the core's volume
    return thickness, float(np.hypot(one.errors.radius, core_error / (4 * np.pi * inner**2)))


def _area_cells(one: ParticleMeasures, pair: CoreShell, *, core: float, um: float) -> list[float]:
    """Area of the front, and that per volume of the particle; errors of both places and of noise."""
    area, volume = pair.shape.area, one.body.volume
    noise = _known(pair.errors, "area") / area
    of_area = float(np.hypot(2 * POSITION_ERROR_PX / float(np.cbrt(3 * core / (4 * np.pi))), noise))
    specific = area / volume / um
    error = specific * float(np.hypot(of_area, one.errors.volume / volume))
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
        *(shape.gaussian_curvature / um**2, error_of(errors, "gaussian_curvature") / um**2),
        *(float(resolved), bonnet),
        *(shape.roughness * um, error_of(errors, "roughness") * um),
        *(shape.normal_anisotropy, error_of(errors, "normal_anisotropy")),
    ]
