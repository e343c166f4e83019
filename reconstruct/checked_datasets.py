"""Datasets that were checked once, and are opened again without following their links anew.

Finding a dataset with care costs as much as reading a megabyte of it. Where every link on the way to it is a plain
entry of its own file, the file alone decides what is found: as long as it is the very file that was checked, and nobody
wrote into it, neither the links nor the chunks can have changed.
"""

import os
from pathlib import Path

import h5py

from xanesmap.reconstruct.hdf5 import find_dataset

FileState = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, and the times in ns of the last write and of the last change of the entry."""


class CheckedDatasets:
    """Datasets of one file that were checked, and the state of the file they were checked in; safe in threads."""

    def __init__(self) -> None:
        self._states: dict[str, FileState] = {}

    def find(self, file: h5py.File, name: str, *, path: Path) -> h5py.Dataset:
        """Dataset of a file, never from outside its folder, and checked again only when the file has changed.

        Parameters
        ----------
        file
            Open file, always the same one.
        name
            Name of the dataset from the root of the file, with slashes where it lies in groups.
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
        # Taken before the check, so that whatever is written meanwhile counts as a change.
        state = file_state(file)
        if state is not None and self._states.get(name) == state:
            return file[name]
        found = find_dataset(file, name, path=path)
        if state is not None and is_kept_within(file, name):
            self._states[name] = state
        return found


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
        seen = os.fstat(file.id.get_vfd_handle())
    except (OSError, ValueError, RuntimeError):
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def is_kept_within(file: h5py.File, name: str) -> bool:
    """Whether a dataset and all its values are in a file, and are reached there without a soft or external link.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset from the root of the file.
    """
    node = file
    for part in name.strip("/").split("/"):
        if not isinstance(node, h5py.Group) or not isinstance(node.get(part, getlink=True), h5py.HardLink):
            return False
        node = node[part]
    return isinstance(node, h5py.Dataset) and not node.is_virtual and not node.external
