"""A series as a session in napari."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from napari.utils import Colormap
from napari.utils.notifications import show_error

from xanesmap.phasemap.series import Series
from xanesmap.viewers.napari_plugin.furniture import furnish
from xanesmap.viewers.napari_plugin.own_layers import KIND, STEPS, add_layer
from xanesmap.viewers.napari_plugin.planned_layer import PlannedLayer
from xanesmap.viewers.napari_plugin.series_layers import STATE, series_layers, series_steps
from xanesmap.viewers.napari_plugin.session import start_in_3d

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
    planned = series_layers(series, tell=show_error)
    layers = [add_layer(viewer, _layer_tuple(layer, series)) for layer in planned]
    start_in_3d(viewer)
    show_state(viewer, 0)
    return layers


def _layer_tuple(planned: PlannedLayer, series: Series) -> tuple[Any, dict[str, Any], str]:
    several = len(planned.data) > 1
    options: dict[str, Any] = {
        "name": planned.title,
        "scale": planned.scale,
        "axis_labels": planned.axes,
        "units": planned.units,
        "visible": planned.visible,
        "metadata": {SERIES: series, KIND: f"series {planned.name}", STEPS: series_steps(series, planned)},
        "multiscale": several,
    }
    if planned.kind == "labels":
        options |= {"features": planned.features, "rendering": "iso_categorical", "iso_gradient_mode": "smooth"}
        options["opacity"] = 1.0
        options |= {"colormap": dict(planned.label_colours)} if planned.label_colours else {}
    else:
        ramp = planned.ramp if planned.ramp is None or isinstance(planned.ramp, str) else Colormap(planned.ramp)
        options |= {"contrast_limits": planned.limits, "colormap": ramp, "interpolation2d": "nearest"}
    return (planned.data if several else planned.data[0]), options, planned.kind


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
