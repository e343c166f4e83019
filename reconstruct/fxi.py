"""Fly scans of NSLS-II FXI (18-ID): one HDF5 file per photon energy, as its profile collection writes them.

The layout is that of ``startup/80-load_scan.py`` in NSLS2/fxi-profile-collection and ``export.py`` in
NSLS2/fxi-workflows (both BSD-3): energies in keV, angles in degrees, pixel size in nm. Readers of this module
open a file for its metadata only; frames are read on request, by detector rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import angles_rad_from, energy_ev_from, number_from, pixel_size_nm_from
from xanesmap.reconstruct.hdf5 import find_dataset, open_hdf5, read_scalar
from xanesmap.reconstruct.scan import CountArray, Frames

FRAME_DATASETS = ("img_tomo", "img_bkg", "img_dark")
RAW_DATASETS = (*FRAME_DATASETS, "angle", "X_eng")
CAMERA_PIXEL_NM = 6500.0
"""Pixel of the FXI camera in nm; `Pixel Size` in the files is this over `Magnification`."""

COUNT_LIMIT = int(np.iinfo(np.uint16).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class FxiTomogram:
    """One energy of an FXI fly scan, opened for its metadata only.

    The attributes are those of :class:`~xanesmap.reconstruct.scan.Tomogram`.
    """

    source: Path
    energy_ev: float
    angles_rad: NDArray[np.float64]
    n_rows: int
    n_columns: int
    n_flats: int
    n_darks: int
    pixel_size_nm: float | None
    time_s: float | None
    notes: tuple[str, ...]

    def read_rows(self, start: int, stop: int) -> Frames:
        """Read the counts of some detector rows from every projection, flat and dark.

        The file is opened and closed inside the call, so threads may call it at the same time.

        Parameters
        ----------
        start, stop
            First detector row, and the one after the last.

        Returns
        -------
        Frames, axes `(angle, v, u)`, in the data type of the file.

        Raises
        ------
        DataError
            Rows outside the detector, or a file that cannot be read or has changed since it was opened.
        """
        if not 0 <= start < stop <= self.n_rows:
            message = f"{self.source}: rows {start} to {stop} asked of a detector with rows 0 to {self.n_rows}."
            raise DataError(message)
        expected = (self.angles_rad.size, self.n_flats, self.n_darks)
        with open_hdf5(self.source) as file:
            blocks = [
                _read_block(find_dataset(file, name, path=self.source), slice(None), slice(start, stop))
                for name in FRAME_DATASETS
            ]
        for name, block, n_frames in zip(FRAME_DATASETS, blocks, expected, strict=True):
            self._require_unchanged(name, block, (n_frames, stop - start, self.n_columns))
        return Frames(
            projections=blocks[0],
            flats=blocks[1],
            darks=blocks[2],
            source=str(self.source),
            datasets=FRAME_DATASETS,
            first_row=start,
        )

    def read_references(self) -> tuple[CountArray, CountArray]:
        """Read the flats and darks of the whole detector, no projections.

        Returns
        -------
        `(flat, v, u)` and `(dark, v, u)` counts in the data type of the file.

        Raises
        ------
        DataError
            A file that cannot be read or has changed since it was opened.
        """
        with open_hdf5(self.source) as file:
            flats, darks = (
                _read_block(find_dataset(file, name, path=self.source), slice(None), slice(None))
                for name in ("img_bkg", "img_dark")
            )
        self._require_unchanged("img_bkg", flats, (self.n_flats, self.n_rows, self.n_columns))
        self._require_unchanged("img_dark", darks, (self.n_darks, self.n_rows, self.n_columns))
        return flats, darks

    def read_projection(self, index: int) -> CountArray:
        """Read one raw projection.

        Parameters
        ----------
        index
            Number of the projection, from 0.

        Returns
        -------
        `(v, u)` counts in the data type of the file.

        Raises
        ------
        DataError
            No such projection, or a file that cannot be read or has changed since it was opened.
        """
        if not 0 <= index < self.angles_rad.size:
            message = f"{self.source}: projection {index} asked of {self.angles_rad.size}."
            raise DataError(message)
        with open_hdf5(self.source) as file:
            images = find_dataset(file, "img_tomo", path=self.source)
            block = _read_block(images, slice(index, index + 1), slice(None))
        self._require_unchanged("img_tomo", block, (1, self.n_rows, self.n_columns))
        return np.asarray(block[0])  # (v, u)

    def _require_unchanged(self, name: str, block: CountArray, shape: tuple[int, ...]) -> None:
        if block.shape != shape:
            message = (
                f"{self.source}: dataset '{name}' delivers {block.shape} where {shape} was there on opening. "
                "The file changed in between: open the scan again when it is complete."
            )
            raise DataError(message)


def is_fxi(path: str | Path) -> bool:
    """Whether a file holds an FXI fly scan, judged by what it contains.

    Three of the five raw datasets are enough, so that a scan with one missing is recognised and the missing
    one named on opening. Files of 2-D XANES (`img_xanes`) are not fly scans.

    Parameters
    ----------
    path
        File to look at.

    Returns
    -------
    True for a fly scan.

    Raises
    ------
    DataError
        The file does not exist or cannot be read as HDF5.
    """
    with open_hdf5(Path(path)) as file:
        return "img_xanes" not in file and sum(name in file for name in RAW_DATASETS) >= 3


def open_fxi(path: str | Path) -> FxiTomogram:
    """One energy of an FXI fly scan, without reading its frames.

    Parameters
    ----------
    path
        File `fly_scan_id_<number>.h5` or alike.

    Returns
    -------
    Tomogram with energy in eV, angles in radians and notes on what had to be assumed.

    Raises
    ------
    DataError
        The file is unreadable, lacks a dataset, or holds shapes, energies or angles that make no tomogram.
    """
    path = Path(path)
    notes: list[str] = []
    with open_hdf5(path) as file:
        n_angles, n_rows, n_columns = _projection_shape(file, path=path)
        n_flats = _count_frames(file, "img_bkg", (n_rows, n_columns), path=path, notes=notes)
        n_darks = _count_frames(file, "img_dark", (n_rows, n_columns), path=path, notes=notes)
        return FxiTomogram(
            source=path,
            energy_ev=_read_energy(file, path=path, notes=notes),
            angles_rad=_read_angles(file, n_angles, path=path),
            n_rows=n_rows,
            n_columns=n_columns,
            n_flats=n_flats,
            n_darks=n_darks,
            pixel_size_nm=_read_pixel_size(file, path=path, notes=notes),
            time_s=_read_time(file, path=path),
            notes=tuple(notes),
        )


def write_fxi(
    path: str | Path,
    *,
    projections: CountArray,
    flats: CountArray,
    darks: CountArray,
    angles_deg: ArrayLike,
    energy_ev: float,
    pixel_size_nm: float,
    scan_id: int,
    scan_time: float,
    uid: str = "",
    note: str = "",
    stage: Mapping[str, float] | None = None,
) -> None:
    """Write one energy the way FXI does, to the key and data type.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    projections, flats, darks
        `(angle, v, u)`, `(flat, v, u)`, `(dark, v, u)` counts between 0 and 65535, stored as uint16.
    angles_deg
        `(angle,)` rotation angles in degrees.
    energy_ev
        Photon energy in eV (stored in keV).
    pixel_size_nm
        Pixel size in the sample in nm; the magnification follows from the 6500 nm camera pixel.
    scan_id
        Number of the scan.
    scan_time
        Start, seconds since 1970.
    uid
        Unique name of the scan; empty where there is none.
    note
        Text of the operator; `_energy=<keV>` is added as the beamline does.
    stage
        Sample position `x_ini`, `y_ini`, `z_ini` in um and `r_ini` in degrees; left out they are 0 and the
        first angle.

    Raises
    ------
    DataError
        Counts outside 0 to 65535, or a file that cannot be written.
    """
    path = Path(path)
    angles = np.asarray(angles_deg, dtype=np.float64)
    energy_kev = float(energy_ev) / 1000.0
    position = {"x_ini": 0.0, "y_ini": 0.0, "z_ini": 0.0, "r_ini": float(angles[0]), **(stage or {})}
    images = dict(zip(FRAME_DATASETS, (projections, flats, darks), strict=True))
    counts = {name: _as_uint16(image, f"{path}: {name}") for name, image in images.items()}
    medians = {f"{name}_avg": _median_frame(counts[name]) for name in ("img_bkg", "img_dark")}
    scalars: dict[str, Any] = {
        "X_eng": energy_kev,
        "scan_id": int(scan_id),
        "scan_time": float(scan_time),
        "uid": uid,
        "note": f"{note}_energy={energy_kev:g}",
        "Magnification": CAMERA_PIXEL_NM / pixel_size_nm,
        "Pixel Size": float(pixel_size_nm),
    }
    try:
        with h5py.File(path, "w") as file:
            for name, value in {**counts, **medians, "angle": angles, **scalars, **position}.items():
                file.create_dataset(name, data=value)
    except OSError as error:
        message = f"{path}: cannot be written ({error}). Check the folder, its permissions and the free space."
        raise DataError(message) from error


def _as_uint16(image: CountArray, name: str) -> NDArray[np.uint16]:
    if image.dtype == np.uint16:
        return image
    rounded = np.rint(image)
    if not (np.all(rounded >= 0) and np.all(rounded <= COUNT_LIMIT)):
        message = (
            f"{name} has values from {np.min(image):g} to {np.max(image):g}; FXI stores 0 to {COUNT_LIMIT}. "
            "Scale or clip them."
        )
        raise DataError(message)
    return rounded.astype(np.uint16)


def _median_frame(counts: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.asarray(np.median(counts, axis=0, keepdims=True), dtype=np.float32)  # (1, v, u)


def _projection_shape(file: h5py.File, *, path: Path) -> tuple[int, int, int]:
    images = find_dataset(file, "img_tomo", path=path)
    _require_numbers(images, "img_tomo", path=path)
    if images.ndim != 3 or min(images.shape) < 1:
        message = (
            f"{path}: dataset 'img_tomo' has shape {images.shape}; (angle, row, column) is expected. "
            "Export the scan again with one frame per angle."
        )
        raise DataError(message)
    n_angles, n_rows, n_columns = (int(length) for length in images.shape)
    return n_angles, n_rows, n_columns


def _count_frames(file: h5py.File, name: str, frame_shape: tuple[int, int], *, path: Path, notes: list[str]) -> int:
    images = find_dataset(file, name, path=path)
    _require_numbers(images, name, path=path)
    shape = tuple(int(length) for length in images.shape)
    if len(shape) == 4 and shape[0] == 1:
        notes.append(f"'{name}' has an extra leading axis of length 1, which is ignored.")
        shape = shape[1:]
    if len(shape) != 3 or shape[1:] != frame_shape or shape[0] < 1:
        message = (
            f"{path}: dataset '{name}' has shape {images.shape}; (frame, {frame_shape[0]}, {frame_shape[1]}) "
            "is expected from 'img_tomo'. Record flats and darks with the region of the projections."
        )
        raise DataError(message)
    notes.extend(_placeholder_note(images, name, shape[0]))
    return shape[0]


def _placeholder_note(images: h5py.Dataset, name: str, n_frames: int) -> tuple[str, ...]:
    """Tell a stream that was not recorded: FXI writes one frame of ones (flat) or zeros (dark) for it."""
    if n_frames > 1:
        return ()
    row = _read_block(images, slice(None), slice(0, 1))
    if name == "img_bkg" and np.all(row == 1):
        return ("No flats were recorded ('img_bkg' holds ones).",)
    if name == "img_dark" and np.all(row == 0):
        return ("No darks were recorded ('img_dark' holds zeros).",)
    return ()


def _require_numbers(images: h5py.Dataset, name: str, *, path: Path) -> None:
    if images.dtype.kind not in "iuf" or images.shape is None:
        message = f"{path}: dataset '{name}' holds {images.dtype}, not counts. Export the scan again."
        raise DataError(message)


def _read_block(images: h5py.Dataset, frames: slice, rows: slice) -> CountArray:
    leading = (0,) * (images.ndim - 3)
    block = np.asarray(images[(*leading, frames, rows)])
    return np.asarray(block, dtype=block.dtype.newbyteorder("="))


def _read_energy(file: h5py.File, *, path: Path, notes: list[str]) -> float:
    value = read_scalar(file, "X_eng", path=path)
    energy, energy_notes = energy_ev_from(value, name=f"{path}: dataset 'X_eng'")
    notes.extend(energy_notes)
    return energy


def _read_angles(file: h5py.File, n_angles: int, *, path: Path) -> NDArray[np.float64]:
    degrees = np.asarray(find_dataset(file, "angle", path=path)[()])
    return angles_rad_from(degrees, n_projections=n_angles, name=f"{path}: dataset 'angle'")


def _read_pixel_size(file: h5py.File, *, path: Path, notes: list[str]) -> float | None:
    if "Pixel Size" not in file:
        notes.append("No 'Pixel Size' is recorded.")
        return None
    value = read_scalar(file, "Pixel Size", path=path)
    size = pixel_size_nm_from(value)
    if size is None:
        notes.append(f"'Pixel Size' is {value!r}, which is no size in nm; it is ignored.")
    return size


def _read_time(file: h5py.File, *, path: Path) -> float | None:
    if "scan_time" not in file:
        return None
    time = number_from(read_scalar(file, "scan_time", path=path))
    return time if np.isfinite(time) else None
