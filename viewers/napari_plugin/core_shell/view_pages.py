"""Pages for drawings of the core-shell view: which colours their legend or colour bar tells."""

from __future__ import annotations

from typing import Any

import numpy as np

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.colours import formula_text, fraction_map, phase_colours
from xanesmap.viewers.movies.view_page import ColourScale, Page
from xanesmap.viewers.napari_plugin.core_shell.bodies import core_index
from xanesmap.viewers.napari_plugin.core_shell.view import Drawing, Style


def page_of(result: PhaseMap, drawing: Drawing, style: Style, **options: Any) -> Page:
    """Page with the colours of a drawing.

    Parameters
    ----------
    result
        What was drawn.
    drawing
        The drawing.
    style
        How it was drawn.
    options
        All other fields of `Page`.
    """
    if drawing.values is not None:
        values = drawing.values
        return Page(colours=ColourScale(title=values.name, ramp=values.ramp, limits=values.limits), **options)
    if style == "fraction":
        core = core_index(result)
        ramp = fraction_map(result.phases, core)(np.linspace(0, 1, 256))
        title = f"fraction of {formula_text(result.phases[core])}"
        return Page(colours=ColourScale(title=title, ramp=ramp, limits=(0.0, 1.0)), **options)
    colours = phase_colours(result.phases).tolist()
    named = zip(result.label_names, colours, strict=False)
    shown = [
        (name, (red, green, blue))
        for name, (red, green, blue) in named
        if name in result.phases or _seen(drawing, (red, green, blue))
    ]
    return Page(legend=tuple(shown), **options)


def _seen(drawing: Drawing, colour: tuple[float, float, float]) -> bool:
    """Whether a colour is on any surface, such as that of what is mixed."""
    return any(bool(np.isclose(surface.mesh.values, colour).all(axis=1).any()) for surface in drawing.surfaces)
