"""Volumes of attenuation that were reconstructed elsewhere, one per photon energy, opened without reading them.

Three layouts: TXM-Sandbox (`registration_results/reg_results/registered_xanes3D` `(energy, z, y, x)` and `eng_list`),
pyxas (`recon_scan_*.h5` or `ali_recon_*.h5`, each with `img` `(z, y, x)` and `X_eng` in keV), and folders of TIFF files
with `energies.csv`, whose lines name a multi-page file or a folder of slices. The attribute `units` of an HDF5 dataset
tells the unit of attenuation; none of these programs writes it.
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import energy_ev_from
from xanesmap.reconstruct.file_order import natural_order
from xanesmap.reconstruct.hdf5 import find_dataset, look_up, open_hdf5, read_attribute, read_scalar, read_vector
from xanesmap.reconstruct.overrides import Overrides, check_overrides
from xanesmap.reconstruct.scan import DUPLICATE_EV
from xanesmap.reconstruct.tiff_frames import TiffFrame, find_frames_alike, find_tiffs
from xanesmap.reconstruct.tiff_scan import is_tiff_scan, read_energies
from xanesmap.reconstruct.volume_units import VolumeUnit, volume_unit_from

REGISTERED = "registration_results/reg_results/registered_xanes3D"
REGISTERED_ENERGIES = "registration_results/reg_results/eng_list"
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")

Shape = tuple[int, int, int]


class Volume(Protocol):
    """One reconstructed volume in a file."""

    @property
    def source(self) -> Path:
        """File or folder of the volume."""

    @property
    def shape(self) -> Shape:
        """Slices, rows and columns."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that identify the volume: all of them, or the first and the last of a folder of slices."""

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read slices `start` to `stop - 1`, `(z, y, x)`; safe in threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdf5Volume:
    """A volume in an HDF5 dataset, or one energy of a dataset of several.

    Attributes
    ----------
    source
        The file.
    dataset
        Name of the dataset.
    index
        Energy of a dataset `(energy, z, y, x)`; None where the dataset is the volume.
    shape
        Slices, rows and columns.
    """

    source: Path
    dataset: str
    index: int | None
    shape: Shape

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.source,)

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read slices `start` to `stop - 1`, `(z, y, x)`."""
        with open_hdf5(self.source) as file:
            found = find_dataset(file, self.dataset, path=self.source)
            block = found[start:stop] if self.index is None else found[self.index, start:stop]
        values = _as_float32(block)
        if values.shape != (stop - start, *self.shape[1:]):
            message = f"{self.source}: dataset '{self.dataset}' changed since it was opened. Open it again."
            raise DataError(message)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffVolume:
    """A volume whose slices are pages of TIFF files."""

    source: Path
    slices: tuple[TiffFrame, ...]

    @property
    def shape(self) -> Shape:
        """Slices, rows and columns."""
        return (len(self.slices), *self.slices[0].shape)

    @property
    def files(self) -> tuple[Path, ...]:
        """The first and the last file of the slices."""
        return tuple(dict.fromkeys((self.slices[0].source, self.slices[-1].source)))

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read slices `start` to `stop - 1`, `(z, y, x)`."""
        pages = [page.read_rows(0, page.shape[0]) for page in self.slices[start:stop]]
        return _as_float32(np.stack(pages))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VolumeSeries:
    """Volumes of one sample at increasing photon energy.

    Attributes
    ----------
    volumes
        One per energy, all of one shape.
    energies_ev
        `(energy,)` photon energies in eV, strictly increasing.
    pixel_size_nm
        Voxel size in nm, or None where the files do not say.
    unit
        Unit of the attenuation, or None where the files do not say.
    notes
        What had to be assumed, one sentence each.
    """

    volumes: tuple[Volume, ...]
    energies_ev: NDArray[np.float64]
    pixel_size_nm: float | None
    unit: VolumeUnit | None = None
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Energies, slices, rows and columns."""
        return (len(self.volumes), *self.volumes[0].shape)

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read some slices at every energy; safe in threads.

        Parameters
        ----------
        start, stop
            First slice, and the one after the last.

        Returns
        -------
        `(energy, z, y, x)` attenuation as the files have it.

        Raises
        ------
        DataError
            Slices outside the volume, or a file that cannot be read.
        """
        n_slices = self.shape[1]
        if not 0 <= start < stop <= n_slices:
            message = (
                f"{self.volumes[0].source}: slices {start} to {stop} asked of a volume with slices 0 to {n_slices}."
            )
            raise DataError(message)
        values = np.empty((len(self.volumes), stop - start, *self.shape[2:]), np.float32)
        for index, volume in enumerate(self.volumes):
            values[index] = volume.read_slices(start, stop)
        return values


def open_volumes(
    source: str | Path | Sequence[str | Path],
    *,
    energies_ev: ArrayLike | None = None,
    pixel_size_nm: float | None = None,
) -> VolumeSeries:
    """Reconstructed volumes at several energies, without reading them.

    Parameters
    ----------
    source
        TXM-Sandbox file; folder, pattern or list of pyxas files; or folder of TIFF files with `energies.csv`.
    energies_ev
        `(energy,)` photon energies in eV in place of those of the files, in the order of the volumes: by the numbers in
        the names of files, or along the first axis of a TXM-Sandbox file, or by line of `energies.csv`.
    pixel_size_nm
        Voxel size in nm in place of that of the files.

    Returns
    -------
    Volumes in order of energy.

    Raises
    ------
    DataError
        Nothing is found, a file is unreadable, or the volumes do not make one series.

    Examples
    --------
    >>> series = open_volumes("registered.h5", pixel_size_nm=20.3)  # doctest: +SKIP
    >>> series.read_slices(100, 101).shape  # doctest: +SKIP
    (61, 1, 512, 512)
    """
    overrides = check_overrides(energies_ev=energies_ev, pixel_size_nm=pixel_size_nm)
    asked = [source] if isinstance(source, str | Path) else list(source)
    if len(asked) == 1 and is_tiff_scan(asked[0]):
        return _open_tiff_folder(Path(asked[0]), overrides)
    paths = find_volume_files(asked)
    if len(paths) == 1 and is_registered(paths[0]):
        return _open_registered(paths[0], overrides)
    kept = [path for path in paths if is_pyxas(path)]
    if not kept:
        message = (
            f"{asked[0] if asked else 'The list of files'}: no reconstructed volumes are found. One TXM-Sandbox file "
            f"with '{REGISTERED}', pyxas files with 'img' and 'X_eng', or a folder with 'energies.csv' is expected."
        )
        raise DataError(message)
    volumes = [_hdf5_volume(path, "img") for path in kept]
    energies = [] if overrides.energies_ev is not None else [_pyxas_energy(path) for path in kept]
    notes = _left_out_notes([path for path in paths if path not in kept], asked)
    return _series(volumes, energies, overrides, unit=_common_unit(kept, "img"), notes=notes)


def find_volume_files(asked: Sequence[str | Path]) -> list[Path]:
    """HDF5 files of folders, and files of patterns and lists, in the order of the numbers in their names."""
    return sorted({path for item in asked for path in _find_files(item)}, key=natural_order)


def is_registered(path: Path) -> bool:
    """Whether an HDF5 file holds the registered volumes of TXM-Sandbox."""
    return _holds(path, REGISTERED)


def is_pyxas(path: Path) -> bool:
    """Whether an HDF5 file holds a volume as pyxas writes it."""
    return _holds(path, "img") and _holds(path, "X_eng")


def _find_files(item: str | Path) -> list[Path]:
    path = Path(item)
    if path.is_dir():
        return [entry for entry in path.iterdir() if entry.suffix.lower() in HDF5_SUFFIXES and entry.is_file()]
    if path.is_file():
        return [path]
    return [found for match in glob.glob(str(item)) if (found := Path(match)).is_file()]  # noqa: PTH207 (absolute)


def _holds(path: Path, name: str) -> bool:
    with open_hdf5(path) as file:
        return look_up(file, name, path=path) is not None


def _as_float32(block: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what does not fit is infinite then, and told as such
        return np.asarray(block, np.float32)


def _left_out_notes(paths: Sequence[Path], asked: Sequence[str | Path]) -> tuple[str, ...]:
    """A sentence on files of folders that hold no volume; a file named by itself is refused."""
    named = {Path(item) for item in asked}
    for path in paths:
        if path in named:
            message = f"{path}: holds no volume as pyxas writes it ('img' and 'X_eng'). Take it from the list of files."
            raise DataError(message)
    if not paths:
        return ()
    shown = ", ".join(path.name for path in paths[:3]) + (" ..." if len(paths) > 3 else "")
    return (f"{len(paths)} HDF5 files hold no volumes and were left out: {shown}.",)


def _pyxas_energy(path: Path) -> float:
    with open_hdf5(path) as file:
        return energy_ev_from(read_scalar(file, "X_eng", path=path), name=f"{path}: dataset 'X_eng'")[0]


def _hdf5_volume(path: Path, name: str) -> Hdf5Volume:
    with open_hdf5(path) as file:
        shape = _require_volume(find_dataset(file, name, path=path), 3, path=path, name=name)
    return Hdf5Volume(source=path, dataset=name, index=None, shape=(shape[0], shape[1], shape[2]))


def _open_registered(path: Path, overrides: Overrides) -> VolumeSeries:
    with open_hdf5(path) as file:
        shape = _require_volume(find_dataset(file, REGISTERED, path=path), 4, path=path, name=REGISTERED)
    volume_shape = (shape[1], shape[2], shape[3])
    volumes = [Hdf5Volume(source=path, dataset=REGISTERED, index=i, shape=volume_shape) for i in range(shape[0])]
    energies = [] if overrides.energies_ev is not None else _registered_energies(path, n_energies=shape[0])
    return _series(volumes, energies, overrides, unit=_common_unit([path], REGISTERED))


def _registered_energies(path: Path, *, n_energies: int) -> list[float]:
    with open_hdf5(path) as file:
        recorded = read_vector(file, REGISTERED_ENERGIES, path=path)
    if recorded.size != n_energies:
        message = (
            f"{path}: '{REGISTERED}' has {n_energies} energies, and '{REGISTERED_ENERGIES}' lists {recorded.size}. "
            "Save the registration again, or give energies_ev."
        )
        raise DataError(message)
    return [energy_ev_from(value, name=f"{path}: '{REGISTERED_ENERGIES}'")[0] for value in recorded.tolist()]


def _common_unit(paths: Sequence[Path], name: str) -> VolumeUnit | None:
    """Unit that the attribute `units` of a dataset states in all files alike."""
    stated = set()
    for path in paths:
        with open_hdf5(path) as file:
            stated.add(read_attribute(find_dataset(file, name, path=path), "units"))
    only = stated.pop() if len(stated) == 1 else None
    return None if only is None else volume_unit_from(only)


def _open_tiff_folder(folder: Path, overrides: Overrides) -> VolumeSeries:
    entries = read_energies(folder)
    volumes = [TiffVolume(source=entry.path, slices=_slices(entry.path)) for entry in entries]
    sizes = [entry.pixel_size_nm for entry in entries if entry.pixel_size_nm is not None]
    notes = tuple(dict.fromkeys(note for entry in entries for note in entry.notes if "pixel_size_nm" not in note))
    size = float(np.median(sizes)) if sizes else None
    return _series(volumes, [entry.energy_ev for entry in entries], overrides, pixel_size_nm=size, notes=notes)


def _slices(path: Path) -> tuple[TiffFrame, ...]:
    paths = sorted(find_tiffs(path), key=natural_order) if path.is_dir() else [path]
    if not paths:
        message = f"{path}: holds no TIFF file of slices. Check 'energies.csv'."
        raise DataError(message)
    return tuple(find_frames_alike(paths))


def _require_volume(found: Any, n_axes: int, *, path: Path, name: str) -> tuple[int, ...]:
    shape = tuple(int(length) for length in found.shape or ())
    if len(shape) != n_axes or min(shape) < 1 or found.dtype.kind not in "iuf":
        wanted = "(energy, z, y, x)" if n_axes == 4 else "(z, y, x)"
        message = f"{path}: dataset '{name}' has shape {shape} of {found.dtype}; numbers {wanted} are expected."
        raise DataError(message)
    return shape


def _series(
    volumes: Sequence[Volume],
    recorded_ev: Sequence[float],
    overrides: Overrides,
    *,
    pixel_size_nm: float | None = None,
    unit: VolumeUnit | None = None,
    notes: tuple[str, ...] = (),
) -> VolumeSeries:
    _require_one_shape(volumes)
    energies = np.array(recorded_ev, np.float64) if overrides.energies_ev is None else overrides.energies_ev
    _require_energies(volumes, energies)
    order = np.argsort(energies, kind="stable")
    size = overrides.pixel_size_nm or pixel_size_nm
    missing = () if size is not None else ("The files do not record a voxel size.",)
    return VolumeSeries(
        volumes=tuple(volumes[i] for i in order),
        energies_ev=energies[order],
        pixel_size_nm=size,
        unit=unit,
        notes=(*notes, *_stated_notes(overrides), *missing),
    )


def _stated_notes(overrides: Overrides) -> tuple[str, ...]:
    stated = []
    if overrides.energies_ev is not None:
        stated.append("The energies were given by the user.")
    if overrides.pixel_size_nm is not None:
        stated.append(f"The pixel size, {overrides.pixel_size_nm:g} nm, was given by the user.")
    return tuple(stated)


def _require_one_shape(volumes: Sequence[Volume]) -> None:
    odd = next((volume for volume in volumes if volume.shape != volumes[0].shape), None)
    if odd is not None:
        message = (
            f"{odd.source}: its volume is {odd.shape}, that of {volumes[0].source.name} {volumes[0].shape}. Cut all "
            "volumes to one shape, or leave the odd one out."
        )
        raise DataError(message)


def _require_energies(volumes: Sequence[Volume], energies_ev: NDArray[np.float64]) -> None:
    source = volumes[0].source
    if energies_ev.size != len(volumes):
        message = (
            f"energies_ev gives {energies_ev.size} energies for {len(volumes)} volumes, {source.name} to "
            f"{volumes[-1].source.name}. Give one for each, in their order."
        )
        raise DataError(message)
    in_order = np.sort(energies_ev)
    same = np.flatnonzero(np.diff(in_order) < DUPLICATE_EV)
    if same.size or in_order.size < 2:
        found = f"{in_order[same[0]]:.2f} eV twice" if same.size else f"{in_order.size} energy"
        message = f"{source}: volumes at two or more different energies are needed; found {found}."
        raise DataError(message)
