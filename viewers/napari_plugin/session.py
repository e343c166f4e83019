"""A result as a session in napari: its layers, scale bar, axes and the photon energy of the slider."""

from __future__ import annotations

from typing import Any

import napari
from napari.layers import Layer
from napari.utils import Colormap

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.layer_plan import MU, PlannedLayer, energy_text, level_in_3d, planned_layers

RESULT = "xanesmap_result"
"""Key under which the metadata of a layer hold its `PhaseMap`."""
KIND = "xanesmap_layer"
"""Key under which they hold the name the layer was planned with, which stays when it is renamed."""

FIRST_ANGLES = (0.0, -30.0, 125.0)
"""Camera of a new session, degrees."""


def layer_tuples(result: PhaseMap) -> list[tuple[Any, dict[str, Any], str]]:
    """Layers of a result as napari's readers give them: data, options, kind."""
    return [_layer_tuple(planned, result) for planned in planned_layers(result)]


def _layer_tuple(planned: PlannedLayer, result: PhaseMap) -> tuple[Any, dict[str, Any], str]:
    options: dict[str, Any] = {
        "name": planned.name,
        "scale": planned.scale,
        "axis_labels": planned.axes,
        "units": planned.units,
        "visible": planned.visible,
        "metadata": {RESULT: result, KIND: planned.name},
    }
    if planned.kind == "surface":
        options |= {"contrast_limits": planned.limits, "colormap": planned.ramp, "shading": "smooth"}
        return planned.data, options, planned.kind
    several = len(planned.data) > 1
    options["multiscale"] = several
    if planned.kind == "labels":
        options |= {"features": planned.features, "rendering": "iso_categorical", "opacity": 1.0}
        options |= {"colormap": dict(planned.label_colours)} if planned.label_colours else {}
    else:
        options |= {"contrast_limits": planned.limits, "colormap": _colormap(planned), "interpolation2d": "nearest"}
    return (planned.data if several else planned.data[0]), options, planned.kind


def _colormap(planned: PlannedLayer) -> Any:
    if planned.ramp is None or isinstance(planned.ramp, str):
        return planned.ramp
    return Colormap(planned.ramp, name=planned.name)


def open_session(viewer: napari.components.ViewerModel, result: PhaseMap) -> list[Layer]:
    """Show a result in a viewer: its layers, and the furniture of `furnish`.

    Parameters
    ----------
    viewer
        The viewer; layers that it has stay.
    result
        An opened result.
    """
    layers = []
    for data, options, kind in layer_tuples(result):
        layers.append(viewer._add_layer_from_data(data, options, kind)[0])  # noqa: SLF001  # what viewer.open calls
    furnish(viewer, result)
    start_in_3d(viewer)
    return layers


def furnish(viewer: napari.components.ViewerModel, result: PhaseMap) -> None:
    """Switch on scale bar and axes, and keep the photon energy in the corner while mu is shown."""
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.scene.overlays.axes.visible = True
    text = viewer.canvas.overlays.text

    def tell_energy(event: Any = None) -> None:
        del event
        mu = mu_layer(viewer)
        shown = mu is not None and mu.visible
        text.text = energy_text(result.energies_ev, viewer.dims.current_step[0]) if shown else ""
        text.visible = shown

    def choose_levels(event: Any = None) -> None:
        del event
        for layer in viewer.layers:
            lock_level(layer, in_3d=viewer.dims.ndisplay == 3)

    viewer.dims.events.current_step.connect(tell_energy)
    viewer.dims.events.ndisplay.connect(choose_levels)
    for layer in viewer.layers:
        if layer.metadata.get(KIND) == MU:
            layer.events.visible.connect(tell_energy)
    tell_energy()
    choose_levels()


def start_in_3d(viewer: napari.components.ViewerModel) -> None:
    """Look at the labels from above, in 3-D."""
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = FIRST_ANGLES


def mu_layer(viewer: napari.components.ViewerModel) -> Layer | None:
    """The layer of the attenuation; None where the result has none or it was removed."""
    return layer_of_kind(viewer, MU)


def layer_of_kind(viewer: napari.components.ViewerModel, kind: str) -> Layer | None:
    """The last layer that was planned with that name, whatever it is called now."""
    found = [layer for layer in viewer.layers if layer.metadata.get(KIND) == kind]
    return found[-1] if found else None


def shown_result(viewer: napari.components.ViewerModel) -> PhaseMap | None:
    """The result of the active layer, or of the topmost layer that has one."""
    active = viewer.layers.selection.active
    candidates = [*([active] if active is not None else []), *reversed(viewer.layers)]
    return next((layer.metadata[RESULT] for layer in candidates if RESULT in layer.metadata), None)


def lock_level(layer: Layer, *, in_3d: bool) -> None:
    """In 3-D show the finest level that fits (napari shows the coarsest); in 2-D leave the choice to napari."""
    if RESULT not in layer.metadata or not getattr(layer, "multiscale", False):
        return
    shapes = [level.shape for level in layer.data]
    layer.locked_data_level = level_in_3d(shapes, layer.data[0].dtype.itemsize) if in_3d else None
