"""Whether a path that somebody opens in napari is ours, told in a moment: other plugins wait for the answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from xanesmap.errors import DataError
from xanesmap.phasemap.destination import own_attributes
from xanesmap.reconstruct.readers import FILE_FORMATS, FOLDER_FORMATS, SCAN_SUFFIXES

_LOOKED_AT = 3
"""Files of a folder that are opened to tell whether it is a scan."""
_LISTED = 2000
"""Entries of a folder that are gone through; a scan has its files near the top."""

Content = Literal["result", "scan"]


def recognise(paths: Sequence[Path]) -> Content | None:
    """What paths hold.

    Parameters
    ----------
    paths
        A result, or the folder or files of a scan.

    Returns
    -------
    str or None
        None where it is none of ours, or cannot be read at all.
    """
    if len(paths) == 1 and own_attributes(paths[0]) is not None:
        return "result"
    if len(paths) == 1 and paths[0].is_dir():
        return "scan" if _is_scan_folder(paths[0]) else None
    return "scan" if paths and all(map(_is_scan_file, paths)) else None


def _is_scan_folder(folder: Path) -> bool:
    if folder.suffix == ".zarr":
        return False
    if any(_holds(tells, folder) for tells, _ in FOLDER_FORMATS.values()):
        return True
    entries = itertools.islice(folder.iterdir(), _LISTED)
    files = sorted(entry for entry in entries if entry.suffix.lower() in SCAN_SUFFIXES)
    return any(map(_is_scan_file, files[:_LOOKED_AT]))


def _is_scan_file(path: Path) -> bool:
    if path.suffix.lower() not in SCAN_SUFFIXES or not path.is_file():
        return False
    return any(_holds(tells, path) for tells, _ in FILE_FORMATS.values())


def _holds(tells: object, path: Path) -> bool:
    try:
        return bool(callable(tells) and tells(path))
    except (DataError, OSError):
        return False
