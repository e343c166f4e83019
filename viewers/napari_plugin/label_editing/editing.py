"""Labels of a result that a user paints on: which copy of them, and when it has its place in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.edited_labels import EDITS
from xanesmap.phasemap.storage.layers import EDITED_LAYERS
from xanesmap.viewers.napari_plugin.layers.layer_plan import PARTICLE, PHASE

FOUND: Mapping[str, str] = {PHASE: "phase_labels", PARTICLE: "particle_labels"}
"""Labels that can be edited: layer of a viewer, and name in a result."""

_SHARE_OF_MEMORY = 4  # the rest is for napari's textures and for what it keeps to undo


def labels_to_edit(result: PhaseMap, kind: str, *, free_bytes: int | None = None) -> NDArray[Any]:
    """Copy of labels at full resolution: those edited before, else those found.

    Parameters
    ----------
    result
        An opened result.
    kind
        ``phase`` or ``particle``.
    free_bytes
        Memory that is free; asked of the system when not given.

    Raises
    ------
    DataError
        The result has no such labels, or they do not fit in memory.
    """
    found = FOUND[kind]
    if not result.has(found):
        message = f"'{result.path}' has no {kind} labels yet: make them with Thresholds, or 'xanesmap segment'."
        raise DataError(message)
    stored = result.levels(EDITED_LAYERS[found] if result.has(EDITED_LAYERS[found]) else found)[0]
    needed = _SHARE_OF_MEMORY * stored.size * stored.dtype.itemsize
    free = psutil.virtual_memory().available if free_bytes is None else free_bytes
    if needed > free:
        message = (
            f"painting {kind} labels of {' x '.join(map(str, stored.shape))} voxels takes {needed / 1e9:.1f} GB of "
            f"memory, and {free / 1e9:.1f} GB are free. Close other programs, or paint on a machine with more memory."
        )
        raise DataError(message)
    return np.array(stored)


def numbers_text(result: PhaseMap, kind: str) -> str:
    """What the numbers of labels stand for."""
    if kind == PARTICLE:
        return "0 is no particle; a new number is a new particle (key M in the canvas takes the next)."
    names = [f"{value} {name}" for value, name in enumerate(("outside", *result.label_names))]
    return ", ".join(names) + "."


def saved_text(result: PhaseMap, found: str) -> str:
    """What is told once edited labels are stored."""
    entry = result.attributes[EDITS][-1]
    told = f"Saved: {entry['voxels_changed']} voxels differ from the labels found, which stay as they are."
    if entry["voxels_outside_mask"]:
        told += f" {entry['voxels_outside_mask']} painted voxels lie outside the sample and count nowhere."
    redo = f"xanesmap segment '{result.path}' --labels edited"
    what = "volumes of the phases" if found == "phase_labels" else "all tables of particles"
    return f"{told} To redo {what} with them: {redo}"
