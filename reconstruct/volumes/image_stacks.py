"""2-D XANES: images of one view over photon energy, opened as volumes of optical depth that are one slice thick.

Two layouts: FXI `xanes_scan2` (`img_xanes` `(energy, y, x)`, flat-corrected by the beamline, and `X_eng` in keV, as
``startup/80-load_scan.py`` in NSLS2/fxi-profile-collection writes them), and Data Exchange without angles: APS 32-ID
`(energy, y, x)` with `data_white` and `data_dark`, MANTiS `(x, y, energy)` with `white_data` and `dark_data`.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import energy_ev_from
from xanesmap.reconstruct.formats.dataexchange import is_energy_stack, sample_pixel_size
from xanesmap.reconstruct.formats.fxi import read_pixel_size
from xanesmap.reconstruct.formats.hdf5 import (
    find_dataset,
    look_up,
    member_names,
    open_hdf5,
    read_attribute,
    read_vector,
)
from xanesmap.reconstruct.formats.mantis import axis_roles
from xanesmap.reconstruct.formats.recorded_values import read_energies, read_step_nm
from xanesmap.reconstruct.formats.stored_frames import require_numbers
from xanesmap.reconstruct.overrides import NO_OVERRIDES, Overrides
from xanesmap.reconstruct.volumes.image_references import find_darks, find_flats
from xanesmap.reconstruct.volumes.series import VolumeSeries, series_of
from xanesmap.reconstruct.volumes.stored_images import OpticalDepthImage, StoredImages
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH

FXI_IMAGES = "img_xanes"
FXI_ENERGIES = ("X_eng", "XEng")
"""Name of the list of energies, now and in older files."""

# Air transmits 1; lamps drift, counts do not come this close.
_LARGEST_TRANSMISSION = 2.0
# Noise leaves few pixels of a transmission below zero, and half of those of air in an image of optical depth.
_LEAST_POSITIVE = 0.75

_OVERLAP = (
    "This is a 2-D stack: phases overlap along the beam, so a mixed pixel need not be a mixed particle. Attenuation "
    "and amounts are optical depth and its edge step, without a unit and not divided by a thickness; volumes in "
    "tables count every pixel as one voxel."
)


def is_image_stack(path: str | Path) -> bool:
    """Whether an HDF5 file holds images over energy without angles, judged by what it contains.

    Raises
    ------
    DataError
        The file does not exist or cannot be read as HDF5.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        return FXI_IMAGES in member_names(file) or is_energy_stack(file, path=path)


def open_image_stack(
    path: str | Path, *, overrides: Overrides = NO_OVERRIDES, notes: tuple[str, ...] = ()
) -> VolumeSeries:
    """Optical depth of every image of a stack, as volumes `(z = 1, y, x)`.

    Parameters
    ----------
    path
        HDF5 file.
    overrides
        What the user states in place of the file.
    notes
        What had to be assumed so far.

    Returns
    -------
    Images in order of energy, z of length 1, y the detector row and x the detector column. One is read for a look
    where the file has no flats.

    Raises
    ------
    DataError
        The file is unreadable, lacks a dataset, or holds shapes, energies or values that make no stack.
    """
    path, told = Path(path), list(notes)
    with open_hdf5(path) as file:
        opened = _fxi if FXI_IMAGES in member_names(file) else _exchange
        volumes, energies_ev, size = opened(file, overrides, path=path, notes=told)
    if volumes[0].flat is None:
        _require_transmission(volumes[len(volumes) // 2])
    return series_of(
        volumes,
        energies_ev.tolist(),
        overrides,
        pixel_size_nm=size,
        unit=OPTICAL_DEPTH,
        notes=(*told, _OVERLAP),
    )


_Opened = tuple[list[OpticalDepthImage], NDArray[np.float64], float | None]


def _fxi(file: h5py.File, overrides: Overrides, *, path: Path, notes: list[str]) -> _Opened:
    energies = overrides.energies_ev
    if energies is None:
        name = next((name for name in FXI_ENERGIES if name in member_names(file)), FXI_ENERGIES[0])
        energies = _kev_energies(file, name, path=path, notes=notes)
    dataset = find_dataset(file, FXI_IMAGES, path=path)
    axes = _kept_axes(dataset, FXI_IMAGES, "(energy, row, column)", path=path)
    images = StoredImages.along(FXI_IMAGES, dataset.shape, dict(zip(("energy", "row", "column"), axes, strict=True)))
    _require_one_image_each(images, energies.size, path=path)
    size = read_pixel_size(file, images.frame_shape, path=path, notes=notes)
    notes.append("The images are flat-corrected by FXI; their flats and darks are not used again.")
    volumes = [
        OpticalDepthImage(source=path, images=images, index=i, flat=None, dark=None) for i in range(energies.size)
    ]
    return volumes, energies, size


def _kev_energies(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> NDArray[np.float64]:
    told: dict[str, None] = {}
    energies = []
    for value in read_vector(file, name, path=path).tolist():
        energy, assumed = energy_ev_from(value, name=f"{path}: dataset '{name}'", unit="keV")
        energies.append(energy)
        told.update(dict.fromkeys(assumed))
    notes.extend(told)
    return np.array(energies)


def _exchange(file: h5py.File, overrides: Overrides, *, path: Path, notes: list[str]) -> _Opened:
    energies = overrides.energies_ev
    if energies is None:
        energies = read_energies(file, "exchange/energy", path=path, notes=notes)
    images = _exchange_images(file, energies.size, path=path)
    _require_one_image_each(images, energies.size, path=path)
    flats = find_flats(file, images, path=path, notes=notes)
    darks = find_darks(file, images, path=path, notes=notes) if flats is not None else None
    told: list[str] = []
    size = sample_pixel_size(file, path=path, notes=told)
    if size is None:
        told = []
        size = read_step_nm(file, "exchange/x", path=path, notes=told)
    notes.extend(told)
    volumes = [
        OpticalDepthImage(source=path, images=images, index=i, flat=None if flats is None else flats[i], dark=darks)
        for i in range(energies.size)
    ]
    return volumes, energies, size


def _exchange_images(file: h5py.File, n_energies: int, *, path: Path) -> StoredImages:
    name = "exchange/data"
    dataset = find_dataset(file, name, path=path)
    wanted = "(energy, row, column) or (column, row, energy)"
    axes = _kept_axes(dataset, name, wanted, path=path)
    lengths = [dataset.shape[axis] for axis in axes]
    roles = _named_roles(dataset, axes) or _roles_by_length(file, lengths, n_energies, path=path)
    if roles is None:
        message = (
            f"{path}: dataset '{name}' has shape {dataset.shape} for {n_energies} energies; {wanted} is expected, and "
            f"it has to be clear which. Name its axes in the attribute 'axes', as in 'x:y:energy'."
        )
        raise DataError(message)
    return StoredImages.along(name, dataset.shape, dict(zip(roles, axes, strict=True)))


def _kept_axes(dataset: h5py.Dataset, name: str, wanted: str, *, path: Path) -> list[int]:
    """Three axes of a dataset: all, or all but surplus ones of length 1."""
    require_numbers(dataset, name, path=path)
    shape = dataset.shape
    surplus = max(len(shape) - 3, 0)
    ignored = [axis for axis, length in enumerate(shape) if length == 1][:surplus]
    if len(shape) - len(ignored) != 3 or min(shape) < 1:
        message = f"{path}: dataset '{name}' has shape {shape}; {wanted} is expected. Export the stack again."
        raise DataError(message)
    return [axis for axis in range(len(shape)) if axis not in ignored]


def _named_roles(dataset: h5py.Dataset, axes: list[int]) -> list[str] | None:
    """Roles by the attribute `axes`, where it names energy, row and column."""
    if read_attribute(dataset, "axes") is None:
        return None
    named = axis_roles(dataset)
    roles = [named[axis] for axis in axes] if len(named) == len(dataset.shape) else named
    return roles if sorted(roles) == ["column", "energy", "row"] else None


def _roles_by_length(file: h5py.File, shape: list[int], n_energies: int, *, path: Path) -> list[str] | None:
    """Roles by the axis that is as long as there are energies; where two are, by what else the program writes."""
    layouts: Mapping[str, list[str]] = {
        "APS": ["energy", "row", "column"],
        "MANTiS": ["column", "row", "energy"],
    }
    fits = [name for name, axis in (("APS", 0), ("MANTiS", 2)) if shape[axis] == n_energies]
    if len(fits) == 2:
        marks = {"MANTiS": ("exchange/white_data", "spectromicroscopy"), "APS": ("exchange/data_white",)}
        fits = [kind for kind in marks if any(look_up(file, name, path=path) is not None for name in marks[kind])]
    return layouts[fits[0]] if len(fits) == 1 else None


def _require_one_image_each(images: StoredImages, n_energies: int, *, path: Path) -> None:
    if images.n_images != n_energies:
        message = (
            f"{path}: dataset '{images.dataset}' of shape {images.shape} holds {images.n_images} images, and "
            f"{n_energies} energies are listed. Export the stack again, or give energies_ev."
        )
        raise DataError(message)


def _require_transmission(image: OpticalDepthImage) -> None:
    """Refuse counts, and what is optical depth already, where no flats divide them."""
    with open_hdf5(image.source) as file:
        values = image.images.read(file, image.index, path=image.source)
    there = values[np.isfinite(values) & (values != 0)]
    typical = float(np.median(there)) if there.size else float("nan")
    if there.size and typical <= _LARGEST_TRANSMISSION and np.mean(there > 0) >= _LEAST_POSITIVE:
        return
    message = (
        f"{image.source}: dataset '{image.images.dataset}' has no flats and a median of {typical:.4g}, with "
        f"{100 * float(np.mean(values > 0)):.0f} % of the pixels above zero: flat-corrected images (transmission, 0 to "
        "about 1) are expected. Divide them by their flats, or store the flats beside them."
    )
    raise DataError(message)
