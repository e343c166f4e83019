"""HDF5 files read with care: every fault of a file becomes one sentence that names file and dataset.

Links are followed one by one and only within the folder of the file, so that no scan makes the program open a file
elsewhere; a dataset is handed out only when its values were written.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5_links import Trail, follow, open_file
from xanesmap.reconstruct.formats.hdf5_storage import require_sources, require_storage

MAX_TEXT = 500
"""Longest text that is taken for a number, a unit or a time, in characters."""

MAX_VECTOR = 10**6
"""Longest list of energies or angles that is read."""


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
        The file does not exist, is not HDF5, is truncated or damaged, or fails while the block reads it.
    """
    if not path.is_file():
        message = f"{path}: there is no such file. Check the path."
        raise DataError(message)
    try:
        with open_file(path) as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        message = (
            f"{path}: cannot be read as HDF5 ({_one_line(error)}). The file is damaged, truncated or still "
            "being written: copy it again, or leave it out of the scan."
        )
        raise DataError(message) from error


def look_up(file: h5py.File, name: str, *, path: Path) -> h5py.Group | h5py.Dataset | None:
    """Group or dataset of a file, found without opening any file outside its folder.

    Parameters
    ----------
    file
        Open file, or a group of it.
    name
        Name, with slashes where it lies in groups.
    path
        Where the file is, for messages and to tell what lies outside its folder.

    Returns
    -------
    What the name stands for, unread; None where there is nothing of that name, or a link to nothing.

    Raises
    ------
    DataError
        A link leads out of the folder of the file, to a file that is not there, or in circles; or so do the sources of
        a virtual dataset.
    """
    trail = Trail(path=path, asked=name)
    found = follow(file, name, trail)
    if isinstance(found, h5py.Dataset) and found.is_virtual:
        require_sources(found, trail)
    return found


def find_dataset(file: h5py.File, name: str, *, path: Path) -> h5py.Dataset:
    """Dataset of a file, never from outside the folder of that file.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset, with slashes where it lies in groups.
    path
        Where the file is, for messages and to tell what lies outside its folder.

    Returns
    -------
    The dataset, unread.

    Raises
    ------
    DataError
        There is no such dataset, its values were not written, or they are kept outside the folder of the file.
    """
    return find_on_trail(file, name, Trail(path=path, asked=name))


def find_on_trail(file: h5py.File, name: str, trail: Trail) -> h5py.Dataset:
    """As `find_dataset`, and collect the files that were crossed on the way."""
    path = trail.path
    found = follow(file, name, trail)
    if found is None:
        message = f"{path}: dataset '{name}' is missing; {_held(file, name, path=path)}. Export the scan again with it."
        raise DataError(message)
    if not isinstance(found, h5py.Dataset):
        message = f"{path}: '{name}' is not a dataset. Export the scan again with it."
        raise DataError(message)
    if found.is_virtual:
        require_sources(found, trail)
    _require_known_type(found, path=path, name=name)
    if not found.is_virtual:
        require_storage(found, trail)
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
    size = 0 if found.shape is None else math.prod(found.shape)
    if size != 1 or found.dtype.itemsize > 4 * MAX_TEXT:
        message = (
            f"{path}: dataset '{name}' holds {size} values ({found.dtype}) where one is expected. "
            "Export one file per energy."
        )
        raise DataError(message)
    value = np.asarray(found[()]).reshape(()).item()
    value = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
    if isinstance(value, str) and len(value) > MAX_TEXT:
        message = f"{path}: dataset '{name}' holds a text of {len(value)} characters where one value is expected. "
        raise DataError(message + "Correct it in the file.")
    return value


def read_vector(file: h5py.File, name: str, *, path: Path) -> NDArray[np.float64]:
    """List of numbers, such as angles or energies.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset: one number, or a list of numbers, axes of length 1 besides.
    path
        Where the file is, for messages.

    Returns
    -------
    `(n,)` numbers, float64.

    Raises
    ------
    DataError
        The dataset is missing, holds something else, or more than a million numbers.
    """
    found = find_dataset(file, name, path=path)
    shape = found.shape or ()
    long_axes = [length for length in shape if length != 1]
    if found.shape is None or found.dtype.kind not in "iuf" or len(long_axes) > 1 or math.prod(shape) > MAX_VECTOR:
        message = (
            f"{path}: dataset '{name}' has shape {found.shape} ({found.dtype}); a list of numbers is expected. "
            "Export the scan again."
        )
        raise DataError(message)
    return np.asarray(found[()], dtype=np.float64).reshape(-1)  # (n,)


def member_names(group: h5py.Group) -> list[str]:
    """Names in a group, sorted, without following any of its links.

    Parameters
    ----------
    group
        Open file or group.

    Returns
    -------
    The names; those that are no text, as damaged files have them, are left out.
    """
    return sorted(name for name in group if isinstance(name, str))


def read_attribute(found: h5py.Group | h5py.Dataset, name: str) -> str | None:
    """Text of an attribute, such as a unit.

    Parameters
    ----------
    found
        Group or dataset.
    name
        Name of the attribute.

    Returns
    -------
    The text without blanks at its ends; of a number its digits; None where there is no such attribute, or it holds
    no single value, or a text too long to be a unit.
    """
    if name not in found.attrs:
        return None
    try:
        if math.prod(found.attrs.get_id(name).shape) > MAX_TEXT:
            return None
        value = np.asarray(found.attrs[name]).reshape(-1)
    except (OSError, TypeError, ValueError, RuntimeError):
        return None
    if value.size != 1:
        return None
    text = value[0].decode("utf-8", errors="replace") if isinstance(value[0], bytes) else str(value[0])
    return text.strip() if len(text) <= MAX_TEXT else None


def _held(file: h5py.File, name: str, *, path: Path) -> str:
    """What there is in the group where something is missing."""
    parent = name.rpartition("/")[0]
    group = look_up(file, parent, path=path) if parent else file
    if not isinstance(group, h5py.Group):
        parent, group = "", file
    names = member_names(group)
    listed = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
    return f"{f'group {parent!r}' if parent else 'the file'} holds {listed or 'nothing'}"


def _require_known_type(found: h5py.Dataset, *, path: Path, name: str) -> None:
    try:
        _ = found.dtype, found.shape
    except (TypeError, ValueError) as error:
        message = f"{path}: dataset '{name}' is of a type that is not read ({_one_line(error)}). Export it as numbers."
        raise DataError(message) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).strip("'\"")
