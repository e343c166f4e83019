"""Volumes of attenuation that were reconstructed elsewhere, one per photon energy, opened without reading them.

Three layouts: TXM-Sandbox (`registration_results/reg_results/registered_xanes3D` `(energy, z, y, x)` and `eng_list`),
pyxas (`recon_scan_*.h5` or `ali_recon_*.h5`, each with `img` `(z, y, x)` and `X_eng` in keV), and folders of TIFF files
with `energies.csv`, whose lines name a multi-page file or a folder of slices. The attribute `units` of an HDF5 dataset
tells the unit of attenuation; none of these programs writes it. A 2-D stack of images is opened as one slice.
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import energy_ev_from
from xanesmap.reconstruct.formats.file_order import natural_order
from xanesmap.reconstruct.formats.hdf5 import find_dataset, look_up, open_hdf5, read_attribute, read_scalar, read_vector
from xanesmap.reconstruct.formats.tiff_frames import TiffFrame, find_frames_alike, find_tiffs
from xanesmap.reconstruct.formats.tiff_scan import is_tiff_scan, read_energies
from xanesmap.reconstruct.overrides import Overrides, check_overrides
from xanesmap.reconstruct.volumes.image_stacks import is_image_stack, open_image_stack
from xanesmap.reconstruct.volumes.series import Shape, VolumeSeries, series_of
from xanesmap.reconstruct.volumes.units import VolumeUnit, volume_unit_from

REGISTERED = "registration_results/reg_results/registered_xanes3D"
REGISTERED_ENERGIES = "registration_results/reg_results/eng_list"
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


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
        TXM-Sandbox file; file of a 2-D stack of images; folder, pattern or list of pyxas files; or folder of TIFF files
        with `energies.csv`.
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
    if not kept and any(is_image_stack(path) for path in paths):
        return _open_only_stack(paths, asked, overrides)
    if not kept:
        message = (
            f"{asked[0] if asked else 'The list of files'}: no reconstructed volumes are found. One TXM-Sandbox file "
            f"with '{REGISTERED}', pyxas files with 'img' and 'X_eng', or a folder with 'energies.csv' is expected."
        )
        raise DataError(message)
    volumes = [_hdf5_volume(path, "img") for path in kept]
    energies = [] if overrides.energies_ev is not None else [_pyxas_energy(path) for path in kept]
    notes = _left_out_notes([path for path in paths if path not in kept], asked)
    return series_of(volumes, energies, overrides, unit=_common_unit(kept, "img"), notes=notes)


def _open_only_stack(paths: Sequence[Path], asked: Sequence[str | Path], overrides: Overrides) -> VolumeSeries:
    stacks = [path for path in paths if is_image_stack(path)]
    if len(stacks) > 1:
        message = f"{stacks[0].parent}: holds {len(stacks)} 2-D XANES stacks. Give the file of one of them."
        raise DataError(message)
    notes = _left_out_notes([path for path in paths if path not in stacks], asked)
    return open_image_stack(stacks[0], overrides=overrides, notes=notes)


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
    return series_of(volumes, energies, overrides, unit=_common_unit([path], REGISTERED))


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
    return series_of(volumes, [entry.energy_ev for entry in entries], overrides, pixel_size_nm=size, notes=notes)


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
