"""The table of the particles, which opens when their layer is selected."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QTimer

from xanesmap.viewers.napari_plugin.layers.layer_plan import PARTICLE
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND

TABLE = ("napari", "Features table widget")
"""Plugin and name of napari's own table of features."""


def open_table_when_selected(viewer: Any) -> None:
    """Open napari's table of features whenever the layer of the particles is made active, not as it is added.

    Parameters
    ----------
    viewer
        A viewer; one without a window has no table.
    """
    if hasattr(viewer, "window"):
        viewer.layers.selection.events.active.connect(partial(_open_table, viewer))


def _open_table(viewer: Any, event: Any) -> None:
    layer = event.value
    if layer is None or layer.metadata.get(KIND) != PARTICLE or not len(layer.features):
        return

    def show_if_chosen() -> None:
        if viewer.layers.selection.active is layer:
            dock, _ = viewer.window.add_plugin_dock_widget(*TABLE, tabify=True)
            dock.show()

    QTimer.singleShot(0, show_if_chosen)  # napari makes each layer active for a moment as it is added
