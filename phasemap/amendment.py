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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.phasemap.destination import (
    ATTRIBUTE,
    check_destination,
    create_partial,
    discard,
    own_attributes,
    put_in_place,
    this_process,
    writing,
)
from xanesmap.phasemap.layers import PER_LENGTH, Layer, layer_in
from xanesmap.phasemap.multiscale import (
    OME_VERSION,
    create_level,
    level_shapes,
    multiscales,
    particle_image_label,
    phase_image_label,
    write_coarser_level,
)
from xanesmap.phasemap.provenance import as_json

_METADATA = "zarr.json"


class Amendment:
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
        self.path = path
        check_destination(path, overwrite=True)
        self._attributes = own_attributes(path) or {}
        self._n_bytes = 0
        self._finished = False

    def __enter__(self) -> Self:
        self._partial = create_partial(self.path)
        try:
            with writing(self.path, self._n_bytes):
                self._take_over()
                self._root = zarr.open_group(self._partial, mode="r+", zarr_format=3)
                self._root.attrs[ATTRIBUTE] = {**self._attributes, "status": "running", "process": this_process()}
        except BaseException:
            discard(self._partial)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished:
            return
        discard(self._partial)
        if kind is None:
            message = f"the changes to result '{self.path}' were not finished: call finish() at the end of the block"
            raise RuntimeError(message)

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
        unit = str(self._attributes.get("attenuation_unit", PER_LENGTH))
        with writing(self.path, self._n_bytes):
            levels = {layer.name: self._new_levels(layer_in(layer, unit), leading) for layer, leading in layers.items()}
            for start, images in slabs:
                for name, values in images.items():
                    fine = levels[name][0]
                    # one shard at a time keeps the memory of the encoder small
                    for index in np.ndindex(values.shape[:-3]):
                        rows = slice(start, start + values.shape[-3])
                        fine[(*index, rows)] = values[index].astype(fine.dtype)
            for layer in layers:
                for fine, coarse in itertools.pairwise(levels[layer.name]):
                    write_coarser_level(fine, coarse, layer)
                self._describe(layer, n_levels=len(levels[layer.name]))

    def _new_levels(self, layer: Layer, leading: tuple[int, ...]) -> list[zarr.Array[Any]]:
        self.remove(layer.path)
        rows = int(self._attributes["slab_rows"])
        return [
            create_level(self._root, layer, level, leading=leading, shape=shape, slab_rows=min(rows, shape[0]))
            for level, shape in enumerate(level_shapes(tuple(self._attributes["shape"])))
        ]

    def _describe(self, layer: Layer, *, n_levels: int) -> None:
        ome = multiscales(layer, pixel_size_um=float(self._attributes["pixel_size_um"]), n_levels=n_levels)
        if not layer.is_label:
            self._root.require_group(layer.path).attrs["ome"] = ome
            return
        is_phase = layer.name == "phase_labels"
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
        with writing(self.path, self._n_bytes):
            path.parent.mkdir(exist_ok=True)
            # the old table is the same file as that of the result: unlinked, not written over
            self.remove(f"tables/{name}.csv")
            with path.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(header)
                table.writerows([_plain(cell) for cell in row] for row in rows)

    def add_surface(self, name: str, arrays: Mapping[str, tuple[NDArray[Any], str]]) -> None:
        """Write ``surfaces/<name>``.

        Parameters
        ----------
        name
            Of the surface.
        arrays
            Array and unit by name.
        """
        with writing(self.path, self._n_bytes):
            self.remove(f"surfaces/{name}")
            group = self._root.require_group("surfaces").create_group(name)
            for key, (values, unit) in arrays.items():
                # an array without entries still needs a chunk
                chunks = tuple(max(n, 1) for n in values.shape)
                stored = group.create_array(key, shape=values.shape, dtype=values.dtype, chunks=chunks)
                if values.size:
                    stored[...] = values
                stored.attrs["units"] = unit

    def finish(self, attributes: Mapping[str, Any]) -> None:
        """Add root attributes and rename the result into place."""
        with writing(self.path, self._n_bytes):
            self._root.attrs[ATTRIBUTE] = as_json({**self._attributes, **attributes})
            put_in_place(self._partial, self.path)
        self._finished = True


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
