"""Data Exchange files of the APS, and their dialects: `/exchange/data` with flats, darks and angles beside it.

The layout is that of De Carlo et al., J. Synchrotron Rad. 21, 1224 (2014), doi:10.1107/S160057751401604X: data
`(theta, y, x)`, angles in degrees, one file per energy or one group `exchange`, `exchange_1`, ... for each. MANTiS
keeps all energies in one array `(x, y, energy, theta)`. The energy is read from the group or from the monochromator;
a file without one opens with an unknown energy.
"""

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import energy_ev_from, number_from
from xanesmap.reconstruct.hdf5 import (
    find_dataset,
    look_up,
    member_names,
    open_hdf5,
    read_attribute,
    read_scalar,
    read_vector,
)
from xanesmap.reconstruct.hdf5_tomogram import FrameSource, Hdf5Tomogram, StoredFrames, UniformFrame
from xanesmap.reconstruct.overrides import NO_OVERRIDES, Overrides
from xanesmap.reconstruct.recorded_values import read_angles, read_energies, read_energy, read_length_nm, read_time
from xanesmap.reconstruct.stored_frames import (
    Kind,
    missing_frames,
    projection_frames,
    reference_frames,
    require_numbers,
)

MONOCHROMATOR = "instrument/monochromator/energy"
PIXEL_SIZES = (
    "measurement/instrument/detection_system/objective/resolution",
    "measurement/instrument/detector/actual_pixel_size_x",
)
"""Where files record the size of a pixel in the sample, in order."""

CAMERA_PIXELS = ("measurement/instrument/detector/pixel_size_x", "measurement/instrument/detector/pixel_size")
MAGNIFICATION = "measurement/instrument/detection_system/objective/magnification"
START = "process/acquisition/start_date"
WHITE_SPECTRUM = "spectromicroscopy/normalization/white_spectrum"

_GROUP = re.compile(r"exchange(?:_(\d+))?")
_ROLES = {
    **dict.fromkeys(("theta", "angle", "angles", "rotation", "rotation_angle", "theta_white", "theta_dark"), "frame"),
    **dict.fromkeys(("y", "v", "row"), "row"),
    **dict.fromkeys(("x", "u", "column"), "column"),
    **dict.fromkeys(("energy", "e", "ev"), "energy"),
}


def is_dataexchange(path: str | Path) -> bool:
    """Whether a file holds a tomography scan in Data Exchange layout, judged by what it contains.

    Parameters
    ----------
    path
        File to look at.

    Returns
    -------
    True where a group `exchange` holds data; not for stacks of images over energy, which have no angles.

    Raises
    ------
    DataError
        The file does not exist or cannot be read as HDF5.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        groups = _groups(file, path=path)
        return bool(groups) and not is_energy_stack(file, path=path)


def is_energy_stack(file: h5py.File, *, path: Path) -> bool:
    """Whether an open file holds images over energy without angles, as APS 32-ID and MANTiS write them.

    Parameters
    ----------
    file
        Open file.
    path
        Where it is, for messages.
    """
    data, energy, theta = (look_up(file, f"exchange/{name}", path=path) for name in ("data", "energy", "theta"))
    n_energies = max(getattr(energy, "shape", None) or (0,))
    return data is not None and theta is None and n_energies > 1


def open_dataexchange(path: str | Path, *, overrides: Overrides = NO_OVERRIDES) -> list[Hdf5Tomogram]:
    """Tomograms of a Data Exchange file, without reading their frames.

    Parameters
    ----------
    path
        HDF5 file with one or more groups `exchange`.
    overrides
        What the user states in place of the file.

    Returns
    -------
    One tomogram per energy, in recorded order.

    Raises
    ------
    DataError
        The file is unreadable, lacks a dataset, or holds shapes, energies or angles that make no tomogram.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        groups = _groups(file, path=path)
        with_angles = [group for group in groups if look_up(file, f"{group}/theta", path=path) is not None]
        tomograms: list[Hdf5Tomogram] = []
        # A group without angles beside one that has them holds processed data.
        for group in with_angles or groups[:1]:
            images = find_dataset(file, f"{group}/data", path=path)
            if len(images.shape or ()) == 4 and look_up(file, f"{group}/energy", path=path) is not None:
                tomograms += _open_energy_axis(file, group, overrides, path=path)
            else:
                tomograms.append(_open_group(file, group, overrides, alone=len(with_angles) < 2, path=path))
        return tomograms


def _groups(file: h5py.File, *, path: Path) -> list[str]:
    """Groups with data, in the order of their numbers."""
    numbered = sorted((int(match[1] or 0), name) for name in member_names(file) if (match := _GROUP.fullmatch(name)))
    return [name for _, name in numbered if look_up(file, f"{name}/data", path=path) is not None]


def _open_group(file: h5py.File, group: str, overrides: Overrides, *, alone: bool, path: Path) -> Hdf5Tomogram:
    notes: list[str] = []
    projections = _projections(file, f"{group}/data", path=path, notes=notes)
    return Hdf5Tomogram(
        source=path,
        energy_ev=_energy(file, group, overrides, alone=alone, path=path, notes=notes),
        angles_rad=read_angles(
            file, f"{group}/theta", n_projections=projections.n_frames, overrides=overrides, path=path, notes=notes
        ),
        projections=projections,
        flats=_references(file, f"{group}/data_white", "flats", projections, path=path, notes=notes),
        darks=_references(file, f"{group}/data_dark", "darks", projections, path=path, notes=notes),
        pixel_size_nm=_pixel_size(file, path=path, notes=notes),
        time_s=read_time(file, (START,), path=path),
        notes=tuple(notes),
    )


def _projections(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> StoredFrames:
    """Projections along the axes the file names, `theta:y:x` where it names none."""
    images = find_dataset(file, name, path=path)
    roles = _roles(images)
    if len(images.shape or ()) != 3 or sorted(roles) != ["column", "frame", "row"]:
        return projection_frames(file, name, path=path, notes=notes)
    require_numbers(images, name, path=path)
    axes = (roles.index("frame"), roles.index("row"), roles.index("column"))
    if min(images.shape) < 1 or axes == (0, 1, 2):
        return projection_frames(file, name, path=path, notes=notes)
    notes.append(f"The axes of '{name}' are {read_attribute(images, 'axes')}, as the file says.")
    return StoredFrames(dataset=name, shape=images.shape, axes=axes, runs=((0, images.shape[axes[0]]),))


def _roles(images: h5py.Dataset) -> list[str]:
    named = (read_attribute(images, "axes") or "").lower()
    return [_ROLES.get(axis.strip(), axis.strip()) for axis in re.split(r"[:,]", named)]


def _references(
    file: h5py.File, name: str, kind: Kind, projections: StoredFrames, *, path: Path, notes: list[str]
) -> FrameSource:
    if look_up(file, name, path=path) is None:
        return missing_frames(name, kind=kind, like=projections, notes=notes)
    images = find_dataset(file, name, path=path)
    # Only a file that names its axes has them in another order; axes of length 1 are left to the general case.
    named = len(projections.shape) == 3 and projections.axes != (0, 1, 2)
    if not named or len(images.shape or ()) != 3:
        return reference_frames(file, name, kind=kind, like=projections, path=path, notes=notes)
    frames = StoredFrames(
        dataset=name, shape=images.shape, axes=projections.axes, runs=((0, images.shape[projections.axes[0]]),)
    )
    require_numbers(images, name, path=path)
    if frames.frame_shape != projections.frame_shape or frames.n_frames < 1:
        return reference_frames(file, name, kind=kind, like=projections, path=path, notes=notes)
    return frames


def _energy(file: h5py.File, group: str, overrides: Overrides, *, alone: bool, path: Path, notes: list[str]) -> float:
    if overrides.energies_ev is not None:
        return float("nan")
    number = group.removeprefix("exchange")
    names = [f"{group}/energy"]
    if number or alone:
        # With several groups the monochromator of the file belongs to none in particular.
        names.append(f"measurement{number}/{MONOCHROMATOR}")
    if all(look_up(file, name, path=path) is None for name in names):
        for name in (f"{group}/data", group):
            energy = _energy_attribute(file, name, path=path, notes=notes)
            if energy is not None:
                return energy
    return read_energy(file, names, path=path, notes=notes)


def _energy_attribute(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> float | None:
    holder = look_up(file, name, path=path)
    value = None if holder is None else read_attribute(holder, "energy")
    if holder is None or value is None:
        return None
    unit = read_attribute(holder, "energy_units")
    energy, told = energy_ev_from(value, name=f"{path}: attribute 'energy' of '{name}'", unit=unit)
    notes.extend(told)
    return energy


def _pixel_size(file: h5py.File, *, path: Path, notes: list[str]) -> float | None:
    told: list[str] = []
    for name in PIXEL_SIZES:
        size = read_length_nm(file, name, path=path, notes=told)
        if size is not None:
            return size
    notes.extend(told)
    magnification = _magnification(file, path=path)
    for name in CAMERA_PIXELS:
        camera = look_up(file, name, path=path)
        if isinstance(camera, h5py.Dataset) and magnification > 0:
            size = read_length_nm(file, name, path=path, notes=notes)
            if size is not None and size / magnification >= 1.0:
                notes.append(f"The pixel size is that of the camera over its magnification, {magnification:g}.")
                return size / magnification
    notes.append("No pixel size in the sample is recorded.")
    return None


def _magnification(file: h5py.File, *, path: Path) -> float:
    if look_up(file, MAGNIFICATION, path=path) is None:
        return float("nan")
    text = str(read_scalar(file, MAGNIFICATION, path=path)).strip().rstrip("xX×")
    return number_from(text)


def _open_energy_axis(file: h5py.File, group: str, overrides: Overrides, *, path: Path) -> list[Hdf5Tomogram]:
    """All energies of one array, such as the `(x, y, energy, theta)` of MANTiS."""
    notes: list[str] = []
    name = f"{group}/data"
    images = find_dataset(file, name, path=path)
    require_numbers(images, name, path=path)
    axes, energy_axis = _axes_with_energy(images, name, path=path)
    energies = _energies_along(file, group, images.shape[energy_axis], overrides, path=path, notes=notes)
    n_projections = images.shape[axes[0]]
    angles = read_angles(
        file, f"{group}/theta", n_projections=n_projections, overrides=overrides, path=path, notes=notes
    )
    incident = _incident(file, n_energies=energies.size, path=path, notes=notes)
    pixel_size, time = _pixel_size(file, path=path, notes=notes), read_time(file, (START,), path=path)
    tomograms = []
    for index, energy in enumerate(energies):
        frames = StoredFrames(
            dataset=name, shape=images.shape, axes=axes, fixed=((energy_axis, index),), runs=((0, n_projections),)
        )
        told = list(notes)
        darks = missing_frames(f"{group}/data_dark", kind="darks", like=frames, notes=told)
        if incident is None:
            flats = missing_frames(f"{group}/data_white", kind="flats", like=frames, notes=told)
        else:
            flats = UniformFrame(dataset=WHITE_SPECTRUM, frame_shape=frames.frame_shape, value=float(incident[index]))
        tomograms.append(
            Hdf5Tomogram(
                source=path,
                energy_ev=float(energy),
                angles_rad=angles,
                projections=frames,
                flats=flats,
                darks=darks,
                pixel_size_nm=pixel_size,
                time_s=time,
                notes=tuple(told),
            )
        )
    return tomograms


def _axes_with_energy(images: h5py.Dataset, name: str, *, path: Path) -> tuple[tuple[int, int, int], int]:
    """Axes of frame, row and column, and that of energy; `x:y:energy:theta` where the file names none."""
    roles = _roles(images)
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


def _incident(file: h5py.File, *, n_energies: int, path: Path, notes: list[str]) -> NDArray[np.float64] | None:
    """Incident intensity at each energy, which MANTiS keeps in place of flats."""
    if look_up(file, WHITE_SPECTRUM, path=path) is None:
        return None
    spectrum = read_vector(file, WHITE_SPECTRUM, path=path)
    if spectrum.size != n_energies or not np.all(spectrum > 0):
        notes.append(f"'{WHITE_SPECTRUM}' does not hold one intensity per energy; it is not used.")
        return None
    notes.append(f"Flats are uniform, at the incident intensity of '{WHITE_SPECTRUM}'.")
    return spectrum
