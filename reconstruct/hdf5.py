"""HDF5 files read with care: every fault of a file becomes one sentence that names file and dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xanesmap.errors import DataError


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """HDF5 file open for reading, closed on leaving the block.

    Parameters
    ----------
    path
        File to open.

    Yields
    ------
    The open file.

    Raises
    ------
    DataError
        The file does not exist, is not HDF5, is truncated, or fails while the block reads it.
    """
    if not path.is_file():
        message = f"{path}: there is no such file. Check the path."
        raise DataError(message)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        message = (
            f"{path}: cannot be read as HDF5 ({_one_line(error)}). The file is damaged, truncated or still "
            "being written: copy it again, or leave it out of the scan."
        )
        raise DataError(message) from error


def find_dataset(file: h5py.File, name: str, *, path: Path) -> h5py.Dataset:
    """Dataset of a file, never from outside the folder of that file.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset.
    path
        Where the file is, for messages and to tell what lies outside its folder.

    Returns
    -------
    The dataset, unread.

    Raises
    ------
    DataError
        There is no such dataset, or its values are kept outside the folder of the file.
    """
    link = file.get(name, getlink=True)
    if link is None:
        held = ", ".join(sorted(file)) or "nothing"
        message = f"{path}: dataset '{name}' is missing; the file holds {held}. Export the scan again with it."
        raise DataError(message)
    if isinstance(link, h5py.ExternalLink):
        _require_inside(path.parent / link.filename, path=path, name=name)
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        message = f"{path}: '{name}' is not a dataset. Export the scan again with it."
        raise DataError(message)
    for stored_in in _storage_files(found, path=path):
        _require_inside(stored_in, path=path, name=name)
    return found


def read_scalar(file: h5py.File, name: str, *, path: Path) -> Any:
    """Single value of a dataset as a Python number or text.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset; it holds one value, as a scalar or as an array of one element.
    path
        Where the file is, for messages.

    Returns
    -------
    The value; bytes are decoded.

    Raises
    ------
    DataError
        The dataset is missing, is empty or holds several values.
    """
    found = find_dataset(file, name, path=path)
    if found.shape is None or found.size != 1:
        message = (
            f"{path}: dataset '{name}' holds {found.size or 0} values where one is expected. "
            "Export one file per energy."
        )
        raise DataError(message)
    value = np.asarray(found[()]).reshape(()).item()
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _storage_files(found: h5py.Dataset, *, path: Path) -> list[Path]:
    """Files the values of a dataset are kept in: its own, those of a virtual dataset, raw external ones."""
    files = [Path(found.file.filename)]
    if found.is_virtual:
        named = (source.file_name for source in found.virtual_sources())
        files += [path.parent / name for name in named if name != "."]
    if found.external:
        # HDF5 takes raw external files from the working directory.
        files += [Path(name.decode() if isinstance(name, bytes) else name) for name, *_ in found.external]
    return files


def _require_inside(target: Path, *, path: Path, name: str) -> None:
    resolved = target.resolve()
    if path.parent.resolve() not in resolved.parents and resolved != path.resolve():
        message = (
            f"{path}: dataset '{name}' is kept in {target}, outside the folder of the scan, and is not "
            "followed. Copy the values into the file (h5repack, h5copy)."
        )
        raise DataError(message)
    if not resolved.is_file():
        # HDF5 would silently deliver fill values for a virtual dataset whose source is gone.
        message = f"{path}: dataset '{name}' is kept in {target}, which does not exist. Copy that file as well."
        raise DataError(message)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).strip("'\"")
