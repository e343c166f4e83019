"""Result store: an OME-Zarr 0.5 directory written slab by slab and renamed into place when it is complete."""

import csv
import logging
import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import ArrayLike, NDArray

from xanesmap.phasemap.storage.destination import (
    ATTRIBUTE,
    check_destination,
    check_space,
    this_process,
    writing,
)
from xanesmap.phasemap.storage.layers import (
    FORMAT_VERSION,
    LAYERS,
    MASKED_LAYERS,
    MASKED_WHERE_KEPT,
    OPTIONAL_LAYERS,
    PER_LENGTH,
    Layer,
    label_names,
    layer_in,
    layer_named,
)
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

logger = logging.getLogger(__name__)


class ResultWriter(UnfinishedStore):
    """Writer of a result; use it in a ``with`` statement and call `finish` as the last thing in it.

    Nothing is written before the ``with`` block is entered. Slabs may be written by several threads at the
    same time. When the block is left by an error or without `finish`, what was written is removed, and an
    earlier result at the same path is as it was.

    Parameters
    ----------
    out
        Path of the result, ending in ``.zarr``.
    shape
        Voxels (z, y, x).
    phases
        Names of the phases, in the order of the fraction maps.
    energies_ev
        (energy,) photon energies in eV, increasing.
    pixel_size_um
        Edge of a voxel in um.
    slab_rows
        Detector rows of a slab; slabs start at its multiples, and a shard is one slab high.
    keep_mu
        Whether the attenuation at every energy is kept.
    attributes
        Provenance and other facts for the root attributes (`xanesmap.phasemap.storage.provenance.provenance`). Read
        by the viewers: ``warnings`` (list of sentences) and ``fit``, a mapping with ``columns`` (names of the
        columns of the fit, phases first), ``design`` (energy, column) the fitted curves and ``weights``
        (energy,).
    attenuation_unit
        Unit of attenuation and of the amounts: `1/um`, or `1` for optical depth.
    overwrite
        Whether an earlier result at that path may be replaced.

    Raises
    ------
    DataError
        The path cannot take a result, or the disk has less space than the result may need.
    """

    def __init__(
        self,
        out: str | Path,
        *,
        shape: tuple[int, int, int],
        phases: Sequence[str],
        energies_ev: ArrayLike,
        pixel_size_um: float,
        slab_rows: int,
        keep_mu: bool,
        attributes: Mapping[str, Any],
        attenuation_unit: str = PER_LENGTH,
        overwrite: bool = False,
    ) -> None:
        super().__init__(Path(out), what="result")
        self.shape = shape
        self.phases = tuple(phases)
        self.energies_ev = np.asarray(energies_ev, dtype=np.float64)
        self.pixel_size_um = float(pixel_size_um)
        self.slab_rows = min(slab_rows, shape[0])
        self.keep_mu = keep_mu
        self.attenuation_unit = attenuation_unit
        self._attributes = dict(attributes)
        self._check_arguments()
        self.n_bytes = self._estimate_bytes()
        check_destination(self.path, overwrite=overwrite)
        check_space(self.path, self.n_bytes)
        self._arrays: dict[str, zarr.Array[Any]] = {}
        self._written: dict[str, set[int]] = {}
        self._lock = threading.Lock()

    def _check_arguments(self) -> None:
        if min(self.shape) < 1 or self.slab_rows < 1:
            message = f"shape {self.shape} and slab_rows {self.slab_rows} have to be positive"
            raise ValueError(message)
        names = label_names(self.phases)
        if len(set(names)) != len(names) or len(names) < 2:
            message = f"phase names have to be unique and not '{names[-1]}', and at least one: got {self.phases}"
            raise ValueError(message)

    def _estimate_bytes(self) -> int:
        voxels = sum(math.prod(shape) for shape in level_shapes(self.shape))
        skipped = () if self.keep_mu else ("mu",)
        return sum(
            voxels * math.prod(self._leading(layer)) * np.dtype(layer.dtype).itemsize
            for layer in LAYERS
            if layer.name not in skipped
        )

    def _leading(self, layer: Layer) -> tuple[int, ...]:
        lengths = {None: (), "phase": (len(self.phases),), "energy": (self.energies_ev.size,)}
        return lengths[layer.leading]

    def _begin(self) -> None:
        self._started = time.time()
        self._root = zarr.create_group(self._partial, zarr_format=3)
        self._root.create_group("labels")
        self._write_attributes(status="running", process=this_process())
        for layer in LAYERS:
            if layer.name not in OPTIONAL_LAYERS or (layer.name == "mu" and self.keep_mu):
                self._create_layer(layer)

    def _create_layer(self, layer: Layer) -> zarr.Array[Any]:
        self._arrays[layer.name] = create_level(
            self._root,
            layer_in(layer, self.attenuation_unit),
            0,
            leading=self._leading(layer),
            shape=self.shape,
            slab_rows=self.slab_rows,
        )
        self._written[layer.name] = set()
        return self._arrays[layer.name]

    def _write_attributes(self, **status: Any) -> None:
        facts = {
            "format_version": FORMAT_VERSION,
            "shape": self.shape,
            "phases": self.phases,
            "phase_labels": label_names(self.phases),
            "energies_ev": self.energies_ev,
            "pixel_size_um": self.pixel_size_um,
            "attenuation_unit": self.attenuation_unit,
            "slab_rows": self.slab_rows,
            "started": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
        }
        self._root.attrs[ATTRIBUTE] = as_json({**self._attributes, **facts, **status})

    @property
    def folder(self) -> Path:
        """Folder in which the result is being written, for arrays that are no layers."""
        return self._partial

    def array(self, name: str) -> zarr.Array[Any]:
        """Array of a layer at full resolution, for reading while the result is written.

        Parameters
        ----------
        name
            Name of the layer (``fraction``, ``phase_labels``) or its path (``labels/phase``).
        """
        return self._arrays[layer_named(name).name]

    def read_slab(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows `start` to `stop` of a layer: (rows, y, x), with a leading axis where the layer has one."""
        return np.asarray(self.array(name)[..., start:stop, :, :])

    def write_slab(self, start: int, stop: int, **arrays: NDArray[Any]) -> None:
        """Write the same detector rows of one or more layers.

        Parameters
        ----------
        start, stop
            First row and the row after the last: multiples of the slab height, or the end of the volume.
        **arrays
            By layer name: (rows, y, x), (phase, rows, y, x) for ``fraction`` and ``fraction_sigma``,
            (energy, rows, y, x) for ``mu``; written again, the new values hold.

        Raises
        ------
        ValueError
            Rows that share a shard with another slab, or an array of the wrong shape.
        DataError
            The disk is full or may not be written.
        """
        self._check_rows(start, stop)
        for name, values in arrays.items():
            layer = layer_named(name)
            self._check_shape(layer, values, stop - start)
            with writing(self.path, self.n_bytes):
                self._write_rows(layer, start, stop, values)

    def _check_rows(self, start: int, stop: int) -> None:
        rows, end = self.slab_rows, self.shape[0]
        if not 0 <= start < stop <= end or start % rows or (stop % rows and stop != end):
            message = f"rows {start} to {stop} are no whole slabs of {rows} rows of a volume of {end} rows"
            raise ValueError(message)

    def _check_shape(self, layer: Layer, values: NDArray[Any], rows: int) -> None:
        expected = (*self._leading(layer), rows, *self.shape[1:])
        if values.shape != expected:
            message = f"{layer.name} of this slab has shape {values.shape}; expected {expected} {layer.axes}"
            raise ValueError(message)

    def _write_rows(self, layer: Layer, start: int, stop: int, values: NDArray[Any]) -> None:
        with self._lock:
            array = self._arrays.get(layer.name)
            if array is None:
                array = self._create_layer(layer)
        # One shard at a time keeps the memory of the encoder small.
        for index in np.ndindex(values.shape[:-3]):
            for row in range(start, stop, self.slab_rows):
                end = min(row + self.slab_rows, stop)
                array[(*index, slice(row, end))] = values[index][row - start : end - start].astype(layer.dtype)
        with self._lock:
            self._written[layer.name].update(range(start, stop, self.slab_rows))

    def apply_mask(self, start: int, stop: int) -> None:
        """Set the maps (all but ``mu``) of these rows to NaN, or 0, where the mask written for them is 0."""
        outside = self.read_slab("mask", start, stop) == 0
        for name in (*MASKED_LAYERS, *(name for name in MASKED_WHERE_KEPT if name in self._arrays)):
            values = self.read_slab(name, start, stop)
            values[..., outside] = np.nan if values.dtype.kind == "f" else 0
            self.write_slab(start, stop, **{name: values})

    def add_table(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
        """Write ``tables/<name>.csv`` and return where.

        Parameters
        ----------
        name
            Name of the table, without suffix.
        header
            Column titles with their units, such as ``volume (um^3)``.
        rows
            Cells, as many in each row as there are titles.
        """
        path = self._partial / "tables" / f"{name}.csv"
        with writing(self.path, self.n_bytes):
            path.parent.mkdir(exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(header)
                table.writerows([_plain(cell) for cell in row] for row in rows)
        return path

    def finish(self, attributes: Mapping[str, Any] | None = None) -> Path:
        """Make the pyramids, mark the result as finished and rename it into place.

        Parameters
        ----------
        attributes
            Facts found during the run, added to the root attributes.

        Returns
        -------
        Path
            Where the result is.

        Raises
        ------
        ValueError
            Some slab of some layer was never written.
        DataError
            The disk is full or may not be written.
        """
        self._check_complete()
        self._attributes.update(attributes or {})
        with writing(self.path, self.n_bytes):
            for name in self._arrays:
                self._finish_image(layer_named(name))
            self._write_group_metadata()
            now = time.time()
            self._write_attributes(
                status="finished",
                finished=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
                run_time_s=round(now - self._started, 3),
            )
            self._put_in_place()
        logger.info("result written to %s", self.path)
        return self.path

    def _check_complete(self) -> None:
        n_slabs = math.ceil(self.shape[0] / self.slab_rows)
        missing = {name: n_slabs - len(slabs) for name, slabs in self._written.items() if len(slabs) < n_slabs}
        if missing:
            message = f"result '{self.path}' is not complete: slabs never written, by layer: {missing}"
            raise ValueError(message)

    def _finish_image(self, layer: Layer) -> None:
        shapes = level_shapes(self.shape)
        fine = self._arrays[layer.name]
        for level, shape in enumerate(shapes[1:], start=1):
            coarse = create_level(
                self._root,
                layer_in(layer, self.attenuation_unit),
                level,
                leading=self._leading(layer),
                shape=shape,
                slab_rows=min(self.slab_rows, shape[0]),
            )
            write_coarser_level(fine, coarse, layer)
            fine = coarse
        ome = multiscales(layer, pixel_size_um=self.pixel_size_um, n_levels=len(shapes))
        self._root.require_group(layer.path).attrs["ome"] = ome | self._image_label(layer)

    def _image_label(self, layer: Layer) -> dict[str, Any]:
        if not layer.is_label:
            return {}
        is_phase = layer.name == "phase_labels"
        return {"image-label": phase_image_label(self.phases) if is_phase else particle_image_label()}

    def _write_group_metadata(self) -> None:
        labels = [layer_named(name).path.removeprefix("labels/") for name in self._arrays if "_labels" in name]
        self._root.require_group("labels").attrs["ome"] = {"version": OME_VERSION, "labels": labels}
        # The root is an image too (the fractions), so that any OME-Zarr viewer opens it with its labels.
        self._root.attrs["ome"] = multiscales(
            layer_named("fraction"),
            pixel_size_um=self.pixel_size_um,
            n_levels=len(level_shapes(self.shape)),
            folder="fraction/",
        )


def _plain(cell: object) -> object:
    return cell.item() if isinstance(cell, np.generic) else cell
