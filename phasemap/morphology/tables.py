"""Tables of a segmentation other than those of particles and cores: a line for each particle, or for several."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.interface_profile import VOXEL_DEVIATION, WIDTH_10_90
from xanesmap.phasemap.morphology.particle_measures import ParticleMeasures
from xanesmap.phasemap.morphology.table_scale import Scale, Table, with_error
from xanesmap.phasemap.surfaces.curvature import ShapeDistribution

FloatArray = NDArray[np.floating[Any]]

_NAN = float("nan")
_PATCH_PX2 = 16.0  # area of a front over which its curvature is one value: that of the smoothing


def resolution_limit_px(blur_px: float) -> float:
    """Largest curvature that blur leaves standing, 1/voxel: that of a radius of two blurs."""
    return float(1 / (2 * np.hypot(blur_px, VOXEL_DEVIATION)))


def verdict_titles() -> list[str]:
    """Titles of `verdict_row`: two phases or a solid solution, with the evidence."""
    return [
        *("index", "verdict", "share between 0.1 and 0.9 (1)", "share error (1)"),
        *("expected of a sharp front (1)", "expected error (1)"),
        *("excess (1)", "excess error (1)"),
        *("front width 10-90 % (um)", "front width error (um)"),
        *("width by blur alone (um)", "width by blur error (um)"),
        *with_error("intrinsic width", "um"),
        *("histogram components", "residual near front over elsewhere (1)", "residual ratio error (1)"),
    ]


def verdict_row(one: ParticleMeasures, *, scale: Scale) -> list[object]:
    """Line of one particle."""
    found, edge, um = one.evidence, one.evidence.edge, scale.pixel_um
    blur = found.blur_width / WIDTH_10_90
    width = [_NAN] * 4
    if edge is not None:
        intrinsic = edge.intrinsic_width(blur), edge.intrinsic_width_error(blur, found.blur_width_error / WIDTH_10_90)
        width = [edge.width, edge.width_error, *intrinsic]
    return [
        *(one.number, found.verdict, found.observed, found.observed_error, found.predicted, found.predicted_error),
        *(found.excess, found.excess_error),
        *(width[0] * um, width[1] * um, found.blur_width * um, found.blur_width_error * um),
        *(width[2] * um, width[3] * um),
        *(found.components, found.residual_ratio, found.residual_ratio_error),
    ]


def depth_titles(scale: Scale) -> list[str]:
    """Titles of `depth_rows`: composition against depth."""
    return [
        *("index", "depth from (um)", "depth to (um)", "voxels"),
        *(f"mean fraction of {scale.core_phase} (1)", "error (1)"),
        *("fraction of an evenly shrunk core (1)", "within blur of the surface (0 or 1)"),
    ]


def depth_rows(one: ParticleMeasures, *, scale: Scale) -> list[list[object]]:
    """A line for each layer of one particle."""
    profile, um, near = one.profile, scale.pixel_um, 2 * np.hypot(scale.blur_px, VOXEL_DEVIATION)
    lines = zip(profile.voxels, profile.mean, profile.error, one.even_profile, strict=True)
    return [
        [one.number, profile.edges[i] * um, profile.edges[i + 1] * um, *line, int(profile.edges[i] < near)]
        for i, line in enumerate(lines)
        if line[0] > 0
    ]


def shape_distribution_table(found: ShapeDistribution, *, scale: Scale) -> Table:
    """Interfacial shape distribution of all fronts, a line per pair of curvatures with area; edges in 1/um."""
    header = [
        "k1 from (1/um)",
        "k1 to (1/um)",
        "k2 from (1/um)",
        "k2 to (1/um)",
        *with_error("density of area", "um^2"),
    ]
    edges, patch = found.edges, _PATCH_PX2 * scale.pixel_um**2
    width = edges[1] - edges[0]
    rows: list[list[object]] = []
    for i, j in np.argwhere(found.density > 0):
        density = float(found.density[i, j])
        # so many patches of the front as fit into that area lie in the cell by chance
        area = density * width**2 * found.area
        error = density * float(np.sqrt(patch / max(area, patch)))
        rows.append([edges[i], edges[i + 1], edges[j], edges[j + 1], density, error])
    return header, rows
