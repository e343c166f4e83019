"""napari's writers: layers that are saved become OME-Zarr or OME-TIFF; refuses with a sentence in a notification."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.layers.layer_files import WrittenLayer, write_labels_tiff, write_ome_zarr
from xanesmap.viewers.napari_plugin.layers.own_layers import STEPS

LayerData = tuple[Any, dict[str, Any], str]


def save_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Save images and labels to an OME-Zarr folder.

    Parameters
    ----------
    path
        What the user chose.
    layers
        Data, options and kind of each.

    Returns
    -------
    list of str
        What was written; nothing, and a notification, where it cannot be.
    """
    written = [_written(*layer) for layer in layers]
    return _saved(lambda: write_ome_zarr(written, Path(path)))


def save_labels(path: str, data: Any, options: dict[str, Any]) -> list[str]:
    """Save labels to an OME-TIFF file; see `save_layers`."""
    return _saved(lambda: write_labels_tiff(_written(data, options, "labels"), Path(path)))


def _saved(write: Callable[[], Path]) -> list[str]:
    try:
        path = write()
    except DataError as error:
        show_error(str(error))
        return []
    show_info(f"Saved to {path}.")
    return [str(path)]


def _written(data: Any, options: dict[str, Any], kind: str) -> WrittenLayer:
    several = isinstance(data, list | tuple) or type(data).__name__ == "MultiScaleData"
    finest = data[0] if several else data
    n_axes = len(finest.shape)
    steps = {steps.name: steps for steps in options.get("metadata", {}).get(STEPS, ())}
    energies = steps["energy"].values.tolist() if "energy" in steps else ()
    return WrittenLayer(
        name=options.get("name", kind),
        data=finest,
        scale=tuple(map(float, options.get("scale", (1.0,) * n_axes))),
        axes=tuple(options.get("axis_labels") or _plain_axes(n_axes)),
        units=tuple(str(unit) for unit in options.get("units") or ("pixel",) * n_axes),
        is_labels=kind == "labels",
        energies_ev=tuple(energies),
    )


def _plain_axes(n_axes: int) -> tuple[str, ...]:
    return ("energy", "z", "y", "x")[-n_axes:]
