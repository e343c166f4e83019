"""Fly scans of NSLS-II FXI (18-ID): one HDF5 file per photon energy, as its profile collection writes them.

The layout is that of ``startup/80-load_scan.py`` in NSLS2/fxi-profile-collection and ``export.py`` in
NSLS2/fxi-workflows (both BSD-3): energies in keV, angles in degrees, pixel size in nm. Readers of this module
open a file for its metadata only; frames are read on request, by detector rows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import angles_rad_from, energy_ev_from, number_from, pixel_size_nm_from
from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.hdf5 import find_dataset, member_names, open_hdf5, read_scalar
from xanesmap.reconstruct.formats.hdf5_tomogram import Hdf5Tomogram
from xanesmap.reconstruct.formats.hdf5_writing import writing_hdf5
from xanesmap.reconstruct.formats.stored_frames import projection_frames, reference_frames
from xanesmap.reconstruct.overrides import NO_OVERRIDES, Overrides
from xanesmap.reconstruct.scan import CountArray, Tomogram

FRAME_DATASETS = ("img_tomo", "img_bkg", "img_dark")
RAW_DATASETS = (*FRAME_DATASETS, "angle", "X_eng")
CAMERA_PIXEL_NM = 6500.0
"""Pixel of the FXI camera in nm; `Pixel Size` in the files is this over `Magnification`."""

CAMERA_SHAPE = (2160, 2560)
"""Rows and columns of the Andor Neo, one of the cameras of FXI; binned frames of the others look like cut ones."""

COUNT_LIMIT = int(np.iinfo(np.uint16).max)


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
        held = set(member_names(file))
    return "img_xanes" not in held and len(held.intersection(RAW_DATASETS)) >= 3


def open_fxi(path: str | Path, *, overrides: Overrides = NO_OVERRIDES) -> Hdf5Tomogram:
    """One energy of an FXI fly scan, without reading its frames.

    Parameters
    ----------
    path
        File `fly_scan_id_<number>.h5` or alike.
    overrides
        What the user states in place of the file.

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
        projections = projection_frames(file, "img_tomo", path=path, notes=notes)
        flats = reference_frames(file, "img_bkg", kind="flats", like=projections, path=path, notes=notes)
        darks = reference_frames(file, "img_dark", kind="darks", like=projections, path=path, notes=notes)
        return Hdf5Tomogram(
            source=path,
            energy_ev=_read_energy(file, overrides, path=path, notes=notes),
            angles_rad=_read_angles(file, projections.n_frames, overrides, path=path),
            projections=projections,
            flats=flats,
            darks=darks,
            pixel_size_nm=read_pixel_size(file, projections.frame_shape, path=path, notes=notes),
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
    tomogram = ArrayTomogram(
        projections=projections,
        flats=flats,
        darks=darks,
        energy_ev=float(energy_ev),
        angles_rad=np.deg2rad(np.asarray(angles_deg, dtype=np.float64)),
        pixel_size_nm=float(pixel_size_nm),
        time_s=float(scan_time),
    )
    copy_to_fxi(path, tomogram, scan_id=scan_id, uid=uid, note=note, stage=stage)


def copy_to_fxi(
    path: str | Path,
    tomogram: Tomogram,
    *,
    scan_id: int,
    uid: str = "",
    note: str = "",
    stage: Mapping[str, float] | None = None,
) -> None:
    """Write a tomogram the way FXI does, frame by frame.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    tomogram
        What to write. Its counts must lie between 0 and 65535, and are stored as uint16.
    scan_id, uid, note, stage
        As in :func:`write_fxi`.

    Raises
    ------
    DataError
        The energy is unknown, counts outside 0 to 65535, or a file that cannot be read or written.
    """
    path = Path(path)
    if not np.isfinite(tomogram.energy_ev):
        message = f"{tomogram.source}: its photon energy is not known, and FXI files need it. Give energies_ev."
        raise DataError(message)
    flats, darks = (
        _as_uint16(frames, f"{path}: {name}")
        for name, frames in zip(("img_bkg", "img_dark"), tomogram.read_references(), strict=True)
    )
    shape = (tomogram.angles_rad.size, tomogram.n_rows, tomogram.n_columns)
    with writing_hdf5(path) as file:
        images = file.create_dataset("img_tomo", shape=shape, dtype=np.uint16)
        for index in range(shape[0]):
            images[index] = _as_uint16(tomogram.read_projection(index), f"{path}: img_tomo")
        file["img_bkg"], file["img_dark"] = flats, darks
        file["img_bkg_avg"], file["img_dark_avg"] = _median_frame(flats), _median_frame(darks)
        described = _description(tomogram, scan_id=scan_id, uid=uid, note=note)
        for name, value in {**described, **(stage or {})}.items():
            file.create_dataset(name, data=value)


def _description(tomogram: Tomogram, *, scan_id: int, uid: str, note: str) -> dict[str, Any]:
    """Everything but frames; what is not known is left out, as in older files."""
    degrees = np.rad2deg(tomogram.angles_rad)
    energy_kev = tomogram.energy_ev / 1000.0
    described: dict[str, Any] = {
        "angle": degrees,
        "X_eng": energy_kev,
        "scan_id": int(scan_id),
        "uid": uid,
        "note": f"{note}_energy={energy_kev:g}",
        **dict.fromkeys(("x_ini", "y_ini", "z_ini"), 0.0),
        "r_ini": float(degrees[0]),
    }
    if tomogram.time_s is not None:
        described["scan_time"] = float(tomogram.time_s)
    if tomogram.pixel_size_nm is not None:
        described["Magnification"] = CAMERA_PIXEL_NM / tomogram.pixel_size_nm
        described["Pixel Size"] = float(tomogram.pixel_size_nm)
    return described


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


def _read_energy(file: h5py.File, overrides: Overrides, *, path: Path, notes: list[str]) -> float:
    if overrides.energies_ev is not None:
        return float("nan")
    value = read_scalar(file, "X_eng", path=path)
    energy, energy_notes = energy_ev_from(value, name=f"{path}: dataset 'X_eng'")
    notes.extend(energy_notes)
    return energy


def _read_angles(file: h5py.File, n_angles: int, overrides: Overrides, *, path: Path) -> NDArray[np.float64]:
    if overrides.angles_deg is not None:
        return overrides.angles_rad(n_projections=n_angles, path=path)
    degrees = find_dataset(file, "angle", path=path)
    recorded = np.asarray(degrees[()]) if degrees.shape == (n_angles,) else degrees
    return angles_rad_from(recorded, n_projections=n_angles, name=f"{path}: dataset 'angle'")


def read_pixel_size(file: h5py.File, frame: tuple[int, int], *, path: Path, notes: list[str]) -> float | None:
    """Pixel size in the sample, nm, as FXI records it.

    Parameters
    ----------
    file
        Open file.
    frame
        Rows and columns of a frame.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    Size in nm; None, with a note, where the file has none that can be used.
    """
    if "Pixel Size" not in member_names(file):
        notes.append("No 'Pixel Size' is recorded.")
        return None
    value = read_scalar(file, "Pixel Size", path=path)
    size = pixel_size_nm_from(value)
    if size is None:
        notes.append(f"'Pixel Size' is {value!r}, which is no size in nm; it is ignored.")
    binning = next((n for n in (2, 4) if frame == (CAMERA_SHAPE[0] // n, CAMERA_SHAPE[1] // n)), None)
    if size is not None and binning is not None:
        notes.append(
            f"The frames of {frame[0]} x {frame[1]} pixels are 1/{binning} of those of the camera each way, and "
            "the file does not record binning: if they were binned, give "
            f"{binning * size:.5g} nm as pixel_size_nm."
        )
    return size


def _read_time(file: h5py.File, *, path: Path) -> float | None:
    if "scan_time" not in member_names(file):
        return None
    time = number_from(read_scalar(file, "scan_time", path=path))
    return time if np.isfinite(time) else None
