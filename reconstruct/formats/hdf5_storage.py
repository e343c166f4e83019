"""Whether the values of an HDF5 dataset are all there: HDF5 itself fills in what is missing, in silence."""

import math
from pathlib import Path
from typing import Any

import h5py

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5_links import (
    MAX_LINKS,
    Trail,
    file_of,
    file_state,
    follow,
    open_file,
    require_inside,
)

MAX_CHUNK_BYTES = 2**28
"""A chunk is read whole: larger ones make reading a few rows cost more than the rows."""

UNLIMITED = 2**63
"""Counts of a selection from here on mean as many as there are."""


def require_sources(found: h5py.Dataset, trail: Trail, *, depth: int = 0) -> None:
    """Refuse a virtual dataset whose sources are not at hand, or do not fill it.

    To be called before its shape is asked for: HDF5 may open the sources to tell it.

    Parameters
    ----------
    found
        Virtual dataset.
    trail
        The way to it; collects the files of the sources.
    depth
        How many virtual datasets it is a source of.

    Raises
    ------
    DataError
        A source is missing, shorter than what is taken from it, outside the folder or never written; values are made
        of no source; or the dataset is made of itself.
    """
    if depth > MAX_LINKS:
        message = f"{trail.path}: dataset '{trail.asked}' is a virtual dataset made of itself. Export the scan again."
        raise DataError(message)
    sources: dict[tuple[str, str], h5py.Dataset] = {}
    n_mapped = 0
    for mapped in found.virtual_sources():
        place = (mapped.file_name, mapped.dset_name)
        if place not in sources:
            sources[place] = _source(found, *place, trail=trail, depth=depth)
        n_mapped += _n_taken(mapped, sources[place], trail)
    n_values = math.prod(found.shape or ())
    if n_mapped < n_values:
        message = (
            f"{trail.path}: dataset '{trail.asked}' {found.shape} is virtual, and only {n_mapped} of its {n_values} "
            "values come from other datasets; the rest would read as fill values. Export the scan again when it is "
            "complete, or leave it out."
        )
        raise DataError(message)


def require_storage(found: h5py.Dataset, trail: Trail) -> None:
    """Refuse values that are kept outside the folder, were never written, or take chunks too large to read.

    Parameters
    ----------
    found
        Dataset that is not virtual.
    trail
        The way to it.

    Raises
    ------
    DataError
        The values are not all there, or not to be read.
    """
    kept_in = file_of(found)
    if kept_in != trail.path:
        require_inside(kept_in, trail)
    for external, *_ in found.external or ():
        # HDF5 takes raw external files from the working directory.
        raw = Path(external.decode() if isinstance(external, bytes) else external)
        require_inside(raw, trail)
        trail.files[raw] = None
    _require_written(found, trail)


def _source(found: h5py.Dataset, file_name: str, dataset: str, *, trail: Trail, depth: int) -> h5py.Dataset:
    """Source of a virtual dataset, with all its values."""
    folder = file_of(found).parent
    if file_name == ".":
        source = follow(found.file, dataset, trail)
    else:
        require_inside(folder / file_name, trail)
        file = open_file(folder / file_name)
        trail.files[folder / file_name] = file_state(file)
        source = follow(file, dataset, trail)
    if not isinstance(source, h5py.Dataset):
        message = (
            f"{trail.path}: dataset '{trail.asked}' is made of '{dataset}' in {file_name}, which is not there. Copy "
            "the raw files again."
        )
        raise DataError(message)
    place = (file_of(source), h5py.h5o.get_info(source.id).addr)
    if place not in trail.checked:
        _require_values(source, trail, depth=depth + 1)
        trail.checked.add(place)
    return source


def _require_values(source: h5py.Dataset, trail: Trail, *, depth: int) -> None:
    if source.is_virtual:
        require_sources(source, trail, depth=depth)
    else:
        require_storage(source, trail)


def _n_taken(mapped: Any, source: h5py.Dataset, trail: Trail) -> int:
    """Number of values that a part of a virtual dataset takes from its source."""
    shape = source.shape or ()
    space, kind = mapped.src_space, mapped.src_space.get_select_type()
    if kind == h5py.h5s.SEL_HYPERSLABS and space.is_regular_hyperslab():
        start, stride, count, block = space.get_regular_hyperslab()
        if len(start) == len(shape) and max((*count, *block)) >= UNLIMITED:
            axes = zip(start, stride, count, block, shape, strict=True)
            return math.prod(_n_along(*axis) for axis in axes)
    n_wanted = int(mapped.vspace.get_select_npoints())
    if kind == h5py.h5s.SEL_ALL:
        is_there = math.prod(shape) >= n_wanted
    else:
        last = space.get_select_bounds()[1]
        is_there = len(last) == len(shape) and all(index < length for index, length in zip(last, shape, strict=True))
    if not is_there:
        message = (
            f"{trail.path}: dataset '{trail.asked}' takes {n_wanted} values from '{mapped.dset_name}' in "
            f"{mapped.file_name}, which has shape {shape} and lacks some of them; they would read as fill values. The "
            "scan was stopped early or not copied whole: export it again, or leave it out."
        )
        raise DataError(message)
    return n_wanted


def _n_along(start: int, stride: int, count: int, block: int, length: int) -> int:
    """Indices selected along an axis of a source, where as many may be asked for as there are."""
    if count < UNLIMITED and block < UNLIMITED:
        return count * block
    inside = max(length - start, 0)
    return inside if block >= UNLIMITED else inside // stride * block + min(inside % stride, block)


def _require_written(found: h5py.Dataset, trail: Trail) -> None:
    title = f"{trail.path}: dataset '{trail.asked}'"
    if found.shape is None or 0 in found.shape:
        return
    if found.chunks is None:
        if found.id.get_storage_size() == 0 and not found.external:
            message = f"{title} {found.shape} was never written. Export the scan again."
            raise DataError(message)
        return
    chunk_bytes = math.prod(found.chunks) * found.dtype.itemsize
    if chunk_bytes > MAX_CHUNK_BYTES:
        message = (
            f"{title} is stored in chunks of {chunk_bytes / 2**20:.0f} MiB, which are read whole. "
            "Store it in chunks of one frame (h5repack)."
        )
        raise DataError(message)
    expected = math.prod(-(-length // chunk) for length, chunk in zip(found.shape, found.chunks, strict=True))
    written = found.id.get_num_chunks()
    if written < expected:
        message = (
            f"{title} {found.shape} has only {written} of {expected} chunks written, the rest would "
            "read as zeros. The scan was stopped early or not copied whole: export it again, or leave it out."
        )
        raise DataError(message)
