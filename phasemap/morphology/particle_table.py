"""The table of particles: size, shape, composition, neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xanesmap.phasemap.morphology.contact_measures import total_contact
from xanesmap.phasemap.morphology.neck import Neck
from xanesmap.phasemap.morphology.particle_measures import ParticleMeasures
from xanesmap.phasemap.morphology.table_scale import Scale, side_by_side, with_error
from xanesmap.phasemap.surfaces.minkowski import fractional_anisotropy

_PORE_PLACE_PX = 0.3  # standard error of the place of the border of a pore, counted in voxels


def particle_titles(scale: Scale) -> list[str]:
    """Titles of `particle_row`. The first column is what a label viewer matches."""
    return [
        *("index", "structure", "verdict", "cut by field (0 or 1)"),
        *(title for axis in "zyx" for title in with_error(f"centroid {axis}", "um")),
        *with_error("volume", "um^3"),
        *with_error("pore volume", "um^3"),
        *with_error("equivalent diameter", "um"),
        *with_error("surface", "um^2"),
        *with_error("sphericity", "1"),
        *(title for axis in "abc" for title in with_error(f"semi-axis {axis}", "um")),
        *with_error("fractional anisotropy", "1"),
        *("axis a z (1)", "axis a y (1)", "axis a x (1)", "axis a angle error (degrees)"),
        *(f"mean fraction of {scale.core_phase} (1)", "mean fraction error (1)"),
        *(f"state of charge, 1 - {scale.first_phase} (1)", "state of charge error (1)"),
        *("amount, edge step times volume (um^2)", "amount error (um^2)"),
        *with_error(f"share of volume above half {scale.core_phase}", "1"),
        *with_error("share of volume mixed", "1"),
        "neighbours",
        *with_error("contact area", "um^2"),
    ]


def particle_row(one: ParticleMeasures, *, is_cut: bool, scale: Scale) -> list[object]:
    """Line of one particle, without `contact_cells`."""
    body, errors, what, um = one.body, one.errors, one.composition, scale.pixel_um
    radius, area = body.equivalent_radius, body.surface.area
    sphericity = 4 * np.pi * radius**2 / area if area else float("nan")
    return [
        *(one.number, one.structure, one.evidence.verdict, int(is_cut)),
        *side_by_side(body.axes.centroid + one.origin, errors.centroid, um),
        *(body.volume * um**3, errors.volume * um**3),
        *(one.pore_voxels * um**3, _PORE_PLACE_PX * one.pore_area * um**3),
        *(2 * radius * um, 2 * errors.radius * um),
        *(area * um**2, errors.area * um**2, sphericity, errors.sphericity * sphericity),
        *side_by_side(body.axes.lengths, errors.lengths, um),
        *(fractional_anisotropy(body.axes.lengths), errors.anisotropy),
        *(*body.axes.directions[0], float(np.degrees(errors.direction))),
        *(what.core, what.error, 1 - what.first, what.error),
        *(what.amount * um**3, what.amount_error * um**3),
        *(what.core_share, _core_share_error(one), what.mixed_share, what.mixed_share_error),
    ]


def contact_cells(contacts: Mapping[int, Neck], *, scale: Scale) -> list[object]:
    """Neighbours of a particle, and the area of its contacts with them: the end of its line."""
    area, error = total_contact(contacts)
    return [";".join(map(str, sorted(contacts))), area * scale.pixel_um**2, error * scale.pixel_um**2]


def _core_share_error(one: ParticleMeasures) -> float:
    """By drawing the noise again where there is a front, which knows how far neighbours are alike."""
    drawn = None if one.core_shell is None else one.core_shell.errors.get("core_share")
    return one.composition.core_share_error if drawn is None else drawn
