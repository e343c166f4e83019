"""A series as a session in napari."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from napari.utils.notifications import show_error

from xanesmap.phasemap.series import Series
from xanesmap.viewers.napari_plugin.furniture import furnish
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND, STEPS, add_layer
from xanesmap.viewers.napari_plugin.layers.planned_layer import PlannedLayer
from xanesmap.viewers.napari_plugin.series.layers import STATE, series_layers, series_steps
from xanesmap.viewers.napari_plugin.session import LayerTuple, layer_tuple, start_in_3d

SERIES = "xanesmap_series"
"""Key under which the metadata of a layer hold its `Series`. They hold no result: of which state would it be?"""


def open_series_session(viewer: Any, series: Series) -> list[Layer]:
    """Show a series in a viewer, in 3-D.

    Parameters
    ----------
    viewer
        The viewer; layers that it has stay.
    series
        An opened series.
    """
    furnish(viewer)
    layers = [add_layer(viewer, described) for described in series_tuples(series)]
    start_in_3d(viewer)
    show_state(viewer, 0)
    return layers


def series_tuples(series: Series) -> list[LayerTuple]:
    """Layers of a series as napari's readers give them: data, options, kind."""
    return [_layer_tuple(layer, series) for layer in series_layers(series, tell=show_error)]


def _layer_tuple(planned: PlannedLayer, series: Series) -> LayerTuple:
    return layer_tuple(planned, {SERIES: series, KIND: f"series {planned.name}", STEPS: series_steps(series, planned)})


def shown_series(viewer: Any) -> Series | None:
    """The series of the topmost layer that has one."""
    return next((layer.metadata[SERIES] for layer in reversed(viewer.layers) if SERIES in layer.metadata), None)


def state_axis(viewer: Any) -> int | None:
    """Number of the slider of the charge state; None where there is none."""
    layers = [layer for layer in viewer.layers if SERIES in layer.metadata]
    if not layers:
        return None
    layer = layers[-1]
    return int(viewer.dims.ndim - layer.ndim + layer.axis_labels.index(STATE))


def shown_state(viewer: Any) -> int:
    """Number of the charge state that is shown."""
    axis = state_axis(viewer)
    return 0 if axis is None else int(viewer.dims.current_step[axis])


def show_state(viewer: Any, state: int) -> None:
    """Move the slider to a charge state."""
    axis = state_axis(viewer)
    if axis is not None:
        viewer.dims.set_current_step(axis, state)
