"""Images of a stored result as lazy arrays with coordinates and units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
import zarr

from xanesmap.phasemap.storage.layers import PER_LENGTH, Layer, layer_in, layer_named


def optional_array(path: Path, name: str, attributes: Mapping[str, Any]) -> xr.DataArray | None:
    """Layer of that name; None where the result at `path` lacks it. For the rest see `layer_array`."""
    layer = layer_named(name)
    return layer_array(path, layer, attributes) if (path / layer.path).exists() else None


def layer_array(path: Path, layer: Layer, attributes: Mapping[str, Any]) -> xr.DataArray:
    """Lazy array of a layer, with the positions of its voxels, phases or energies.

    Parameters
    ----------
    path
        A finished result.
    layer
        What to open.
    attributes
        Root attributes of the result.
    """
    layer = layer_in(layer, str(attributes.get("attenuation_unit", PER_LENGTH)))
    stored = zarr.open_array(path / layer.path / "s0", mode="r", zarr_format=3)
    # The name identifies the data to Dask; hashing the array would read all of it.
    stamp = (path / "zarr.json").stat().st_mtime_ns
    name = f"{layer.name}-{path.resolve()}-{stamp}"
    from_array: Callable[..., Any] = da.from_array  # Dask's own annotation is incomplete
    lazy = from_array(stored, chunks=stored.chunks, name=name, inline_array=True)
    return xr.DataArray(
        lazy,
        dims=layer.axes,
        coords=_coordinates(layer, stored.shape, attributes),
        name=layer.name,
        attrs={"units": layer.units, "long_name": layer.long_name},
    )


def _coordinates(layer: Layer, shape: tuple[int, ...], attributes: Mapping[str, Any]) -> dict[str, Any]:
    pixel = float(attributes["pixel_size_um"])
    coordinates: dict[str, Any] = {
        axis: (axis, np.arange(n) * pixel, {"units": "um", "long_name": f"{axis} of the voxel centre"})
        for axis, n in zip("zyx", shape[-3:], strict=True)
    }
    if layer.leading == "phase":
        coordinates["phase"] = ("phase", list(attributes["phases"]))
    if layer.leading == "component":
        coordinates["component"] = ("component", np.arange(1, shape[0] + 1))
    if layer.leading == "energy":
        energies = np.asarray(attributes["energies_ev"], dtype=np.float64)
        coordinates["energy"] = ("energy", energies, {"units": "eV", "long_name": "photon energy"})
    return coordinates
