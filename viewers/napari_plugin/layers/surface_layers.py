"""Stored surfaces of particles and fronts as layers: all of them, or those of the largest particles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.layers.planned_layer import LENGTH_UNIT, PlannedLayer

SURFACES = (
    ("particle", "shell_thickness", "µm", "viridis"),
    ("front", "mean_curvature", LENGTH_UNIT, "turbo"),
)
"""Stored surfaces: name, the values that colour it, their unit, the colours."""

MOST_TRIANGLES = 1_000_000
"""Of one surface: napari prepares that many in a second, and a map of 1024^3 voxels has fifty times as many."""


def planned_surfaces(result: PhaseMap, *, most_triangles: int = MOST_TRIANGLES) -> Iterator[PlannedLayer]:
    """Layers of the surfaces that a result holds.

    Parameters
    ----------
    result
        An opened result.
    most_triangles
        Surfaces with more are shown of the first particles, which are the largest; of the first one at least.
    """
    for name, values, unit, ramp in SURFACES:
        folder = result.path / "surfaces" / name
        if not (folder / values).is_dir() or not _stored(folder, "faces").shape[0]:
            continue
        vertices, faces, coloured, last = _read(folder, values, most_triangles)
        low, high = np.percentile(coloured, [2, 98]) if values == "mean_curvature" else (0.0, coloured.max())
        title = f"{name} surface, {values.replace('_', ' ')}"
        yield PlannedLayer(
            name=title,
            title=f"{title} ({unit})" + (f", particles 1 to {last}" if last else ""),
            kind="surface",
            data=(vertices, faces, coloured),
            scale=(1.0, 1.0, 1.0),
            limits=(float(low), float(max(high, low + 1e-9))),
            ramp=ramp,
        )


def _stored(folder: Path, name: str) -> zarr.Array[Any]:
    return zarr.open_array(folder / name, mode="r")


def _read(
    folder: Path, values: str, most: int
) -> tuple[NDArray[np.float32], NDArray[np.integer[Any]], NDArray[np.float32], int]:
    """Vertices, faces and values, and the number of the last particle among them; 0 where it is the last of all."""
    stored = _stored(folder, "faces")
    faces = np.asarray(stored[:most])
    end, last = (None, 0) if stored.shape[0] <= most else _whole_particles(folder, int(faces[-1].max()))
    if end is not None and end > faces[-1].max():  # a first particle of more triangles
        faces = np.asarray(stored)
    kept = faces if end is None else faces[faces.max(axis=1) < end]
    coloured = np.nan_to_num(np.asarray(_stored(folder, values)[:end], np.float32))
    return np.asarray(_stored(folder, "vertices")[:end]), kept, coloured, last if len(kept) < stored.shape[0] else 0


def _whole_particles(folder: Path, vertex: int) -> tuple[int, int]:
    """Vertices of the particles before that of a vertex, or of the first one, and the number of the last of them."""
    stored = _stored(folder, "particle")
    numbers = np.asarray(stored[: vertex + 1])
    if numbers[0] == numbers[-1]:
        numbers = np.asarray(stored)
        return int(np.searchsorted(numbers, numbers[0], side="right")), int(numbers[0])
    end = int(np.searchsorted(numbers, numbers[-1]))
    return end, int(numbers[end - 1])
