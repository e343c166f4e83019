"""Labels that somebody edited by hand: stored beside those of a result, and taken by a segmentation in their place."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.segmentation.particles import ParticleList, renumber_particles
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import EDITED_LAYERS, layer_named
from xanesmap.phasemap.storage.row_blocks import Rows, block_rows, row_ranges

EDITS = "edits"
"""Key of the root attributes of a result that tells who edited its labels, and when."""

LARGEST_NUMBER = 2**24
"""Of a particle; more cannot be told apart by anybody."""


def store_edited_labels(
    result: PhaseMap | str | Path, edited: Mapping[str, NDArray[Any]], *, progress: Progress = no_progress
) -> PhaseMap:
    """Store labels that were edited by hand in a result, beside those that were found.

    Parameters
    ----------
    result
        A finished result, or its path.
    edited
        `(z, y, x)` whole numbers under ``phase_labels``, ``particle_labels`` or both: the labels that they are made
        from. Those that were stored before under the same name are replaced.
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    The result, opened again; `xanesmap segment --labels edited` redoes its tables with them.

    Raises
    ------
    DataError
        Labels of another shape, numbers that no label can have, or a result that cannot be written; it is as it was.
    """
    result = open_result(result.path if isinstance(result, PhaseMap) else result)
    for name, values in edited.items():
        _check(result, name, values)
    entries = [_entry(result, name, values) for name, values in edited.items()]
    with Amendment(result.path) as amendment:
        for done, (name, values) in enumerate(edited.items()):
            progress("Write labels", done, len(edited))
            amendment.replace_labels(layer_named(EDITED_LAYERS[name]), values)
        amendment.finish({EDITS: [*result.attributes.get(EDITS, []), *entries]})
    progress("Write labels", len(edited), len(edited))
    return open_result(result.path)


def _check(result: PhaseMap, name: str, values: NDArray[Any]) -> None:
    if name not in EDITED_LAYERS or not result.has(name):
        message = f"result '{result.path}' holds no {name} that could have been edited; run 'xanesmap segment' first."
        raise DataError(message)
    if values.shape != result.shape or values.dtype.kind not in "iu":
        message = f"edited {name}: {values.dtype} of shape {values.shape} for a result of {result.shape} voxels."
        raise DataError(message)
    largest = len(result.label_names) if name == "phase_labels" else LARGEST_NUMBER
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 or high > largest:
        found = low if low < 0 else high
        message = (
            f"edited {name} of '{result.path}' hold the number {found}; they go from 0 to {largest}. Paint it over."
        )
        raise DataError(message)


def _entry(result: PhaseMap, name: str, values: NDArray[Any]) -> dict[str, Any]:
    """Who edited what, and how much of it."""
    found, mask = result.levels(name)[0], result.levels("mask")[0]
    changed = outside = 0
    for start, stop in row_ranges(result.shape[0], block_rows(result.shape)):
        part = values[start:stop]
        changed += int(np.count_nonzero(part != np.asarray(found[start:stop])))
        outside += int(np.count_nonzero((part > 0) & (np.asarray(mask[start:stop]) == 0)))
    return {
        "layer": EDITED_LAYERS[name],
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "user": _user(),
        "xanesmap_version": version("xanesmap"),
        "differs_from_segmentation": result.attributes.get("segmentation", {}).get("made", "none"),
        "voxels_changed": changed,
        "voxels_outside_mask": outside,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in containers
        return "unknown"


def require_edited(result: PhaseMap) -> None:
    """Refuse a result without edited labels.

    Raises
    ------
    DataError
        Neither phases nor particles were edited.
    """
    if not any(result.has(name) for name in EDITED_LAYERS.values()):
        message = (
            f"result '{result.path}' holds no edited labels; paint them in napari (Plugins, xanesmap, Edit labels) and "
            "save them to the result, or leave out --labels edited."
        )
        raise DataError(message)


def take_phases(edited: Rows, sample: Rows, labels: Rows, *, rows: int) -> None:
    """Put edited phase labels in place of those found; 0 outside the sample.

    Parameters
    ----------
    edited, sample
        `(z, y, x)` edited labels, and not zero inside the sample.
    labels
        `(z, y, x)` uint8 to be written.
    rows
        Rows of a block.
    """
    for start, stop in row_ranges(labels.shape[0], rows):
        inside = np.asarray(sample[start:stop]) > 0
        labels[start:stop] = np.where(inside, np.asarray(edited[start:stop]), 0).astype(np.uint8)


def take_particles(
    edited: Rows, sample: Rows, numbers: Rows, pores: Rows, *, least_voxels: int, rows: int
) -> ParticleList:
    """Put edited particles in place of those found, numbered anew from the largest.

    Parameters
    ----------
    edited, sample
        `(z, y, x)` edited numbers, and not zero inside the sample.
    numbers, pores
        `(z, y, x)` int32 particles found, and closed pores with their numbers; written over. A pore goes to the edited
        particle that shares most voxels with the one that it was found in.
    least_voxels
        Voxels, closed pores included, below which a particle is a fragment.
    rows
        Rows of a block.
    """
    owner = _owners(edited, numbers, rows)
    sizes: NDArray[np.int64] = np.zeros(1, np.int64)
    for start, stop in row_ranges(numbers.shape[0], rows):
        around = np.asarray(pores[start:stop])
        inside = np.asarray(sample[start:stop]) > 0
        found = np.where(inside, np.asarray(edited[start:stop]), owner[around])
        numbers[start:stop] = found
        counts = np.bincount(found.ravel(), minlength=len(sizes))
        counts[: len(sizes)] += sizes
        sizes = counts
    sizes[0] = 0
    return renumber_particles(sample, numbers, pores, sizes, least_voxels=least_voxels, rows=rows)


def _owners(edited: Rows, numbers: Rows, rows: int) -> NDArray[np.int32]:
    """(found number,) the edited particle that has most voxels of each particle found; 0 where there is none."""
    shared: dict[tuple[int, int], int] = {}
    for start, stop in row_ranges(numbers.shape[0], rows):
        pairs = np.stack([np.asarray(numbers[start:stop]).ravel(), np.asarray(edited[start:stop]).ravel()])
        pairs = pairs[:, (pairs > 0).all(axis=0)].astype(np.int64)
        keys, counts = np.unique(pairs[0] * (LARGEST_NUMBER + 1) + pairs[1], return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            pair = divmod(key, LARGEST_NUMBER + 1)
            shared[pair] = shared.get(pair, 0) + count
    owner = np.zeros(1 + max((found for found, _ in shared), default=0), np.int32)
    for (found, number), _ in sorted(shared.items(), key=lambda item: item[1]):
        owner[found] = number
    return owner
