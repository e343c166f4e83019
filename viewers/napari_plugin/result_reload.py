"""Layers of a result that was changed on disk, brought up to date where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.layers import EDITED_LAYERS
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.layers.own_layers import add_layer
from xanesmap.viewers.napari_plugin.session import KIND, RESULT, layer_of_kind, layer_tuples
from xanesmap.viewers.napari_plugin.spectrum.probe_layers import activate

_ADDED_BY_SEGMENTING = ("labels", "surface")


def reload_result(viewer: Any, old: PhaseMap, new: PhaseMap) -> None:
    """Show labels and surfaces of a result as they are now; its maps stay, as segmenting does not change them.

    Parameters
    ----------
    viewer
        The viewer; camera, sliders and what is visible stay.
    old
        The result as its layers know it.
    new
        The same, opened again.
    """
    before = {layer.metadata[KIND]: layer for layer in viewer.layers if layer.metadata.get(RESULT) is old}
    camera, point = viewer.scene.camera, viewer.dims.point
    view = camera.center, camera.zoom
    active = viewer.layers.selection.active
    selected = None if active is None else active.metadata.get(KIND)
    for data, options, kind in layer_tuples(new):
        name = options["metadata"][KIND]
        earlier = before.pop(name, None)
        if earlier is not None and (kind not in _ADDED_BY_SEGMENTING or is_painted_on(earlier)):
            earlier.metadata[RESULT] = new
            continue
        place = _below_phases(viewer)
        if earlier is not None:
            options["visible"], place = earlier.visible, viewer.layers.index(earlier)
            viewer.layers.remove(earlier)
        layer = add_layer(viewer, (data, options, kind))
        viewer.layers.move(viewer.layers.index(layer), place)
        if name == selected:
            active = layer
    for layer in before.values():
        if is_painted_on(layer):
            layer.metadata[RESULT] = new
        else:  # of an earlier segmentation
            viewer.layers.remove(layer)
    viewer.dims.point = point
    camera.center, camera.zoom = view
    activate(viewer, active if active in viewer.layers else None)


def is_painted_on(layer: Any) -> bool:
    """Whether a layer is a copy of labels that a user edits, which may not be saved yet."""
    return layer.metadata.get(KIND) in EDITED_LAYERS.values() and isinstance(layer.data, np.ndarray)


def _below_phases(viewer: Any) -> int:
    phase = layer_of_kind(viewer, PHASE)
    return len(viewer.layers) if phase is None else int(viewer.layers.index(phase))
