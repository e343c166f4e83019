"""Whether a path that somebody opens in napari is ours, told in a moment: other plugins wait for the answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from xanesmap.errors import DataError
from xanesmap.phasemap.series import DESCRIPTIONS
from xanesmap.phasemap.storage.destination import own_attributes
from xanesmap.reconstruct.readers import FILE_FORMATS, FOLDER_FORMATS, SCAN_SUFFIXES
from xanesmap.reconstruct.volumes.opening import HDF5_SUFFIXES
from xanesmap.reconstruct.volumes.recognition import holds_volumes, is_volume_file

_LOOKED_AT = 3
"""Files of a folder that are opened to tell whether it is a scan."""
_LISTED = 2000
"""Entries of a folder that are gone through; a scan has its files near the top."""

_LARGEST_DESCRIPTION = 2**20
"""Bytes of a file that may describe a series."""

Content = Literal["result", "series", "scan", "volumes"]


def recognise(paths: Sequence[Path]) -> Content | None:
    """What paths hold.

    Parameters
    ----------
    paths
        A result; results, or the file that describes their series; the folder or files of a scan, or of volumes.

    Returns
    -------
    str or None
        None where it is none of ours, or cannot be read at all.
    """
    if not paths:
        return None
    if all(own_attributes(path) is not None for path in paths):
        return "result" if len(paths) == 1 else "series"
    if len(paths) == 1 and paths[0].is_dir():
        return _content_of_folder(paths[0])
    if len(paths) == 1 and _describes_series(paths[0]):
        return "series"
    return _common_content(paths)


def _content_of_folder(folder: Path) -> Content | None:
    if folder.suffix == ".zarr":
        return None
    if any(_holds(tells, folder) for tells, _ in FOLDER_FORMATS.values()):
        return "volumes" if _holds(holds_volumes, folder) else "scan"
    entries = itertools.islice(folder.iterdir(), _LISTED)
    files = sorted(entry for entry in entries if entry.suffix.lower() in SCAN_SUFFIXES)
    found = list(map(_content_of_file, files[:_LOOKED_AT]))
    return "scan" if "scan" in found else "volumes" if "volumes" in found else None


def _common_content(files: Sequence[Path]) -> Content | None:
    found = {_content_of_file(file) for file in files}
    return found.pop() if len(found) == 1 else None


def _content_of_file(path: Path) -> Content | None:
    if path.suffix.lower() not in SCAN_SUFFIXES or not path.is_file():
        return None
    if any(_holds(tells, path) for tells, _ in FILE_FORMATS.values()):
        return "scan"
    return "volumes" if path.suffix.lower() in HDF5_SUFFIXES and _holds(is_volume_file, path) else None


def _describes_series(path: Path) -> bool:
    """Whether a file names the states of a series, sound or not: opening it tells what is wrong."""
    if path.suffix.lower() not in DESCRIPTIONS or not path.is_file() or path.stat().st_size > _LARGEST_DESCRIPTION:
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return ("[[state]]" in text or '"state"' in text) and "result" in text


def _holds(tells: object, path: Path) -> bool:
    try:
        return bool(callable(tells) and tells(path))
    except (DataError, OSError):
        return False
