"""NeXus NXtomo files: one detector array with an image key per frame, one entry per energy.

The layout is that of the NeXus application definition NXtomo (NeXus International Advisory Committee): image key 0 is a
projection, 1 a flat, 2 a dark, 3 a frame not to be used. Entries are found by what they hold, whatever their name.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import angles_rad_from, means_radians
from xanesmap.reconstruct.formats.hdf5 import (
    find_dataset,
    look_up,
    member_names,
    open_hdf5,
    read_attribute,
    read_vector,
)
from xanesmap.reconstruct.formats.hdf5_tomogram import FrameSource, Hdf5Tomogram, StoredFrames, runs_of
from xanesmap.reconstruct.formats.recorded_values import read_energy, read_length_nm, read_time
from xanesmap.reconstruct.formats.stored_frames import Kind, missing_frames, projection_frames
from xanesmap.reconstruct.overrides import NO_OVERRIDES, Overrides

PROJECTION, FLAT, DARK, INVALID = 0, 1, 2, 3
ALIGNMENT = -1
"""Value of `image_key_control` for frames taken out of turn, which are left out."""

LARGEST_SAMPLE_PIXEL_NM = 1000.0
"""A pixel of the detector above this is one of the camera, and says nothing of the sample."""

_ENERGIES = {"NXbeam": "incident_energy", "NXmonochromator": "energy"}


def is_nxtomo(path: str | Path) -> bool:
    """Whether a file holds an NXtomo entry, judged by what it contains.

    Parameters
    ----------
    path
        File to look at.

    Raises
    ------
    DataError
        The file does not exist or cannot be read as HDF5, or all it holds is a link out of its folder.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        return next(_entries(file, path=path), None) is not None


def open_nxtomo(path: str | Path, *, overrides: Overrides = NO_OVERRIDES) -> list[Hdf5Tomogram]:
    """Tomograms of an NXtomo file, without reading their frames.

    Parameters
    ----------
    path
        HDF5 file with one or more NXtomo entries.
    overrides
        What the user states in place of the file.

    Returns
    -------
    One tomogram per entry, entries in the order of their names.

    Raises
    ------
    DataError
        The file is unreadable, lacks a dataset, or holds shapes, energies or angles that make no tomogram.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        return [
            _open_entry(file, entry, detector, overrides, path=path) for entry, detector in _entries(file, path=path)
        ]


def _entries(file: h5py.File, *, path: Path) -> Iterator[tuple[str, str]]:
    """Names of the entries and of their detectors: groups of the file, or groups in these (NXsubentry)."""
    refused: DataError | None = None
    found = False
    for name in member_names(file):
        try:
            nested = [f"{name}/{child}" for child in _groups(file, name, path=path)]
        except DataError as error:
            refused = refused or error
            continue
        for entry in (name, *nested):
            for detector in _detectors(file, entry, path=path):
                found = True
                yield entry, detector
    if refused is not None and not found:
        raise refused


def _detectors(file: h5py.File, entry: str, *, path: Path) -> list[str]:
    """The detector with an image key, at most one."""
    for name, kind in _groups(file, entry, path=path).items():
        if kind == "NXinstrument" or name == "instrument":
            for child in _groups(file, f"{entry}/{name}", path=path):
                detector = f"{entry}/{name}/{child}"
                held = look_up(file, detector, path=path)
                if isinstance(held, h5py.Group) and {"image_key", "data"} <= set(member_names(held)):
                    return [detector]
    return []


def _groups(file: h5py.File, name: str, *, path: Path) -> dict[str, str]:
    """Groups in a group, with their NeXus classes. External links below the entry are followed only when needed."""
    parent = look_up(file, name, path=path)
    if not isinstance(parent, h5py.Group):
        return {}
    inside = [
        child for child in member_names(parent) if not isinstance(parent.get(child, getlink=True), h5py.ExternalLink)
    ]
    found = {child: look_up(parent, child, path=path) for child in inside}
    return {
        name: read_attribute(item, "NX_class") or "" for name, item in found.items() if isinstance(item, h5py.Group)
    }


def _open_entry(file: h5py.File, entry: str, detector: str, overrides: Overrides, *, path: Path) -> Hdf5Tomogram:
    notes: list[str] = []
    stack = projection_frames(file, f"{detector}/data", path=path, notes=notes)
    keys = _image_keys(file, detector, n_frames=stack.n_frames, path=path, notes=notes)
    projections = replace(stack, runs=runs_of(np.flatnonzero(keys == PROJECTION)))
    return Hdf5Tomogram(
        source=path,
        energy_ev=_energy(file, entry, overrides, path=path, notes=notes),
        angles_rad=_angles(file, entry, keys, overrides, path=path, notes=notes),
        projections=projections,
        flats=_references(stack, keys, detector, "flats", notes=notes),
        darks=_references(stack, keys, detector, "darks", notes=notes),
        pixel_size_nm=_pixel_size(file, entry, detector, path=path, notes=notes),
        time_s=read_time(file, (f"{entry}/start_time",), path=path),
        notes=tuple(notes),
    )


def _image_keys(file: h5py.File, detector: str, *, n_frames: int, path: Path, notes: list[str]) -> NDArray[np.float64]:
    name = f"{detector}/image_key"
    keys = read_vector(file, name, path=path)
    if keys.size != n_frames:
        message = f"{path}: dataset '{name}' holds {keys.size} keys for {n_frames} frames in '{detector}/data'. "
        raise DataError(message + "Export the scan again.")
    unknown = keys[~np.isin(keys, (PROJECTION, FLAT, DARK, INVALID))]
    if unknown.size:
        message = f"{path}: dataset '{name}' holds {unknown[0]:g}; 0 (projection), 1 (flat), 2 (dark) and 3 (invalid) "
        raise DataError(message + "are known. Correct it in the file.")
    if look_up(file, f"{name}_control", path=path) is not None:
        control = read_vector(file, f"{name}_control", path=path)
        if control.size == keys.size:
            keys = np.where(control == ALIGNMENT, INVALID, keys)
    if left_out := int(np.count_nonzero(keys == INVALID)):
        notes.append(f"{left_out} frames are marked as invalid or taken for alignment, and are left out.")
    return keys


def _references(
    stack: StoredFrames, keys: NDArray[np.float64], detector: str, kind: Kind, *, notes: list[str]
) -> FrameSource:
    numbers = np.flatnonzero(keys == (FLAT if kind == "flats" else DARK))
    if not numbers.size:
        name = f"{detector}/image_key == {FLAT if kind == 'flats' else DARK}"
        return missing_frames(name, kind=kind, like=stack, notes=notes)
    return replace(stack, runs=runs_of(numbers))


def _angles(
    file: h5py.File, entry: str, keys: NDArray[np.float64], overrides: Overrides, *, path: Path, notes: list[str]
) -> NDArray[np.float64]:
    n_projections = int(np.count_nonzero(keys == PROJECTION))
    if overrides.angles_deg is not None:
        return overrides.angles_rad(n_projections=n_projections, path=path)
    samples = [name for name, kind in _groups(file, entry, path=path).items() if kind == "NXsample"]
    name = f"{entry}/{samples[0] if samples else 'sample'}/rotation_angle"
    angles = read_vector(file, name, path=path)
    if angles.size != keys.size:
        message = f"{path}: dataset '{name}' holds {angles.size} angles for {keys.size} frames. Export the scan again."
        raise DataError(message)
    unit = read_attribute(find_dataset(file, name, path=path), "units")
    if means_radians(unit):
        notes.append("The angles are recorded in radians.")
    title = f"{path}: dataset '{name}'"
    return angles_rad_from(angles[keys == PROJECTION], n_projections=n_projections, name=title, unit=unit)


def _energy(file: h5py.File, entry: str, overrides: Overrides, *, path: Path, notes: list[str]) -> float:
    if overrides.energies_ev is not None:
        return float("nan")
    places = [entry, *(f"{entry}/{name}" for name in _groups(file, entry, path=path))]
    names = [
        f"{place}/{child}/{_ENERGIES[kind]}"
        for place in places
        for child, kind in _groups(file, place, path=path).items()
        if kind in _ENERGIES
    ]
    by_name = [f"{entry}/instrument/beam/incident_energy", f"{entry}/instrument/monochromator/energy"]
    return read_energy(file, [*names, *by_name], path=path, notes=notes)


def _pixel_size(file: h5py.File, entry: str, detector: str, *, path: Path, notes: list[str]) -> float | None:
    size = read_length_nm(file, f"{entry}/sample/x_pixel_size", path=path, notes=notes)
    if size is not None:
        return size
    size = read_length_nm(file, f"{detector}/x_pixel_size", path=path, notes=notes)
    if size is not None and size <= LARGEST_SAMPLE_PIXEL_NM:
        notes.append("The pixel size is that recorded for the detector.")
        return size
    notes.append("No pixel size in the sample is recorded.")
    return None
