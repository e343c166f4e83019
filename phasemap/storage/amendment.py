"""Labels, tables and surfaces added to a finished result, all at once or not at all.

The amended result is put together beside the old one and renamed into place, as a new result is. Arrays that stay are
hard links to the old files, so that a result of hundreds of gigabytes is amended in the time its labels take; where the
file system has no hard links they are copied.
"""

from __future__ import annotations

import csv
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.phasemap.storage.destination import (
    ATTRIBUTE,
    check_destination,
    own_attributes,
    this_process,
    writing,
)
from xanesmap.phasemap.storage.layers import PER_LENGTH, Layer, layer_in
from xanesmap.phasemap.storage.multiscale import (
    OME_VERSION,
    create_level,
    level_shapes,
    multiscales,
    particle_image_label,
    phase_image_label,
    write_coarser_level,
)
from xanesmap.phasemap.storage.provenance import as_json
from xanesmap.phasemap.storage.unfinished_store import UnfinishedStore

_METADATA = "zarr.json"
_SCRATCH = "scratch"
_SURFACE_CHUNK = 1_000_000  # vertices that are written at a time


class Amendment(UnfinishedStore):
    """Changes to a finished result; use it in a ``with`` statement and call `finish` as the last thing in it.

    When the block is left by an error or without `finish`, the result is as it was.

    Parameters
    ----------
    path
        A finished result.

    Raises
    ------
    DataError
        The result is being written to, or its folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, what="the change to result")
        check_destination(path, overwrite=True)
        self._attributes = own_attributes(path) or {}
        self._levels: dict[str, list[zarr.Array[Any]]] = {}

    def _begin(self) -> None:
        self._take_over()
        self._root = zarr.open_group(self._partial, mode="r+", zarr_format=3)
        self._root.attrs[ATTRIBUTE] = {**self._attributes, "status": "running", "process": this_process()}

    def _take_over(self) -> None:
        for folder, _, files in os.walk(self.path):
            here = self._partial / Path(folder).relative_to(self.path)
            here.mkdir(exist_ok=True)
            for name in files:
                _link(Path(folder) / name, here / name)

    def remove(self, inner: str) -> None:
        """Take a file or folder, such as ``surfaces``, out of the amended result, if it is there."""
        place = self._partial / inner
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def replace_labels(self, layer: Layer, values: NDArray[Any]) -> None:
        """Write a label image with its pyramid and metadata.

        Parameters
        ----------
        layer
            What the labels are; its path is under ``labels/``.
        values
            `(z, y, x)`.
        """
        rows = int(self._attributes["slab_rows"])
        slabs = ((start, {layer.name: values[start : start + rows]}) for start in range(0, values.shape[0], rows))
        self.replace_images({layer: ()}, slabs)

    def replace_images(
        self,
        layers: Mapping[Layer, tuple[int, ...]],
        slabs: Iterable[tuple[int, Mapping[str, NDArray[Any]]]],
    ) -> None:
        """Write images with their pyramids and metadata, slab by slab.

        Parameters
        ----------
        layers
            Length of the leading axis, or nothing, of each layer.
        slabs
            First row, a multiple of the slab height, and by layer name `(..., rows, y, x)`.
        """
        for layer, leading in layers.items():
            self.create_image(layer, leading)
        for start, images in slabs:
            with writing(self.path, self.n_bytes):
                for name, values in images.items():
                    self._write(self._levels[name][0], start, values)
        for layer in layers:
            self.finish_image(layer)

    def _write(self, fine: zarr.Array[Any], start: int, values: NDArray[Any]) -> None:
        # one shard at a time keeps the memory of the encoder small
        for index in np.ndindex(values.shape[:-3]):
            fine[(*index, slice(start, start + values.shape[-3]))] = values[index].astype(fine.dtype)

    @property
    def slab_rows(self) -> int:
        """Rows that are best written at a time: the height of a shard."""
        return min(int(self._attributes["slab_rows"]), int(self._attributes["shape"][0]))

    def create_image(self, layer: Layer, leading: tuple[int, ...] = ()) -> zarr.Array[Any]:
        """An empty image of full resolution in place of the one of that name, to be filled and then finished.

        Parameters
        ----------
        layer
            What it holds.
        leading
            Length of the leading axis, or nothing.
        """
        layer = layer_in(layer, str(self._attributes.get("attenuation_unit", PER_LENGTH)))
        with writing(self.path, self.n_bytes):
            self.remove(layer.path)
            self._levels[layer.name] = [
                create_level(
                    self._root, layer, level, leading=leading, shape=shape, slab_rows=min(self.slab_rows, shape[0])
                )
                for level, shape in enumerate(level_shapes(tuple(self._attributes["shape"])))
            ]
        return self._levels[layer.name][0]

    def finish_image(self, layer: Layer) -> None:
        """Make the pyramid and the metadata of an image that was created and filled."""
        levels = self._levels[layer.name]
        with writing(self.path, self.n_bytes):
            for fine, coarse in itertools.pairwise(levels):
                write_coarser_level(fine, coarse, layer)
            self._describe(layer, n_levels=len(levels))

    def _describe(self, layer: Layer, *, n_levels: int) -> None:
        ome = multiscales(layer, pixel_size_um=float(self._attributes["pixel_size_um"]), n_levels=n_levels)
        if not layer.is_label:
            self._root.require_group(layer.path).attrs["ome"] = ome
            return
        is_phase = layer.name in ("phase_labels", "phase_labels_edited")
        image = phase_image_label(tuple(self._attributes["phases"])) if is_phase else particle_image_label()
        self._root.require_group(layer.path).attrs["ome"] = {**ome, "image-label": image}
        group = self._root.require_group("labels")
        listed: Any = group.attrs.get("ome", {})
        names = sorted({*listed.get("labels", []), layer.path.removeprefix("labels/")})
        group.attrs["ome"] = {"version": OME_VERSION, "labels": names}

    def add_table(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write ``tables/<name>.csv``.

        Parameters
        ----------
        name
            Without suffix.
        header
            Column titles with their units.
        rows
            As many cells in each as there are titles.
        """
        path = self._partial / "tables" / f"{name}.csv"
        with writing(self.path, self.n_bytes):
            path.parent.mkdir(exist_ok=True)
            # the old table is the same file as that of the result: unlinked, not written over
            self.remove(f"tables/{name}.csv")
            with path.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(header)
                table.writerows([_plain(cell) for cell in row] for row in rows)

    def add_surface(self, name: str, arrays: Mapping[str, tuple[NDArray[Any], str]]) -> None:
        """Write ``surfaces/<name>``; array and unit by name."""
        units = {key: unit for key, (_, unit) in arrays.items()}
        self.stream_surface(name, [{key: values for key, (values, _) in arrays.items()}], units)

    def stream_surface(self, name: str, parts: Iterable[Mapping[str, NDArray[Any]]], units: Mapping[str, str]) -> None:
        """Write ``surfaces/<name>`` part by part, one after another.

        Parameters
        ----------
        name
            Of the surface.
        parts
            Arrays by name, at least one part; they are joined along their first axis.
        units
            Of the arrays that are to be written.
        """
        with writing(self.path, self.n_bytes):
            self.remove(f"surfaces/{name}")
            group = self._root.require_group("surfaces").create_group(name)
            for gathered in _gathered(parts, tuple(units)):
                for key, unit in units.items():
                    _append(group, key, gathered[key], unit)

    @property
    def scratch(self) -> Path:
        """Folder for files that are needed until the end only."""
        folder = self._partial / _SCRATCH
        folder.mkdir(exist_ok=True)
        return folder

    def finish(self, attributes: Mapping[str, Any]) -> None:
        """Add root attributes and rename the result into place."""
        with writing(self.path, self.n_bytes):
            self.remove(_SCRATCH)
            self._root.attrs[ATTRIBUTE] = as_json({**self._attributes, **attributes})
            self._put_in_place()


def _gathered(parts: Iterable[Mapping[str, NDArray[Any]]], keys: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
    """Parts joined until they are large enough to be written."""
    held: list[Mapping[str, NDArray[Any]]] = []
    for part in parts:
        held.append(part)
        if sum(len(one[keys[0]]) for one in held) >= _SURFACE_CHUNK:
            yield {key: np.concatenate([one[key] for one in held]) for key in keys}
            held = []
    if held:
        yield {key: np.concatenate([one[key] for one in held]) for key in keys}


def _append(group: zarr.Group, key: str, values: NDArray[Any], unit: str) -> None:
    """Add values at the end of an array, which is made for the first."""
    if key not in group:
        # an array without entries still needs a chunk
        chunks = (min(max(len(values), 1), _SURFACE_CHUNK), *(max(n, 1) for n in values.shape[1:]))
        made = group.create_array(key, shape=(0, *values.shape[1:]), dtype=values.dtype, chunks=chunks)
        made.attrs["units"] = unit
    stored: Any = group[key]
    if len(values):
        start = stored.shape[0]
        stored.resize((start + len(values), *values.shape[1:]))
        stored[start:] = values


def _link(source: Path, target: Path) -> None:
    """Hard link, or copy: of metadata always, for it is written again."""
    if source.name == _METADATA:
        shutil.copy2(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _plain(cell: object) -> object:
    """Cell as text that a person can read; six digits are more than any number here is worth."""
    value = cell.item() if isinstance(cell, np.generic) else cell
    return f"{value:.6g}" if isinstance(value, float) else value


def read_table(path: Path, name: str) -> dict[str, list[str]]:
    """Columns of ``tables/<name>.csv`` of a result by title, as text; empty where there is no such table."""
    file = path / "tables" / f"{name}.csv"
    if not file.exists():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    return {title: [row[column] for row in rows] for column, title in enumerate(header)}
