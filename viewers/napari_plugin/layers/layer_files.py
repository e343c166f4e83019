"""Layers of a viewer written to files that other programs read: OME-Zarr, and OME-TIFF for labels."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.storage.destination import own_attributes, writing
from xanesmap.phasemap.storage.multiscale import OME_VERSION

_CHUNK = 64
_SPACE = "micrometer"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrittenLayer:
    """What is written of a layer."""

    name: str
    data: Any
    """Full resolution; anything with a shape and a type that is cut like an array."""
    scale: tuple[float, ...]
    """Extent of a voxel along each axis, in the units."""
    axes: tuple[str, ...]
    units: tuple[str, ...]
    """Of the scale; ``micrometer`` for places."""
    is_labels: bool
    energies_ev: tuple[float, ...] = field(default=())
    """Of the axis ``energy``, where there is one."""


def write_ome_zarr(layers: Sequence[WrittenLayer], path: Path) -> Path:
    """Write layers to an OME-Zarr folder: a single one as its image, several as an image each in a folder of its name.

    Parameters
    ----------
    layers
        What to write, at full resolution.
    path
        A new folder, ending in ``.zarr``.

    Raises
    ------
    DataError
        Something is at that path, no layer was given, or the folder cannot be written.
    """
    _require_new(path)
    if not layers:
        message = f"there is no layer to write to '{path}'; select images or labels."
        raise DataError(message)
    with writing(path, 0), tempfile.TemporaryDirectory(dir=path.parent) as unfinished:
        root = zarr.open_group(Path(unfinished) / "layers", mode="w", zarr_format=3)
        for name, layer in zip(_folder_names(layers), layers, strict=True):
            _write_image(root if len(layers) == 1 else root.create_group(name), layer)
        (Path(unfinished) / "layers").rename(path)
    return path


def write_labels_tiff(layer: WrittenLayer, path: Path) -> Path:
    """Write labels to an OME-TIFF with the size of a voxel in um.

    Parameters
    ----------
    layer
        Labels `(z, y, x)`, or a slice `(y, x)`.
    path
        The file; one that is there is replaced, as napari has asked.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    values = _tiff_values(np.asarray(layer.data[...]))
    names = [axis.upper() for axis in "zyx"[-values.ndim :]]
    sizes = dict(zip(names, layer.scale[-values.ndim :], strict=True))
    metadata: dict[str, Any] = {"axes": "".join(names), "Name": layer.name}
    if layer.units[-1] == _SPACE:
        metadata |= {f"PhysicalSize{axis}": size for axis, size in sizes.items()}
        metadata |= {f"PhysicalSize{axis}Unit": "µm" for axis in names}
    with writing(path, 0):
        tifffile.imwrite(path, values, ome=True, metadata=metadata, compression="zlib")
    return path


def _tiff_values(values: NDArray[Any]) -> NDArray[Any]:
    """Labels in the smallest type that other programs take as labels."""
    largest = int(values.max(initial=0))
    return values.astype(np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.uint32)


def _require_new(path: Path) -> None:
    if not path.exists():
        return
    what = "a result of xanesmap, whose data saving never replaces" if own_attributes(path) else "there already"
    message = f"'{path}' is {what}; choose another name."
    raise DataError(message)


def _folder_names(layers: Sequence[WrittenLayer]) -> list[str]:
    """Names that every file system takes, each once."""
    names: list[str] = []
    for layer in layers:
        plain = re.sub(r"[^\w.-]+", "_", layer.name).strip("_.") or "layer"
        names.append(plain if plain not in names else f"{plain}_{len(names) + 1}")
    return names


def _write_image(group: zarr.Group, layer: WrittenLayer) -> None:
    shape = tuple(layer.data.shape)
    leading = len(shape) - 2 if layer.is_labels else max(len(shape) - 3, 0)
    chunks = tuple(1 if axis < leading and len(shape) > 3 else min(n, _CHUNK) for axis, n in enumerate(shape))
    stored = group.create_array(
        "s0", shape=shape, dtype=layer.data.dtype, chunks=chunks, dimension_names=list(layer.axes)
    )
    step = chunks[0]
    for start in range(0, shape[0], step):
        stored[start : start + step] = np.asarray(layer.data[start : start + step])
    group.attrs["ome"] = _description(layer)
    if layer.energies_ev:
        group.attrs["energies_ev"] = list(layer.energies_ev)


def _description(layer: WrittenLayer) -> dict[str, Any]:
    axes: list[dict[str, str]] = []
    for name, unit in zip(layer.axes, layer.units, strict=True):
        kind = {"type": "space", "unit": _SPACE} if unit == _SPACE else {"type": "space" if name in "zyx" else name}
        axes.append({"name": name, **kind})
    transform = {"type": "scale", "scale": list(layer.scale)}
    datasets = [{"path": "s0", "coordinateTransformations": [transform]}]
    label = {"image-label": {"version": OME_VERSION}} if layer.is_labels else {}
    return {"version": OME_VERSION, "multiscales": [{"name": layer.name, "axes": axes, "datasets": datasets}], **label}
