"""Flats and darks of images over photon energy, as APS 32-ID and MANTiS name and shape them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import h5py

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5 import find_dataset, look_up
from xanesmap.reconstruct.formats.mantis import incident_intensity
from xanesmap.reconstruct.formats.stored_frames import Kind, require_numbers
from xanesmap.reconstruct.volumes.stored_images import StoredImages

NAMES: dict[Kind, tuple[str, str]] = {
    "flats": ("exchange/data_white", "exchange/white_data"),
    "darks": ("exchange/data_dark", "exchange/dark_data"),
}


def find_flats(
    file: h5py.File, images: StoredImages, *, path: Path, notes: list[str]
) -> Sequence[StoredImages | float] | None:
    """Flat of every energy: images, else the spectrum of the incident intensity that MANTiS keeps.

    Parameters
    ----------
    file
        Open file.
    images
        The images that they belong to.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Returns
    -------
    One per energy; None where the file has none.

    Raises
    ------
    DataError
        Flats that do not fit the images.
    """
    flats = _references(file, "flats", images, path=path)
    if flats is None:
        spectrum = incident_intensity(file, n_energies=images.n_images, path=path, notes=notes)
        if spectrum is None:
            notes.append("There are no flats; the images are taken as flat-corrected.")
        return None if spectrum is None else [float(value) for value in spectrum]
    if flats.energy is None and images.n_images > 1:
        notes.append(
            f"One flat in '{flats.dataset}' stands for all energies: how the incident intensity differs between them "
            "stays in the spectra."
        )
    return [flats] * images.n_images


def find_darks(file: h5py.File, images: StoredImages, *, path: Path, notes: list[str]) -> StoredImages | None:
    """Darks of images, or None, with a note, where the file has none.

    Parameters
    ----------
    file, images, path, notes
        As for `find_flats`.

    Raises
    ------
    DataError
        Darks that do not fit the images.
    """
    darks = _references(file, "darks", images, path=path)
    if darks is None:
        notes.append("There are no darks; zero is used in their place.")
    return darks


def _references(file: h5py.File, kind: Kind, images: StoredImages, *, path: Path) -> StoredImages | None:
    name = next((name for name in NAMES[kind] if look_up(file, name, path=path) is not None), None)
    if name is None:
        return None
    dataset = find_dataset(file, name, path=path)
    require_numbers(dataset, name, path=path)
    found = _along_images(name, dataset.shape, images, kind=kind)
    if found is None or min(dataset.shape) < 1:
        message = (
            f"{path}: dataset '{name}' has shape {dataset.shape}, which does not fit '{images.dataset}' of shape "
            f"{images.shape}: one image per energy, or {'one' if kind == 'flats' else 'any number'} for all, along the "
            "same axes is expected. Correct it, or take it out of the file."
        )
        raise DataError(message)
    return found


def _along_images(name: str, shape: tuple[int, ...], images: StoredImages, *, kind: Kind) -> StoredImages | None:
    """Flats or darks along the axes of images: one per energy, several per energy, or some for all."""
    axis = images.energy
    if axis is None:
        return None
    if shape == images.shape:
        return _moved(name, shape, images)
    without = images.shape[:axis] + images.shape[axis + 1 :]
    if shape == without:
        return _moved(name, shape, images, change="dropped", at=axis)
    for extra in (len(images.shape), axis + 1):
        if len(shape) == len(images.shape) + 1 and shape[:extra] + shape[extra + 1 :] == images.shape:
            return _moved(name, shape, images, change="added", at=extra)
    alike = len(shape) == len(images.shape) and shape[:axis] + shape[axis + 1 :] == without
    if alike and (kind == "darks" or shape[axis] == 1):
        return StoredImages(dataset=name, shape=shape, row=images.row, column=images.column, energy=None, averaged=axis)
    return None


def _moved(
    name: str,
    shape: tuple[int, ...],
    images: StoredImages,
    *,
    change: Literal["none", "dropped", "added"] = "none",
    at: int = 0,
) -> StoredImages:
    """Axes of images in a dataset that lacks the axis of energy, or has one more of repeated frames."""
    step = {"none": 0, "dropped": -1, "added": 1}[change]
    row, column = (axis + step * (axis >= at) for axis in (images.row, images.column))
    energy = images.energy
    if energy is not None and change == "dropped":
        energy = None
    elif energy is not None:
        energy += step * (energy >= at)
    return StoredImages(
        dataset=name, shape=shape, row=row, column=column, energy=energy, averaged=at if change == "added" else None
    )
