"""HDF5 files read with care: every fault of a file becomes one sentence that names file and dataset.

Links are followed one by one and only within the folder of the file, so that no scan makes the program open a file
elsewhere; a dataset is handed out only when its values were written.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

MAX_LINKS = 16
"""Links followed on the way to one dataset, as many as HDF5 itself follows."""

MAX_CHUNK_BYTES = 2**28
"""A chunk is read whole: larger ones make reading a few rows cost more than the rows."""

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
        A link leads out of the folder of the file, to a file that is not there, or in circles.
    """
    return _follow(file, name, path=path, asked=name, links=[])


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
    found = look_up(file, name, path=path)
    if found is None:
        message = f"{path}: dataset '{name}' is missing; {_held(file, name, path=path)}. Export the scan again with it."
        raise DataError(message)
    if not isinstance(found, h5py.Dataset):
        message = f"{path}: '{name}' is not a dataset. Export the scan again with it."
        raise DataError(message)
    _require_known_type(found, path=path, name=name)
    _require_storage(found, path=path, name=name, depth=0)
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
        value = np.asarray(found.attrs[name]).reshape(-1)
    except (OSError, TypeError, ValueError, RuntimeError):
        return None
    if value.size != 1:
        return None
    text = value[0].decode("utf-8", errors="replace") if isinstance(value[0], bytes) else str(value[0])
    return text.strip() if len(text) <= MAX_TEXT else None


def _follow(group: h5py.Group, name: str, *, path: Path, asked: str, links: list[str]) -> Any:
    """Walk a name part by part; `links` collects every link met on the way."""
    node: Any = group.file["/"] if name.startswith("/") else group
    for part in name.split("/"):
        if part in ("", "."):
            continue
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        node = node[part] if isinstance(link, h5py.HardLink) else _follow_link(node, link, path, asked, links)
    return node


def _follow_link(node: h5py.Group, link: Any, path: Path, asked: str, links: list[str]) -> Any:
    links.append(str(link.path))
    if len(links) > MAX_LINKS:
        message = (
            f"{path}: '{asked}' is reached through more than {MAX_LINKS} links, which may go in circles, and is not "
            "followed. Copy the values into the file (h5repack, h5copy)."
        )
        raise DataError(message)
    if isinstance(link, h5py.SoftLink):
        return _follow(node, link.path, path=path, asked=asked, links=links)
    target = _file_of(node).parent / link.filename
    _require_inside(target, path=path, name=asked)
    return _follow(h5py.File(target, "r"), "/" + link.path, path=path, asked=asked, links=links)


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


def _require_storage(found: h5py.Dataset, *, path: Path, name: str, depth: int) -> None:
    """Refuse values that are kept outside the folder, were never written, or take chunks too large to read."""
    kept_in = _file_of(found)
    if kept_in != path:
        _require_inside(kept_in, path=path, name=name)
    if depth > MAX_LINKS:
        message = f"{path}: dataset '{name}' is a virtual dataset made of itself. Export the scan again."
        raise DataError(message)
    if found.is_virtual:
        _require_sources(found, path=path, name=name, depth=depth)
        return
    for external, *_ in found.external or ():
        # HDF5 takes raw external files from the working directory.
        _require_inside(Path(external.decode() if isinstance(external, bytes) else external), path=path, name=name)
    _require_written(found, path=path, name=name)


def _require_sources(found: h5py.Dataset, *, path: Path, name: str, depth: int) -> None:
    """Refuse a virtual dataset whose sources are not at hand: HDF5 would deliver fill values in silence."""
    folder = _file_of(found).parent
    for file_name, dataset in {(source.file_name, source.dset_name) for source in found.virtual_sources()}:
        if file_name == ".":
            source = _follow(found.file, dataset, path=path, asked=name, links=[])
        else:
            _require_inside(folder / file_name, path=path, name=name)
            with h5py.File(folder / file_name, "r") as other:
                source = _follow(other, dataset, path=path, asked=name, links=[])
                if isinstance(source, h5py.Dataset):
                    _require_storage(source, path=path, name=name, depth=depth + 1)
                    continue
        if not isinstance(source, h5py.Dataset):
            message = (
                f"{path}: dataset '{name}' is made of '{dataset}' in {file_name}, which is not there. Copy the raw "
                "files again."
            )
            raise DataError(message)
        _require_storage(source, path=path, name=name, depth=depth + 1)


def _require_written(found: h5py.Dataset, *, path: Path, name: str) -> None:
    if found.shape is None or 0 in found.shape:
        return
    if found.chunks is None:
        if found.id.get_storage_size() == 0 and not found.external:
            message = f"{path}: dataset '{name}' {found.shape} was never written. Export the scan again."
            raise DataError(message)
        return
    chunk_bytes = math.prod(found.chunks) * found.dtype.itemsize
    if chunk_bytes > MAX_CHUNK_BYTES:
        message = (
            f"{path}: dataset '{name}' is stored in chunks of {chunk_bytes / 2**20:.0f} MiB, which are read whole. "
            "Store it in chunks of one frame (h5repack)."
        )
        raise DataError(message)
    expected = math.prod(-(-length // chunk) for length, chunk in zip(found.shape, found.chunks, strict=True))
    written = found.id.get_num_chunks()
    if written < expected:
        message = (
            f"{path}: dataset '{name}' {found.shape} has only {written} of {expected} chunks written, the rest would "
            "read as zeros. The scan was stopped early or not copied whole: export it again, or leave it out."
        )
        raise DataError(message)


def _file_of(found: h5py.Group | h5py.Dataset) -> Path:
    """File that holds a group or dataset; unlike `found.file` it costs no new file object."""
    return Path(os.fsdecode(h5py.h5f.get_name(found.id)))


def _require_inside(target: Path, *, path: Path, name: str) -> None:
    resolved = target.resolve()
    if path.parent.resolve() not in resolved.parents and resolved != path.resolve():
        message = (
            f"{path}: dataset '{name}' is kept in {target}, outside the folder of the scan, and is not "
            "followed. Copy the values into the file (h5repack, h5copy)."
        )
        raise DataError(message)
    if not resolved.is_file():
        message = f"{path}: dataset '{name}' is kept in {target}, which does not exist. Copy that file as well."
        raise DataError(message)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).strip("'\"")
