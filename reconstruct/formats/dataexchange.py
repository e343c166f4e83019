"""Data Exchange files of the APS, and their dialects: `/exchange/data` with flats, darks and angles beside it.

The layout is that of De Carlo et al., J. Synchrotron Rad. 21, 1224 (2014), doi:10.1107/S160057751401604X: data
`(theta, y, x)`, angles in degrees, one file per energy or one group `exchange`, `exchange_1`, ... for each. MANTiS
keeps all energies in one array `(x, y, energy, theta)`. The energy is read from the group or from the monochromator;
a file without one opens with an unknown energy.
"""

import re
from pathlib import Path

import h5py

from xanesmap.reconstruct.acquisition import energy_ev_from, number_from
from xanesmap.reconstruct.formats.hdf5 import (
    find_dataset,
    look_up,
    member_names,
    open_hdf5,
    read_attribute,
    read_scalar,
)
from xanesmap.reconstruct.formats.hdf5_tomogram import FrameSource, Hdf5Tomogram, StoredFrames
from xanesmap.reconstruct.formats.mantis import axis_roles, open_energy_axis
from xanesmap.reconstruct.formats.recorded_values import (
    read_angles,
    read_binning,
    read_energy,
    read_length_nm,
    read_time,
)
from xanesmap.reconstruct.formats.stored_frames import (
    Kind,
    missing_frames,
    projection_frames,
    reference_frames,
    require_numbers,
)
from xanesmap.reconstruct.overrides import NO_OVERRIDES, Overrides

MONOCHROMATOR = "instrument/monochromator/energy"
PIXEL_SIZES = (
    "measurement/instrument/detection_system/objective/resolution",
    "measurement/instrument/detector/actual_pixel_size_x",
)
"""Where files record the size of a pixel in the sample, in order."""

CAMERA_PIXELS = ("measurement/instrument/detector/pixel_size_x", "measurement/instrument/detector/pixel_size")
MAGNIFICATION = "measurement/instrument/detection_system/objective/magnification"
BINNINGS = ("measurement/instrument/detector/binning_x", "measurement/instrument/detector/binning")
START = "process/acquisition/start_date"

_GROUP = re.compile(r"exchange(?:_(\d+))?")


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
                size = sample_pixel_size(file, path=path, notes=[])
                tomograms += open_energy_axis(file, group, overrides, pixel_size_nm=size, path=path)
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
        pixel_size_nm=sample_pixel_size(file, path=path, notes=notes),
        time_s=read_time(file, (START,), path=path),
        binning=read_binning(file, BINNINGS, path=path),
        notes=tuple(notes),
    )


def _projections(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> StoredFrames:
    """Projections along the axes the file names, `theta:y:x` where it names none."""
    images = find_dataset(file, name, path=path)
    roles = axis_roles(images)
    if len(images.shape or ()) != 3 or sorted(roles) != ["column", "frame", "row"]:
        return projection_frames(file, name, path=path, notes=notes)
    require_numbers(images, name, path=path)
    axes = (roles.index("frame"), roles.index("row"), roles.index("column"))
    if min(images.shape) < 1 or axes == (0, 1, 2):
        return projection_frames(file, name, path=path, notes=notes)
    notes.append(f"The axes of '{name}' are {read_attribute(images, 'axes')}, as the file says.")
    return StoredFrames(dataset=name, shape=images.shape, axes=axes, runs=((0, images.shape[axes[0]]),))


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


def sample_pixel_size(file: h5py.File, *, path: Path, notes: list[str]) -> float | None:
    """Pixel size in the sample, nm, as Data Exchange records it.

    Parameters
    ----------
    file
        Open file.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    Size in nm; None, with a note, where the file has none that can be used.
    """
    told: list[str] = []
    for name in PIXEL_SIZES:
        size = read_length_nm(file, name, path=path, notes=told)
        if size is not None:
            return size
    notes.extend(told)
    magnification = _magnification(file, path=path)
    binning = read_binning(file, BINNINGS, path=path) or 1
    for name in CAMERA_PIXELS:
        camera = look_up(file, name, path=path)
        if isinstance(camera, h5py.Dataset) and magnification > 0:
            size = read_length_nm(file, name, path=path, notes=notes)
            if size is not None and size * binning / magnification >= 1.0:
                binned = f" binned by {binning}" if binning > 1 else ""
                notes.append(f"The pixel size is that of the camera{binned} over its magnification, {magnification:g}.")
                return size * binning / magnification
    notes.append("No pixel size in the sample is recorded.")
    return None


def _magnification(file: h5py.File, *, path: Path) -> float:
    if look_up(file, MAGNIFICATION, path=path) is None:
        return float("nan")
    text = str(read_scalar(file, MAGNIFICATION, path=path)).strip().rstrip("xX×")
    return number_from(text)
