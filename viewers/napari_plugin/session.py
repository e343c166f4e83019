"""A result as a session in napari: its layers with the furniture around them."""

from __future__ import annotations

from typing import Any

import napari
from napari.layers import Layer
from napari.utils import Colormap
from napari.utils.notifications import show_error

from xanesmap.phasemap.result import PhaseMap
from xanesmap.reconstruct.scan import Scan
from xanesmap.reconstruct.volumes.series import VolumeSeries
from xanesmap.viewers.napari_plugin.axis_steps import energy_steps
from xanesmap.viewers.napari_plugin.furniture import furnish
from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray
from xanesmap.viewers.napari_plugin.layers.later_layers import insert_later
from xanesmap.viewers.napari_plugin.layers.layer_plan import first_layers, later_layers, planned_layers
from xanesmap.viewers.napari_plugin.layers.own_layers import (
    KIND,
    RESULT,
    STEPS,
    add_layer,
    layer_of_kind,
    mu_layer,
    shown_result,
)
from xanesmap.viewers.napari_plugin.layers.planned_layer import PlannedLayer
from xanesmap.viewers.napari_plugin.layers.volume_layer import VOLUMES, planned_volumes
from xanesmap.viewers.napari_plugin.projections.scan_frames import ScanFrames, frame_steps

__all__ = [
    "KIND",
    "RESULT",
    "layer_of_kind",
    "layer_tuple",
    "layer_tuples",
    "mu_layer",
    "open_session",
    "scan_tuple",
    "shown_result",
    "start_in_3d",
    "volumes_tuple",
]

LayerTuple = tuple[Any, dict[str, Any], str]
"""A layer as napari's readers give it: data, options, kind."""

FIRST_ANGLES = (0.0, -30.0, 125.0)
"""Camera of a new session, degrees."""


def layer_tuples(result: PhaseMap) -> list[LayerTuple]:
    """Layers of a result as napari's readers give them: data, options, kind."""
    return [_of_result(layer, result) for layer in planned_layers(result, tell=show_error)]


def _of_result(layer: PlannedLayer, result: PhaseMap) -> LayerTuple:
    metadata = {RESULT: result, KIND: layer.name}
    if "energy" in layer.axes:
        metadata[STEPS] = (energy_steps(result.energies_ev),)
    return layer_tuple(layer, metadata)


def layer_tuple(planned: PlannedLayer, metadata: dict[str, Any]) -> LayerTuple:
    """One layer as napari's readers give it.

    Parameters
    ----------
    planned
        The layer.
    metadata
        What it is known by: see `own_layers`.
    """
    options: dict[str, Any] = {
        "name": planned.title,
        "scale": planned.scale,
        "axis_labels": planned.axes,
        "units": planned.units,
        "visible": planned.visible,
        "metadata": metadata,
    }
    if planned.kind == "surface":
        options |= {"contrast_limits": planned.limits, "colormap": planned.ramp, "shading": "smooth"}
        return planned.data, options, planned.kind
    several = len(planned.data) > 1
    options["multiscale"] = several
    if planned.kind == "labels":
        options |= {"features": planned.features, "rendering": "iso_categorical", "opacity": 1.0}
        options |= {"iso_gradient_mode": "smooth"}
        options |= {"colormap": dict(planned.label_colours)} if planned.label_colours else {}
    else:
        options |= {"contrast_limits": planned.limits, "colormap": _colormap(planned), "interpolation2d": "nearest"}
    return (planned.data if several else planned.data[0]), options, planned.kind


def _colormap(planned: PlannedLayer) -> Any:
    if planned.ramp is None or isinstance(planned.ramp, str):
        return planned.ramp
    return Colormap(planned.ramp, name=planned.name)


def volumes_tuple(series: VolumeSeries, name: str) -> LayerTuple:
    """Layer of volumes that were reconstructed elsewhere, of which three slices are read.

    Parameters
    ----------
    series
        The volumes.
    name
        What they are called.
    """
    metadata = {KIND: VOLUMES, STEPS: (energy_steps(series.energies_ev),)}
    return layer_tuple(planned_volumes(series, name, tell=show_error), metadata)


def scan_tuple(scan: Scan, name: str) -> LayerTuple:
    """Layer of the raw frames of a scan, of which nothing is read yet.

    Parameters
    ----------
    scan
        The scan.
    name
        What it is called.
    """
    frames = GuardedArray(ScanFrames(scan), name=f"scan '{name}'", tell=show_error)
    pixel_um = None if scan.pixel_size_nm is None else scan.pixel_size_nm / 1000
    options = {
        "name": f"counts of {name}",
        "scale": (1.0, 1.0, pixel_um or 1.0, pixel_um or 1.0),
        "axis_labels": ("energy", "angle", "v", "u"),
        "units": ("pixel", "pixel", *(("pixel", "pixel") if pixel_um is None else ("um", "um"))),
        "colormap": "gray",
        "interpolation2d": "nearest",
        "multiscale": False,
        "metadata": {KIND: "frames", STEPS: frame_steps(scan)},
    }
    return frames, options, "image"


def open_session(viewer: napari.components.ViewerModel, result: PhaseMap) -> list[Layer]:
    """Show a result in a viewer: its layers, and the furniture of `furnish`.

    What commands have added to the result comes below, once the rest is drawn.

    Parameters
    ----------
    viewer
        The viewer; layers that it has stay.
    result
        An opened result.
    """
    furnish(viewer)
    viewer.dims.ndisplay = 3  # before the layers are there, or each would be cut for 2-D too
    layers = [add_layer(viewer, _of_result(layer, result)) for layer in first_layers(result, tell=show_error)]
    start_in_3d(viewer)
    later = (_of_result(layer, result) for layer in later_layers(result, tell=show_error))
    insert_later(viewer, later, below=layers[0])
    return layers


def start_in_3d(viewer: napari.components.ViewerModel) -> None:
    """Look at the labels from above, in 3-D."""
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = FIRST_ANGLES
