"""Whether HDF5 itself survives reading a file: found out in a process of its own, before this one opens the file.

A few flipped bytes can send the HDF5 library into a loop without end, or crash it, and nothing stops that but ending
the process (in HDF5 2.0, a heap object of 0 bytes does it to H5HG__cache_heap_deserialize). So a helper, started once
and kept, walks the structure of every file before it is opened here (`hdf5_walk`), and dies in place of this process.
Where no helper can be run (Windows, programs without a Python of their own) files are opened unguarded.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats import hdf5_walk

START_S = 20.0
"""A helper that is not ready by then is given up."""

ENDLESS = "reading its structure does not end"
CRASHED = "reading its structure crashes the HDF5 library"
_SIGNALS = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP")
_CRASHES = {-getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)}
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HDF5_PLUGIN_PATH", "HDF5_USE_FILE_LOCKING", "LANG")
"""What the helper gets to know of the surroundings: nothing of the job (such as MPI) that this process is part of."""

FileState = tuple[int, int, int, int]
"""Device, inode, size in bytes and time of the last write in ns."""


def require_sound(path: Path) -> None:
    """Refuse a file that the HDF5 library would not survive.

    A file is looked at once, and again after it has changed. Safe in threads; a forked process has a helper of its own.

    Parameters
    ----------
    path
        Existing file.

    Raises
    ------
    DataError
        Reading the structure of the file never ends, or crashes the library.
    """
    fault = _guard.fault_of(path)
    if fault is not None:
        message = f"{path}: the file is damaged: {fault}. Copy it again from the storage of the beamline."
        raise DataError(message)


@dataclass(frozen=True, slots=True)
class Known:
    """What was found for a file in some state: a fault, or None."""

    state: FileState
    fault: str | None


class Guard:
    """The helper of a process and what it found.

    Attributes
    ----------
    helper
        The running helper, or None before the first file.
    known
        What was found, by path.
    """

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self._lock = threading.Lock()
        self.helper: subprocess.Popen[bytes] | None = None
        self._inherited: subprocess.Popen[bytes] | None = None
        self._n_walked = 0
        self._has_helper = _can_run_helper()

    def fault_of(self, path: Path) -> str | None:
        """Fault of a file, or None; found out once for every state of the file."""
        seen = path.stat()
        state = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
        known = self.known.get(str(path))
        if known is not None and known.state == state:
            return known.fault
        with self._lock:
            known = self.known.get(str(path))
            if known is None or known.state != state:
                known = self.known[str(path)] = Known(state, self._find_fault(path))
            return known.fault

    def stop(self) -> None:
        """End the helper; the next file starts another."""
        helper, self.helper, self._n_walked = self.helper, None, 0
        if helper is not None:
            _end(helper)

    def leave_to_parent(self) -> None:
        """In a forked process: leave the helper to the process that started it."""
        self._inherited, self.helper, self._n_walked = self.helper, None, 0
        self._lock = threading.Lock()
        if self._inherited is not None:
            _close_pipes(self._inherited)

    def _find_fault(self, path: Path) -> str | None:
        had_walked = self._n_walked > 0
        fault = self._walk(path)
        # A process that read other damaged files before may have been spoiled by them: ask a fresh one.
        return self._walk(path) if fault == CRASHED and had_walked else fault

    def _walk(self, path: Path) -> str | None:
        """Have the helper walk a file; None where nothing is wrong, or where nobody can tell."""
        helper = self._running()
        if helper is None:
            return None
        try:
            is_walked = ask(helper, path)
        except BaseException:
            self.stop()  # interrupted: an answer still to come would be taken for that of the next file
            raise
        if is_walked:
            self._n_walked += 1
            return None
        status = helper.wait()
        self.stop()
        if status == -signal.SIGPROF:
            return ENDLESS
        return CRASHED if status in _CRASHES else None

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self.helper is not None and self.helper.poll() is not None:
            self.stop()
        if self.helper is None and self._has_helper:
            self.helper = _start_helper()
            self._has_helper = self.helper is not None
        return self.helper


def _can_run_helper() -> bool:
    has_timer = hasattr(signal, "setitimer") and hasattr(signal, "SIGPROF")
    has_python = bool(sys.executable) and not getattr(sys, "frozen", False)
    return has_timer and has_python and Path(hdf5_walk.__file__).is_file()


def _start_helper() -> subprocess.Popen[bytes] | None:
    """A helper that is ready, or None where none can be had."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # Isolated and without `site`, which takes longer than all the rest; it finds libraries where this process does.
    command = [sys.executable, "-I", "-S", hdf5_walk.__file__, json.dumps([str(place) for place in sys.path])]
    try:
        helper = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # an interrupt from the keyboard is for this process
        )
    except OSError:
        return None
    if _is_ready(helper):
        return helper
    _end(helper)
    return None


def _is_ready(helper: subprocess.Popen[bytes]) -> bool:
    if helper.stdout is None or not select.select([helper.stdout], [], [], START_S)[0]:
        return False
    return helper.stdout.readline().strip() == hdf5_walk.READY.encode()


def ask(helper: subprocess.Popen[bytes], path: Path) -> bool:
    """Whether the helper came to the end of a file; the alternative is that it died."""
    if helper.stdin is None or helper.stdout is None:
        return False
    try:
        helper.stdin.write(f"{json.dumps(str(path.absolute()))}\n".encode())
    except BrokenPipeError:
        return False
    return bool(helper.stdout.readline())


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()
    helper.wait()
    _close_pipes(helper)


def _close_pipes(helper: subprocess.Popen[bytes]) -> None:
    for pipe in (helper.stdin, helper.stdout):
        if pipe is not None:
            pipe.close()


_guard = Guard()
atexit.register(_guard.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_guard.leave_to_parent)
