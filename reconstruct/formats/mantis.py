"""All energies of a tomography scan in one array, as MANTiS writes it: `/exchange/data` `(x, y, energy, theta)`.

The layout is that of MANTiS (Lerotic et al., J. Synchrotron Rad. 21, 1206 (2014), doi:10.1107/S1600577514013964), a
dialect of Data Exchange: energies in eV, the intensity without the sample as a spectrum, or as images in `white_data`.
"""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5 import find_dataset, look_up, read_attribute, read_vector
from xanesmap.reconstruct.formats.hdf5_tomogram import FrameSource, Hdf5Tomogram, StoredFrames, UniformFrame
from xanesmap.reconstruct.formats.recorded_values import (
    read_angles,
    read_binning,
    read_energies,
    read_step_nm,
    read_time,
)
from xanesmap.reconstruct.formats.stored_frames import Kind, missing_frames, require_numbers
from xanesmap.reconstruct.overrides import Overrides
from xanesmap.reconstruct.plausible_counts import LARGEST_COUNT

WHITE_SPECTRUM = "spectromicroscopy/normalization/white_spectrum"
BINNING = "information/detector/binning/horizontal"
START = "data_collection_datetime"

_ROLES = {
    **dict.fromkeys(("theta", "angle", "angles", "rotation", "rotation_angle", "theta_white", "theta_dark"), "frame"),
    **dict.fromkeys(("y", "v", "row"), "row"),
    **dict.fromkeys(("x", "u", "column"), "column"),
    **dict.fromkeys(("energy", "e", "ev"), "energy"),
}


def axis_roles(images: h5py.Dataset) -> list[str]:
    """What the axes of a dataset stand for by its attribute `axes`: frame, row, column, energy, or as it says."""
    named = (read_attribute(images, "axes") or "").lower()
    return [_ROLES.get(axis.strip(), axis.strip()) for axis in re.split(r"[:,]", named)]


def open_energy_axis(
    file: h5py.File, group: str, overrides: Overrides, *, pixel_size_nm: float | None, path: Path
) -> list[Hdf5Tomogram]:
    """Tomograms of one array, without reading their frames.

    Parameters
    ----------
    file
        Open file.
    group
        Group with `data`, `energy` and `theta`.
    overrides
        What the user states in place of the file.
    pixel_size_nm
        Pixel size in nm where the file records it as Data Exchange does; else it is taken from `x`.
    path
        Where the file is, for messages.

    Returns
    -------
    One tomogram per energy, in recorded order.

    Raises
    ------
    DataError
        Axes, energies or angles that make no tomograms.
    """
    notes: list[str] = []
    frames, energy_axis = _projections(file, f"{group}/data", path=path)
    energies = _energies_along(file, group, frames.shape[energy_axis], overrides, path=path, notes=notes)
    angles = read_angles(
        file, f"{group}/theta", n_projections=frames.n_frames, overrides=overrides, path=path, notes=notes
    )
    if pixel_size_nm is None:
        pixel_size_nm = read_step_nm(file, f"{group}/x", path=path, notes=notes)
    flats = _flats(file, group, frames, energy_axis, path=path, notes=notes)
    darks = _darks(file, group, frames, energy_axis, path=path, notes=notes)
    time = read_time(file, (f"{group}/{START}",), path=path)
    binning = read_binning(file, (BINNING,), path=path)
    return [
        Hdf5Tomogram(
            source=path,
            energy_ev=float(energy),
            angles_rad=angles,
            projections=_at(frames, energy_axis, index),
            flats=flats[index],
            darks=darks[index],
            pixel_size_nm=pixel_size_nm,
            time_s=time,
            binning=binning,
            notes=tuple(notes),
        )
        for index, energy in enumerate(energies)
    ]


def _projections(file: h5py.File, name: str, *, path: Path) -> tuple[StoredFrames, int]:
    """Projections of the first energy, and the axis of energy."""
    images = find_dataset(file, name, path=path)
    require_numbers(images, name, path=path)
    axes, energy_axis = _axes_with_energy(images, name, path=path)
    runs = ((0, images.shape[axes[0]]),)
    return StoredFrames(dataset=name, shape=images.shape, axes=axes, fixed=((energy_axis, 0),), runs=runs), energy_axis


def _axes_with_energy(images: h5py.Dataset, name: str, *, path: Path) -> tuple[tuple[int, int, int], int]:
    """Axes of frame, row and column, and that of energy; `x:y:energy:theta` where the file names none."""
    roles = axis_roles(images)
    if len(roles) == 3 and "frame" not in roles:
        roles.append("frame")
    if roles in (["", "frame"], [""]):
        roles = ["column", "row", "energy", "frame"]
    if sorted(roles) != ["column", "energy", "frame", "row"] or min(images.shape) < 1:
        message = (
            f"{path}: dataset '{name}' has shape {images.shape} and axes {read_attribute(images, 'axes')!r}; "
            "x:y:energy:theta is expected. Name its axes in the attribute 'axes'."
        )
        raise DataError(message)
    return (roles.index("frame"), roles.index("row"), roles.index("column")), roles.index("energy")


def _energies_along(
    file: h5py.File, group: str, n_energies: int, overrides: Overrides, *, path: Path, notes: list[str]
) -> NDArray[np.float64]:
    if overrides.energies_ev is not None:
        return np.full(n_energies, np.nan)
    energies = read_energies(file, f"{group}/energy", path=path, notes=notes)
    if energies.size != n_energies:
        message = (
            f"{path}: dataset '{group}/energy' holds {energies.size} energies for {n_energies} in '{group}/data'. "
            "Export the file again."
        )
        raise DataError(message)
    return energies


def _at(frames: StoredFrames, energy_axis: int, index: int) -> StoredFrames:
    """Frames of another energy of the same array."""
    return StoredFrames(
        dataset=frames.dataset, shape=frames.shape, axes=frames.axes, fixed=((energy_axis, index),), runs=frames.runs
    )


def _flats(
    file: h5py.File, group: str, frames: StoredFrames, energy_axis: int, *, path: Path, notes: list[str]
) -> list[FrameSource]:
    """Flats of every energy: images where there are any, else the spectrum of the incident intensity."""
    n_energies = frames.shape[energy_axis]
    flats = _images(file, f"{group}/white_data", frames, energy_axis, path=path, notes=notes)
    if flats is not None:
        return flats
    incident = incident_intensity(file, n_energies=n_energies, path=path, notes=notes)
    if incident is None:
        return _missing(f"{group}/white_data", "flats", frames, n_energies, notes=notes)
    shape = frames.frame_shape
    return [UniformFrame(dataset=WHITE_SPECTRUM, frame_shape=shape, value=float(value)) for value in incident]


def _darks(
    file: h5py.File, group: str, frames: StoredFrames, energy_axis: int, *, path: Path, notes: list[str]
) -> list[FrameSource]:
    name = f"{group}/dark_data"
    darks = _images(file, name, frames, energy_axis, path=path, notes=notes)
    return _missing(name, "darks", frames, frames.shape[energy_axis], notes=notes) if darks is None else darks


def _missing(name: str, kind: Kind, frames: StoredFrames, n_energies: int, *, notes: list[str]) -> list[FrameSource]:
    return [missing_frames(name, kind=kind, like=frames, notes=notes)] * n_energies


def _images(
    file: h5py.File, name: str, frames: StoredFrames, energy_axis: int, *, path: Path, notes: list[str]
) -> list[FrameSource] | None:
    """Images of every energy along the axes of the projections, with any number of frames or one without an axis."""
    if look_up(file, name, path=path) is None:
        return None
    images: Any = find_dataset(file, name, path=path)
    shape = images.shape or ()
    axis = frames.axes[0]
    is_single = shape == frames.shape[:axis] + frames.shape[axis + 1 :]
    is_stack = len(shape) == 4 and shape[:axis] + shape[axis + 1 :] == frames.shape[:axis] + frames.shape[axis + 1 :]
    if images.dtype.kind not in "iuf" or not (is_single or is_stack) or min(shape) < 1:
        notes.append(f"'{name}' has shape {shape}, which does not fit the projections {frames.shape}; it is not used.")
        return None
    if is_stack:
        stack = StoredFrames(dataset=name, shape=shape, axes=frames.axes, fixed=(), runs=((0, shape[axis]),))
        return [_at(stack, energy_axis, index) for index in range(shape[energy_axis])]
    # Without an axis of frames that of energy takes its place, one frame long.
    row, column, energy = (other - (other > axis) for other in (*frames.axes[1:], energy_axis))
    return [
        StoredFrames(dataset=name, shape=shape, axes=(energy, row, column), runs=((index, index + 1),))
        for index in range(shape[energy])
    ]


def incident_intensity(file: h5py.File, *, n_energies: int, path: Path, notes: list[str]) -> NDArray[np.float64] | None:
    """Incident intensity at each energy, which MANTiS keeps in place of flats.

    Parameters
    ----------
    file
        Open file.
    n_energies
        Number of energies.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    `(energy,)` intensity; None where the file has none that fits.
    """
    if look_up(file, WHITE_SPECTRUM, path=path) is None:
        return None
    spectrum = read_vector(file, WHITE_SPECTRUM, path=path)
    if spectrum.size != n_energies or not np.all((spectrum > 0) & (spectrum <= LARGEST_COUNT)):
        notes.append(f"'{WHITE_SPECTRUM}' does not hold one intensity per energy; it is not used.")
        return None
    notes.append(f"Flats are uniform, at the incident intensity of '{WHITE_SPECTRUM}'.")
    return spectrum
