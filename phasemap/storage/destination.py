"""Where a result is written: checks before the work, and the swap into place after it.

A result is written into ``<out>.partial`` and renamed when it is complete, so that an earlier result at the
same path stays readable until then. During the swap the earlier result is called ``<out>.previous``.
"""

import errno
import json
import logging
import math
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from xanesmap.errors import DataError

logger = logging.getLogger(__name__)

ATTRIBUTE = "xanesmap"
"""Key of the root attributes that belong to this program."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def partial_path(out: Path) -> Path:
    """Folder in which the result `out` is written until it is complete."""
    return out.with_name(out.name + ".partial")


def previous_path(out: Path) -> Path:
    """Name of the earlier result while the new one is renamed into place."""
    return out.with_name(out.name + ".previous")


def check_destination(out: Path, *, overwrite: bool) -> None:
    """Refuse a path that cannot take a result, before any work is done.

    Parameters
    ----------
    out
        Path of the result, ending in ``.zarr``.
    overwrite
        Whether an earlier result at that path may be replaced.

    Raises
    ------
    DataError
        Wrong suffix, missing or unwritable folder, a file, a folder that is no result of ours, an earlier
        result that may not be replaced, or another run that is writing there.
    """
    _check_name(out)
    _check_folder(out)
    _restore_previous(out)
    _check_existing(out, overwrite=overwrite)
    _check_partial(out)


def _check_name(out: Path) -> None:
    if out.suffix != ".zarr":
        message = f"result path '{out}' has to end in '.zarr', for example '{out.with_suffix('.zarr')}'"
        raise DataError(message)


def _check_folder(out: Path) -> None:
    folder = out.parent
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        message = f"cannot write result '{out}': its folder '{folder}' {found}; create the folder or choose another"
        raise DataError(message)
    try:
        # Only a trial tells for certain: access rights, read-only disks and network shares all differ.
        Path(tempfile.mkdtemp(prefix=".xanesmap-", dir=folder)).rmdir()
    except OSError as error:
        message = (
            f"cannot write result '{out}': folder '{folder}' is not writable ({error.strerror}); "
            "choose another folder or change its permissions"
        )
        raise DataError(message) from error


def _restore_previous(out: Path) -> None:
    previous = previous_path(out)
    if previous.exists() and not out.exists():
        logger.warning("an interrupted run left the earlier result at %s; moved back to %s", previous, out)
        previous.rename(out)


def _check_existing(out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        message = f"cannot write result '{out}': it is a file; choose another path"
        raise DataError(message)
    if not overwrite:
        message = f"result '{out}' exists already; choose another path, or give --overwrite (overwrite=True)"
        raise DataError(message)
    if own_attributes(out) is None and any(out.iterdir()):
        message = f"folder '{out}' is not a result of xanesmap and will not be overwritten; choose another path"
        raise DataError(message)


def _check_partial(out: Path) -> None:
    partial = partial_path(out)
    attributes = own_attributes(partial) or {}
    process = attributes.get("process", {})
    if attributes.get("status") == "running" and _may_be_alive(process):
        message = (
            f"another run (process {process.get('pid')} on {process.get('host')}) is writing '{out}'; wait "
            f"for it, or delete '{partial}' if that run is no longer there"
        )
        raise DataError(message)


def this_process() -> dict[str, Any]:
    """Host, process number and start time by which a later run tells whether this one still lives."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "created": psutil.Process().create_time(),
    }


def _may_be_alive(process: dict[str, Any]) -> bool:
    if process.get("host") != socket.gethostname():
        return True
    try:
        created = psutil.Process(process["pid"]).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    # A process number is used again; the start time (clock resolution: 10 ms) tells the two apart.
    return math.isclose(created, process["created"], abs_tol=1.0, rel_tol=0.0)


def own_attributes(path: Path) -> dict[str, Any] | None:
    """Our root attributes of the store at `path`; None where there are none."""
    try:
        root = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    attributes = root.get("attributes", {}).get(ATTRIBUTE)
    return attributes if isinstance(attributes, dict) else None


def check_space(out: Path, n_bytes: int) -> None:
    """Refuse a disk with less free space than the result may need.

    Parameters
    ----------
    out
        Path of the result; its folder exists.
    n_bytes
        Bytes of the result before compression.

    Raises
    ------
    DataError
        Naming what is needed and what is free, in GB.
    """
    free = shutil.disk_usage(out.parent).free
    if free < n_bytes:
        message = (
            f"result '{out}' may need {_gigabytes(n_bytes)}, but {_gigabytes(free)} are free in "
            f"'{out.parent}'; free some space, choose another disk, or give --no-keep-mu (keep_mu=False)"
        )
        raise DataError(message)


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.3g} GB"


def create_partial(out: Path) -> Path:
    """Create the empty folder of an unfinished result, in place of one that was abandoned."""
    partial = partial_path(out)
    if partial.exists():
        logger.warning("replacing %s, left by a run that did not finish", partial)
        discard(partial)
    with writing(out, 0):
        partial.mkdir()
    return partial


def put_in_place(partial: Path, out: Path) -> None:
    """Rename a finished result into place; an earlier one is removed only after that succeeded."""
    previous = previous_path(out)
    discard(previous)
    if not out.exists():
        partial.rename(out)
        return
    out.rename(previous)
    try:
        partial.rename(out)
    except BaseException:
        previous.rename(out)
        raise
    discard(previous)


def discard(folder: Path) -> None:
    """Remove a folder; what cannot be removed is logged, not raised."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning("could not remove %s; delete it by hand", folder)


@contextmanager
def writing(out: Path, n_bytes: int) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into a sentence.

    Parameters
    ----------
    out
        Path of the result, for the message.
    n_bytes
        Bytes the whole result may need.

    Raises
    ------
    DataError
        In place of the operating system's error; other errors pass.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message = (
                f"the disk is full while writing result '{out}' (it may need {_gigabytes(n_bytes)}, "
                f"{_gigabytes(shutil.disk_usage(out.parent).free)} are free now); free some space, choose "
                "another disk, or give --no-keep-mu (keep_mu=False)"
            )
            raise DataError(message) from error
        if error.errno in _FORBIDDEN:
            message = (
                f"writing result '{out}' was refused ({error.strerror}: {error.filename}); choose another "
                "folder or change its permissions"
            )
            raise DataError(message) from error
        raise
