"""What stands around the layers of a result: scale bar, axes, colour bars, legend, table, and where sliders stand.

Everything follows the layers that are there, so a viewer is furnished once, whatever is opened in it later.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from napari.components.overlays import TextOverlay
from napari.layers import Labels, Layer

from xanesmap.viewers.napari_plugin.axis_steps import AxisSteps, length_text
from xanesmap.viewers.napari_plugin.layers.drawing_limits import volume_budget
from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE, label_colouring, level_in_3d, subscripted
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND, RESULT, STEPS
from xanesmap.viewers.napari_plugin.layers.particle_table import open_table_when_selected

STEP_TEXT = "xanesmap_steps"
"""Name among the overlays of the canvas of the text that tells the photon energy."""
LEGEND = "xanesmap_phase_"
"""Start of the names of those that tell the colours of the phases."""

_IN_COLOURS_OF_PHASES = (PHASE, "phase_labels_edited", "core-shell core", "core-shell shell", "core-shell voxels")
_TEXT_SIZE = 11
_BAR_PLACE = "top_right"
_DARK, _PALE = (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0, 1.0)


def furnish(viewer: Any) -> None:
    """Put furniture into a viewer; a second call does nothing.

    Parameters
    ----------
    viewer
        A viewer of napari, with or without a window.
    """
    if STEP_TEXT in viewer.canvas.overlays:
        return
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.canvas.overlays.axes.visible = True
    viewer.canvas.overlays.axes.colored = False  # the colour of the text, which shows on any background
    viewer.canvas.overlay_tiling.top_right = "vertical"
    viewer.canvas.overlays[STEP_TEXT] = TextOverlay(position="top_center", font_size=_TEXT_SIZE)
    update = partial(_update, viewer)
    _aim_cursor(viewer)
    for event in (viewer.dims.events.current_step, viewer.dims.events.order, viewer.dims.events.ndisplay):
        event.connect(update)
    # napari's own callbacks come before: they make the labels of the axes
    viewer.dims.events.axis_labels.connect(partial(_tell_axes, viewer), position="last")
    viewer.layers.events.removed.connect(update, position="last")
    viewer.layers.events.inserted.connect(partial(_dress_inserted, viewer), position="last")
    viewer.dims.events.ndisplay.connect(partial(_choose_levels, viewer))
    viewer.dims.events.ndisplay.connect(partial(_aim_cursor, viewer), position="first")
    viewer.dims.events.ndim.connect(partial(_aim_cursor, viewer), position="first")
    open_table_when_selected(viewer)
    for layer in viewer.layers:
        _dress(viewer, layer)
    update()


def _aim_cursor(viewer: Any, event: Any = None) -> None:
    """Let the cursor look along the view until the mouse moves.

    napari 0.9 leaves it without a direction, and then fails to tell the features of labels in 3-D.
    """
    del event
    displayed = viewer.dims.ndim, list(range(viewer.dims.ndim))[-3:]
    viewer.cursor._view_direction = viewer.scene.camera.calculate_nd_view_direction(*displayed)  # noqa: SLF001


def _dress_inserted(viewer: Any, event: Any) -> None:
    _dress(viewer, event.value)
    _update(viewer)


def _dress(viewer: Any, layer: Layer) -> None:
    """Give a layer of ours its colour bar, and follow whether it is shown."""
    if KIND not in layer.metadata:
        return
    layer.events.visible.connect(partial(_show_colour_bar, layer))
    layer.events.visible.connect(partial(_update, viewer))
    _show_colour_bar(layer)
    lock_level(layer, in_3d=viewer.dims.ndisplay == 3)
    if isinstance(layer, Labels) and isinstance(layer.data, GuardedArray):
        layer.editable = False  # labels on disk cannot be painted


def _show_colour_bar(layer: Layer, event: Any = None) -> None:
    """Put a colour bar and its name beside a map when it is first shown: making all at once would take a second."""
    del event
    colour_bar = getattr(layer, "colorbar", None)
    if colour_bar is None or not layer.visible or layer.name_overlay.position == _BAR_PLACE:
        return
    if getattr(layer, "vertex_colors", None) is not None:  # a surface in colours of its own
        return
    layer.name_overlay.position = _BAR_PLACE
    layer.name_overlay.visible = colour_bar.visible = True


def _update(viewer: Any, event: Any = None) -> None:
    del event
    _tell_steps(viewer)
    _tell_axes(viewer)
    _tell_phases(viewer)


def _tell_steps(viewer: Any) -> None:
    """Photon energy, and angle of a scan, of the topmost layer shown that has them."""
    shown = [layer for layer in viewer.layers if layer.visible and STEPS in layer.metadata]
    texts = [] if not shown else [steps.place(index) for _, steps, index in _stepped_axes(viewer, shown[-1])]
    text = viewer.canvas.overlays[STEP_TEXT]
    text.text = "   ".join(texts)
    text.visible = bool(texts)


def _stepped_axes(viewer: Any, layer: Layer) -> list[tuple[int, AxisSteps, int]]:
    """Axis of the viewer, its steps, and the step it stands at, of those axes that are not displayed."""
    first = viewer.dims.ndim - layer.ndim
    places = {label: first + place for place, label in enumerate(layer.axis_labels)}
    steps = [(places[steps.name], steps) for steps in layer.metadata[STEPS] if steps.name in places]
    current = viewer.dims.current_step
    return [(axis, found, int(current[axis])) for axis, found in steps if axis not in viewer.dims.displayed]


def _tell_axes(viewer: Any, event: Any = None) -> None:
    """Write beside each slider what it stands at; axes that are displayed keep their names."""
    del event
    ours = [layer for layer in viewer.layers if KIND in layer.metadata]
    if not ours:
        return
    labels = list(viewer.layers.axis_labels)
    for axis in viewer.dims.not_displayed:
        if str(viewer.dims.units[axis]) == "micrometer":
            labels[axis] = length_text(labels[axis], viewer.dims.point[axis])
    for layer in ours:
        for axis, steps, index in _stepped_axes(viewer, layer) if STEPS in layer.metadata else ():
            labels[axis] = steps.text(index)
    if tuple(labels) != viewer.dims.axis_labels:
        viewer.dims.axis_labels = tuple(labels)


def _tell_phases(viewer: Any) -> None:
    """A legend of the phases while their labels are shown."""
    shown = [layer for layer in viewer.layers if layer.visible and layer.metadata.get(KIND) in _IN_COLOURS_OF_PHASES]
    result = shown[-1].metadata[RESULT] if shown else None
    names = () if result is None else result.label_names
    colours: Mapping[Any, Any] = {} if result is None else label_colouring(result.phases)
    overlays = viewer.canvas.overlays
    for key in [key for key in overlays if key.startswith(LEGEND)][len(names) :]:
        del overlays[key]
    for value, name in enumerate(names, start=1):
        key, colour = f"{LEGEND}{value}", colours[value]
        if key not in overlays:
            overlays[key] = TextOverlay(position="top_left", font_size=_TEXT_SIZE, box=True, visible=True)
        overlay = overlays[key]
        overlay.text, overlay.box_color = subscripted(name), colour
        overlay.color = _DARK if sum(colour[:3]) > 1.2 else _PALE


def _choose_levels(viewer: Any, event: Any = None) -> None:
    del event
    for layer in viewer.layers:
        lock_level(layer, in_3d=viewer.dims.ndisplay == 3)


def lock_level(layer: Layer, *, in_3d: bool) -> None:
    """In 3-D show the finest level that fits (napari shows the coarsest); in 2-D leave the choice to napari."""
    if KIND not in layer.metadata or not getattr(layer, "multiscale", False):
        return
    shapes = [level.shape for level in layer.data]
    itemsize = layer.data[0].dtype.itemsize
    level = level_in_3d(shapes, itemsize, budget=volume_budget(itemsize)) if in_3d else None
    if level != layer.locked_data_level:  # napari would read the same again
        layer.locked_data_level = level
