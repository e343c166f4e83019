"""Drawings of the core-shell view as layers of napari."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from napari.layers import Labels, Layer
from napari.layers import Surface as SurfaceLayer
from napari.utils import Colormap

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.movies.view_directions import Camera
from xanesmap.viewers.napari_plugin.core_shell.lit_surfaces import AMBIENT, soften_light
from xanesmap.viewers.napari_plugin.core_shell.scene import Surface
from xanesmap.viewers.napari_plugin.core_shell.triangle_cutting import Mesh
from xanesmap.viewers.napari_plugin.core_shell.view import Drawing, Sphere, Voxels
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE, label_colouring
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND, REMOVED, RESULT, layer_of_kind

PREFIX = "core-shell "
"""Begins the kind of all layers of the view."""

_FILLED = 0.92  # share of the canvas across which the ball around everything lies
_GLASS_AMBIENT = 0.7
_VALUE_AMBIENT = 0.75  # colours that stand for numbers shall be found again in their bar
_PALE = 0.35  # white in the colours of what is transparent, which would darken what is behind
_UNKNOWN = (0.7, 0.7, 0.7)
_UM = ("um", "um", "um")


def show_drawing(viewer: napari.Viewer, result: PhaseMap, drawing: Drawing) -> list[Layer]:
    """Show a drawing in place of the last one.

    Parameters
    ----------
    viewer
        The viewer.
    result
        What was drawn.
    drawing
        The drawing.

    Returns
    -------
    list of Layer
        Its layers, from below.
    """
    phase = layer_of_kind(viewer, PHASE)
    if phase is not None:
        phase.metadata[REMOVED] = drawing.removed
    wanted = _wanted(drawing)
    present = {layer.metadata[KIND]: layer for layer in own_layers(viewer)}
    if list(present) != [PREFIX + name for name in wanted]:
        viewer.layers.selection.clear()  # else the layer below is selected, and its table may open
        for layer in present.values():
            viewer.layers.remove(layer)
        present = {}
    return [_put(viewer, result, name, part, present.get(PREFIX + name)) for name, part in wanted.items()]


def own_layers(viewer: napari.Viewer) -> list[Layer]:
    """Layers of the view in a viewer, from below."""
    return [layer for layer in viewer.layers if str(layer.metadata.get(KIND, "")).startswith(PREFIX)]


def forget_cut(viewer: napari.Viewer) -> None:
    """Let clicks meet all of the phase labels again."""
    phase = layer_of_kind(viewer, PHASE)
    if phase is not None:
        phase.metadata.pop(REMOVED, None)


def hide_others(viewer: napari.Viewer) -> None:
    """Hide all other layers of results."""
    for layer in viewer.layers:
        of_view = str(layer.metadata.get(KIND, "")).startswith(PREFIX)
        if layer.visible and RESULT in layer.metadata and not of_view:  # napari draws anew for hidden ones too
            layer.visible = False


def _wanted(drawing: Drawing) -> dict[str, Any]:
    """Parts by the names of their layers."""
    parts: dict[str, Any] = {surface.name: surface for surface in drawing.surfaces}
    if drawing.voxels is not None:
        parts["voxels"] = drawing.voxels
    if drawing.values is not None:
        if not drawing.values.unknown.empty:
            parts[f"no {drawing.values.title}"] = drawing.values.unknown
        parts[drawing.values.name] = drawing.values
    return parts


def _put(viewer: napari.Viewer, result: PhaseMap, name: str, part: Any, present: Layer | None) -> Layer:
    options = {"name": name, "metadata": {RESULT: result, KIND: PREFIX + name}, "units": _UM}
    if isinstance(part, Voxels):
        return _put_voxels(viewer, result, part, present, options)
    if isinstance(part, Surface):
        pale = _PALE if part.opacity < 1 else 0.0
        colours = np.column_stack([part.mesh.values * (1 - pale) + pale, np.ones(len(part.mesh.values))])
        layer = _put_colours(viewer, part.mesh, colours.astype(np.float32), present, options)
        layer.opacity = part.opacity
        # what is transparent must not hide what is drawn after it, and shows what lies behind
        layer.blending = "translucent" if part.opacity < 1 else "opaque"
        ambient = _VALUE_AMBIENT if part.by_value else AMBIENT
        soften_light(viewer, layer, ambient=_GLASS_AMBIENT if part.opacity < 1 else ambient)
        return layer
    if isinstance(part, Mesh):
        colours = np.broadcast_to(np.array([*_UNKNOWN, 1.0], np.float32), (len(part.vertices), 4)).copy()
        layer = _put_colours(viewer, part, colours, present, options)
        soften_light(viewer, layer)
        return layer
    return _put_values(viewer, part, present, options)


def _put_colours(
    viewer: napari.Viewer, mesh: Mesh, colours: Any, present: Layer | None, options: dict[str, Any]
) -> SurfaceLayer:
    vertices = mesh.vertices.astype(np.float32)
    if present is None:
        return viewer.add_surface((vertices, mesh.faces), vertex_colors=colours, shading="smooth", **options)
    with present.events.blocker_all():  # each of these would have the surface built anew
        present.vertex_colors = None  # of the old number of vertices
        present.data = (vertices, mesh.faces)
    present.vertex_colors = colours
    return present


def _put_values(viewer: napari.Viewer, part: Any, present: Layer | None, options: dict[str, Any]) -> SurfaceLayer:
    data = (part.mesh.vertices.astype(np.float32), part.mesh.faces, part.mesh.values[:, 0].astype(np.float32))
    if present is None:
        colours = Colormap(part.ramp, name=part.title)
        present = viewer.add_surface(data, colormap=colours, shading="smooth", **options)
        present.colorbar.visible = True
    else:
        present.data = data
    present.contrast_limits_range = part.limits
    present.contrast_limits = part.limits
    soften_light(viewer, present, ambient=_VALUE_AMBIENT)
    return present


def _put_voxels(
    viewer: napari.Viewer, result: PhaseMap, part: Voxels, present: Layer | None, options: dict[str, Any]
) -> Labels:
    if present is not None and present.data.shape == part.labels.shape:
        present.data = part.labels
    else:
        if present is not None:
            viewer.layers.remove(present)
        colours = label_colouring(result.phases)
        options |= {"colormap": colours, "rendering": "iso_categorical", "opacity": 1.0}
        present = viewer.add_labels(part.labels, **options)
    present.scale = (part.step_um,) * 3
    present.translate = tuple(part.origin_um)
    return present


def look_through(viewer: napari.Viewer, camera: Camera, sphere: Sphere | None = None) -> None:
    """Turn the camera, without perspective; with a ball, so that it fills the canvas.

    Parameters
    ----------
    viewer
        A viewer in 3-D.
    camera
        Where from.
    sphere
        What has to be seen; place and zoom stay when not given.
    """
    viewer.dims.ndisplay = 3
    seen = viewer.scene.camera
    seen.perspective = 0
    if sphere is not None:
        seen.center = sphere.centre_um
        seen.zoom = zoom_for(sphere, viewer.canvas.size)
    seen.set_view_direction(camera.view, camera.up)


def zoom_out_to(viewer: napari.Viewer, sphere: Sphere) -> None:
    """Let a ball fit into the canvas where it has outgrown it."""
    viewer.scene.camera.zoom = min(viewer.scene.camera.zoom, zoom_for(sphere, viewer.canvas.size))


def zoom_for(sphere: Sphere, size: tuple[int, int]) -> float:
    """Pixels per um at which a ball just fits into a canvas (height, width)."""
    return _FILLED * min(size) / (2 * sphere.radius_um)
