"""Walk the structure of HDF5 files in a process of its own, which a damaged file may hang or crash.

`hdf5_soundness` runs this file as a program. It reads paths from its input, one JSON text a line, and answers each with
a line once the structure was read: links, attributes, shapes, chunk indices and short lists, as the readers do. Frames
are not read, and no other file is opened: soft and external links are not followed, and virtual datasets not asked for
their shape, which may open their sources. A step that takes more processor time than any sound file needs ends the
process; time spent waiting for a slow disk, a network or a tape does not count.

Only the standard library is imported before the paths to libraries are known.
"""

import json
import math
import os
import select
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

STEP_S = 0.3
"""Processor time for one object of a small file, in seconds; usual are 0.0001."""

BYTES_PER_S = 100e6
"""Larger files get more time, up to `LONGEST_STEP_S`: a file may be all index of chunks, read four times as fast."""

LONGEST_STEP_S = 60.0
MAX_OBJECTS = 1000
"""Groups and datasets looked at, those near the root first; real scans have up to a few hundred."""

MAX_LIST_BYTES = 2**23
"""Longest list of energies or angles, as the readers limit it."""

MAX_CHUNK_BYTES = 2**24
MAX_ATTRIBUTE_BYTES = 2**16
MEMORY_BYTES = 2**29
"""Memory on top of what the libraries take; damaged sizes ask for more."""

PARENT_CHECK_S = 30.0
READY = "ready"


def main() -> None:
    """Answer for paths until the input ends or the parent is gone."""
    parent = os.getppid()
    sys.path[:] = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    import h5py

    limit_memory()
    answer(READY)
    for path in asked_paths(parent):
        step_s = min(STEP_S + Path(path).stat().st_size / BYTES_PER_S, LONGEST_STEP_S)
        walk(path, before_step=partial(signal.setitimer, signal.ITIMER_PROF, step_s))
        left_open = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answer("walked")
        if left_open:
            return  # a damaged file that could not be closed; the next one gets a fresh process


def walk(path: str, *, before_step: Callable[[], object]) -> int:
    """Look at the structure of a file.

    Parameters
    ----------
    path
        File to look at.
    before_step
        Called before each object.

    Returns
    -------
    Number of objects looked at. Errors are passed over: the readers meet them again, and find the words.
    """
    import h5py

    before_step()
    try:
        with h5py.File(path, "r") as file:
            number = look_at_all(file, before_step)
            before_step()
    except Exception:  # whatever libraries raise on damaged files
        return 0
    return number


def look_at_all(file: Any, before_step: Callable[[], object]) -> int:
    """Look at the groups and datasets of an open file; returns how many there were."""
    number = 0
    for found in objects_of(file):
        before_step()
        number += 1
        with suppress(Exception):
            look_at_attributes(found)
        with suppress(Exception):
            look_at_storage(found)
    return number


def objects_of(file: Any) -> Iterator[Any]:
    """Groups and datasets of an open file that hard links lead to, near ones first, each once."""
    import h5py

    waiting, seen = deque([file["/"]]), {h5py.h5o.get_info(file.id).addr}
    for _ in range(MAX_OBJECTS):
        if not waiting:
            return
        found = waiting.popleft()
        yield found
        if isinstance(found, h5py.Group):
            waiting.extend(new_members(found, seen, most=MAX_OBJECTS - len(waiting)))


def new_members(group: Any, seen: set[int], *, most: int) -> Iterator[Any]:
    """Members of a group that were not seen yet, as many as are wanted."""
    for name in list(group)[: max(most, 0)]:
        member, address = hard_member(group, name)
        if member is not None and address not in seen:
            seen.add(address)
            yield member


def hard_member(group: Any, name: str) -> tuple[Any, int]:
    """Member of a group and its address; None where it is reached by a soft or external link, or not at all."""
    import h5py

    with suppress(Exception):
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            member = group[name]
            return member, h5py.h5o.get_info(member.id).addr
    return None, 0


def look_at_attributes(found: Any) -> None:
    """Read the attributes of a group or dataset that are short enough for a unit."""
    for name in list(found.attrs):
        stored = found.attrs.get_id(name)
        if math.prod(stored.shape) * stored.dtype.itemsize <= MAX_ATTRIBUTE_BYTES:
            _ = found.attrs[name]


def look_at_storage(found: Any) -> None:
    """Read the shape and the index of chunks of a dataset, and its values where they are a short list."""
    import h5py

    if not isinstance(found, h5py.Dataset):
        return
    if found.is_virtual:
        _ = found.virtual_sources()
        return
    shape, dtype, chunks = found.shape, found.dtype, found.chunks
    found.id.get_storage_size()
    if chunks is not None:
        found.id.get_num_chunks()
    is_list = shape is not None and sum(length != 1 for length in shape) <= 1
    fits = is_list and math.prod(shape) * dtype.itemsize <= MAX_LIST_BYTES
    if fits and not found.external and math.prod(chunks or (0,)) * dtype.itemsize <= MAX_CHUNK_BYTES:
        _ = found[()]


def limit_memory() -> None:
    """Keep damaged sizes from taking the memory of the machine, where the system tells how much is in use."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (OSError, ValueError):
        return


def asked_paths(parent: int) -> Iterator[str]:
    """Paths from the input until it ends, or the process that writes it is gone."""
    while os.getppid() == parent:
        if not select.select([sys.stdin], [], [], PARENT_CHECK_S)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            return
        yield json.loads(line)


def answer(text: str) -> None:
    """Write a line to the output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
