"""Links of HDF5 files, followed one by one and never out of the folder of the scan."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5_soundness import require_sound

MAX_LINKS = 16
"""Links followed on the way to one dataset, as many as HDF5 itself follows."""

FileState = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, and the times in ns of the last write and of the last change of the entry."""


@dataclass(slots=True, kw_only=True)
class Trail:
    """The way to a dataset.

    Attributes
    ----------
    path
        File of the scan, for messages and to tell what lies outside its folder.
    asked
        Name of the dataset there, for messages.
    links
        Every link met.
    files
        Every other file crossed, and its state when it was opened; None where the system does not tell, or where
        the bytes are in a file that is no HDF5.
    checked
        Sources of virtual datasets that were checked, by file and address: each may be a source of many others.
    """

    path: Path
    asked: str
    links: list[str] = field(default_factory=list)
    files: dict[Path, FileState | None] = field(default_factory=dict)
    checked: set[tuple[Path, int]] = field(default_factory=set)


def open_file(path: Path) -> h5py.File:
    """HDF5 file open for reading, once it is known that HDF5 survives that.

    Raises
    ------
    DataError
        The file is damaged so that reading it would never end, or crash.
    OSError
        The file cannot be opened.
    """
    require_sound(path)
    return h5py.File(path, "r")


def follow(group: h5py.Group, name: str, trail: Trail) -> Any:
    """Walk a name part by part.

    Parameters
    ----------
    group
        Open file or group where the name begins.
    name
        Name, with slashes where it lies in groups.
    trail
        Collects the links met and the files crossed.

    Returns
    -------
    Group or dataset; None where there is nothing of that name, or a link to nothing.

    Raises
    ------
    DataError
        A link leads out of the folder of the file, to a file that is not there, or in circles.
    """
    node: Any = group.file["/"] if name.startswith("/") else group
    for part in name.split("/"):
        if part in ("", "."):
            continue
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        node = node[part] if isinstance(link, h5py.HardLink) else _follow_link(node, link, trail)
    return node


def _follow_link(node: h5py.Group, link: Any, trail: Trail) -> Any:
    trail.links.append(str(link.path))
    if len(trail.links) > MAX_LINKS:
        message = (
            f"{trail.path}: '{trail.asked}' is reached through more than {MAX_LINKS} links, which may go in circles, "
            "and is not followed. Copy the values into the file (h5repack, h5copy)."
        )
        raise DataError(message)
    if isinstance(link, h5py.SoftLink):
        return follow(node, link.path, trail)
    target = file_of(node).parent / link.filename
    require_inside(target, trail)
    file = open_file(target)
    trail.files[target] = file_state(file)
    return follow(file, "/" + link.path, trail)


def file_of(found: h5py.Group | h5py.Dataset) -> Path:
    """File that holds a group or dataset; unlike `found.file` it costs no new file object."""
    return Path(os.fsdecode(h5py.h5f.get_name(found.id)))


def file_state(file: h5py.File) -> FileState | None:
    """What tells an open file from any other, and from itself once written to.

    Parameters
    ----------
    file
        Open file. Its handle is asked, not its path, which may name another file by now.

    Returns
    -------
    The state, or None where the system does not tell.
    """
    try:
        return _state(os.fstat(file.id.get_vfd_handle()))
    except (OSError, ValueError, RuntimeError):
        return None


def state_at(path: Path) -> FileState | None:
    """As `file_state`, of the file that a path names now; None where there is none."""
    try:
        return _state(os.stat(path))  # noqa: PTH116 (asked for every slab, and half as fast by the path)
    except OSError:
        return None


def _state(seen: os.stat_result) -> FileState:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def require_inside(target: Path, trail: Trail) -> None:
    """Refuse a file outside the folder of the scan, or one that is not there.

    Parameters
    ----------
    target
        File that a link, a virtual dataset or a dataset kept in raw files names.
    trail
        The way to it.

    Raises
    ------
    DataError
        Symbolic links resolved, the file is in another folder, or does not exist.
    """
    resolved = target.resolve()
    if trail.path.parent.resolve() not in resolved.parents and resolved != trail.path.resolve():
        message = (
            f"{trail.path}: dataset '{trail.asked}' is kept in {target}, outside the folder of the scan, and is not "
            "followed. Copy the values into the file (h5repack, h5copy)."
        )
        raise DataError(message)
    if not resolved.is_file():
        message = f"{trail.path}: dataset '{trail.asked}' is kept in {target}, which does not exist. "
        raise DataError(message + "Copy that file as well.")
