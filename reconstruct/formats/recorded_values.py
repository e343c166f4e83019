"""Energies, angles, lengths and times of HDF5 files, with the units their attributes state."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import (
    angles_rad_from,
    binning_from,
    energy_ev_from,
    means_radians,
    pixel_size_nm_from,
    time_s_from,
)
from xanesmap.reconstruct.formats.hdf5 import find_dataset, look_up, read_attribute, read_scalar, read_vector
from xanesmap.reconstruct.overrides import Overrides

ENERGY_SPREAD_EV = 1.0
"""Readings of one monochromator position differ by less; a scan in energy by more."""

NO_ENERGY = "No photon energy is recorded."

Value = TypeVar("Value", int, float)


def read_energies(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> NDArray[np.float64]:
    """Photon energies of a dataset.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset; its attribute `units` states keV, eV or J.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    `(n,)` energies in eV.

    Raises
    ------
    DataError
        Something other than photon energies.
    """
    unit = read_attribute(find_dataset(file, name, path=path), "units")
    told: dict[str, None] = {}
    energies = []
    for value in read_vector(file, name, path=path):
        energy, energy_notes = energy_ev_from(value, name=f"{path}: dataset '{name}'", unit=unit)
        energies.append(energy)
        told.update(dict.fromkeys(energy_notes))
    notes.extend(told)
    return np.array(energies)


def read_energy(file: h5py.File, names: Sequence[str], *, path: Path, notes: list[str]) -> float:
    """Photon energy of one tomogram, from the first of several datasets that is there.

    Parameters
    ----------
    file
        Open file.
    names
        Where to look, in order. Each holds one energy, or readings of one during the scan.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    Energy in eV; NaN, with a note, where none of the datasets is there.

    Raises
    ------
    DataError
        Something other than a photon energy, or several of them.
    """
    name = next((name for name in names if look_up(file, name, path=path) is not None), None)
    if name is None:
        notes.append(NO_ENERGY)
        return float("nan")
    energies = read_energies(file, name, path=path, notes=notes)
    if not energies.size or np.ptp(energies) > ENERGY_SPREAD_EV:
        found = f"{energies.size} energies from {energies.min():.2f} to {energies.max():.2f} eV" if energies.size else 0
        message = (
            f"{path}: dataset '{name}' holds {found}; one energy is expected for the projections of one rotation. "
            "Export one file per energy."
        )
        raise DataError(message)
    if energies.size > 1:
        notes.append(f"The energy is the mean of {energies.size} readings in '{name}'.")
    return float(energies.mean()) if energies.size > 1 else float(energies[0])


def read_angles(
    file: h5py.File, name: str, *, n_projections: int, overrides: Overrides, path: Path, notes: list[str]
) -> NDArray[np.float64]:
    """Rotation angles of the projections.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset; its attribute `units` states degrees or radians, degrees where there is none.
    n_projections
        Number of projections.
    overrides
        Angles the user gave are taken instead, and the file need not hold any.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    `(angle,)` angles in radians.

    Raises
    ------
    DataError
        Not one angle per projection, or angles that deny their unit.
    """
    if overrides.angles_deg is not None:
        return overrides.angles_rad(n_projections=n_projections, path=path)
    stored = find_dataset(file, name, path=path)
    unit = read_attribute(stored, "units")
    if means_radians(unit):
        notes.append("The angles are recorded in radians.")
    recorded = np.asarray(stored[()]) if stored.shape == (n_projections,) else stored
    return angles_rad_from(recorded, n_projections=n_projections, name=f"{path}: dataset '{name}'", unit=unit)


def read_length_nm(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> float | None:
    """Length in nm, where a dataset holds one with a unit.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset; the unit is in its attribute `units` or in its text.
    path
        Where the file is, for messages.
    notes
        Collects why a value was not used.

    Returns
    -------
    Length in nm, or None where there is no such dataset, no unit, or no length from 1 nm to 20 um.
    """
    found = look_up(file, name, path=path)
    if not isinstance(found, h5py.Dataset):
        return None
    value, unit = read_scalar(file, name, path=path), read_attribute(found, "units")
    has_unit = bool(unit) or any(letter.isalpha() for letter in str(value))
    size = pixel_size_nm_from(value, unit=unit) if has_unit else None
    if size is None:
        notes.append(f"'{name}' is {value!r} {unit or 'without a unit'}, no size from 1 nm to 20 um; it is ignored.")
    return size


def read_step_nm(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> float | None:
    """Step in nm between positions of pixels, such as MANTiS keeps along x.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset of positions; the unit is in its attribute `units`.
    path
        Where the file is, for messages.
    notes
        Collects why the positions were not used.

    Returns
    -------
    Median step in nm, or None where there is no such dataset, no unit, or no step from 1 nm to 20 um.
    """
    found = look_up(file, name, path=path)
    unit = read_attribute(found, "units") if isinstance(found, h5py.Dataset) else None
    if unit is None:
        notes.append("No pixel size in the sample is recorded.")
        return None
    steps = np.abs(np.diff(read_vector(file, name, path=path)))
    step = float(np.median(steps)) if steps.size else float("nan")
    size = pixel_size_nm_from(f"{step:.9g}", unit=unit)
    told = f"The pixel size is the step of '{name}'." if size else f"'{name}' steps by {step:g} {unit}; it is not used."
    notes.append(told)
    return size


def read_binning(file: h5py.File, names: Sequence[str], *, path: Path) -> int | None:
    """Pixels of the camera that were added up along a row, from the first of several datasets that says so.

    Parameters
    ----------
    file
        Open file.
    names
        Where to look, in order.
    path
        Where the file is, for messages.

    Returns
    -------
    1 to 64, or None where no dataset holds such a number.
    """
    return _first_told(file, names, binning_from, path=path)


def read_time(file: h5py.File, names: Sequence[str], *, path: Path) -> float | None:
    """Start of a tomogram, seconds since 1970, from the first of several datasets that holds an ISO 8601 time.

    Parameters
    ----------
    file
        Open file.
    names
        Where to look, in order.
    path
        Where the file is, for messages.
    """
    return _first_told(file, names, time_s_from, path=path)


def _first_told(
    file: h5py.File, names: Sequence[str], value_of: Callable[[Any], Value | None], *, path: Path
) -> Value | None:
    """Value of the first of several datasets that holds one."""
    for name in names:
        if isinstance(look_up(file, name, path=path), h5py.Dataset):
            value = value_of(read_scalar(file, name, path=path))
            if value is not None:
                return value
    return None
