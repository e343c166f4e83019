"""Light on the surfaces of napari's canvas: softer than its own, so that a side turned away keeps its colour."""

from __future__ import annotations

from typing import Any

import napari
from napari.layers import Surface

AMBIENT = 0.45
"""Share of the light that comes from everywhere."""


def soften_light(viewer: napari.Viewer, layer: Surface, *, ambient: float = AMBIENT) -> None:
    """Give a surface more light from everywhere and take the gloss off; nothing where napari has no canvas for it.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        A shaded surface in it.
    ambient
        Share of the light that comes from everywhere, 0 to 1.
    """
    shown = canvas_of(viewer)
    node: Any = shown.layer_to_visual[layer].node if shown is not None and layer in shown.layer_to_visual else None
    if not hasattr(node, "shading_filter"):
        return
    if node.shading_filter is None:  # in 2-D there is none, and in 3-D later it would be napari's
        node.shading, node.shading = "smooth", None
    light = node.shading_filter
    light.ambient_light = (1.0, 1.0, 1.0, ambient)
    light.diffuse_light = (1.0, 1.0, 1.0, 1.0 - ambient)
    light.specular_light = (1.0, 1.0, 1.0, 0.0)


def canvas_of(viewer: napari.Viewer) -> Any:
    """Canvas of a viewer, of which napari has no public name; None of a viewer without a window."""
    real = getattr(viewer, "__wrapped__", viewer)  # napari hands docked widgets a proxy
    window = getattr(real, "window", None)
    qt_viewer = getattr(window, "_qt_viewer", None)
    return getattr(qt_viewer, "canvas", None)
