"""Noise of the kept attenuation, stored in its compact form beside it, so that a refit has the error bars of a run.

The variance of attenuation changes over particles, not over pixels: a few points a side and one ring profile for each
energy and group of rows hold what the fit needs (`xanesmap.reconstruct.propagation`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.reconstruct.propagation import VoxelVariance

NOISE_GROUP = "noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroups:
    """Which rows share their noise; groups begin anew with every slab.

    Parameters
    ----------
    n_rows
        Rows of the volume.
    slab_rows
        Rows of a slab.
    group_rows
        Rows of a group.
    """

    n_rows: int
    slab_rows: int
    group_rows: int

    @property
    def per_slab(self) -> int:
        """Groups of a slab."""
        return math.ceil(self.slab_rows / self.group_rows)

    @property
    def n_groups(self) -> int:
        """Groups of all slabs; the last slab may use fewer than it has."""
        return math.ceil(self.n_rows / self.slab_rows) * self.per_slab

    def of_row(self, row: int) -> int:
        """Group of a row."""
        return row // self.slab_rows * self.per_slab + row % self.slab_rows // self.group_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseMaps:
    """Noise of all kept attenuation, in a result.

    Parameters
    ----------
    counting
        `(energy, group, point, point)` float32, (1/um)^2, on points evenly spaced over a slice.
    ring
        `(energy, group, radius)` float32, (1/um)^2, at 0, 1, 2... pixels from the middle of a slice.
    groups
        Rows of each group.
    """

    counting: zarr.Array[Any]
    ring: zarr.Array[Any]
    groups: RowGroups

    def write(self, start: int, noise: VoxelVariance) -> None:
        """Write the noise of the slab that begins with row `start`; safe in threads, for slabs share no chunk."""
        first = self.groups.of_row(start)
        last = first + noise.counting.shape[1]
        self.counting[:, first:last] = noise.counting.astype(np.float32)
        self.ring[:, first:last] = noise.ring.astype(np.float32)

    def read(self, start: int, stop: int) -> tuple[VoxelVariance, list[int]]:
        """Noise of the rows `start` to `stop - 1`, and for each row the index of its group therein."""
        groups = [self.groups.of_row(row) for row in range(start, stop)]
        rows = slice(groups[0], groups[-1] + 1)
        noise = VoxelVariance(counting=_read(self.counting, rows), ring=_read(self.ring, rows))
        return noise, [group - groups[0] for group in groups]


def create_noise_maps(folder: Path, groups: RowGroups, *, n_energies: int, n_points: int, n_radii: int) -> NoiseMaps:
    """Empty noise maps in a result that is being written.

    Parameters
    ----------
    folder
        Folder of the result.
    groups
        Rows that share their noise.
    n_energies, n_points, n_radii
        Energies, points along each axis of a slice, distances from its middle.
    """
    group = zarr.open_group(folder, mode="r+").create_group(NOISE_GROUP)
    group.attrs.update({"slab_rows": groups.slab_rows, "group_rows": groups.group_rows, "units": "1/um^2"})
    shapes = {
        "counting": (n_energies, groups.n_groups, n_points, n_points),
        "ring": (n_energies, groups.n_groups, n_radii),
    }
    arrays = {
        name: group.create_array(
            name,
            shape=shape,
            dtype="float32",
            chunks=(n_energies, groups.per_slab, *shape[2:]),
            fill_value=math.nan,
            dimension_names=["energy", "group", *(("y", "x") if name == "counting" else ("radius",))],
        )
        for name, shape in shapes.items()
    }
    return NoiseMaps(**arrays, groups=groups)


def open_noise_maps(folder: Path, *, n_rows: int) -> NoiseMaps | None:
    """Noise maps of a finished result; None where it has none.

    Parameters
    ----------
    folder
        Folder of the result.
    n_rows
        Rows of its volume.
    """
    if not (folder / NOISE_GROUP).is_dir():
        return None
    group = zarr.open_group(folder / NOISE_GROUP, mode="r")
    sizes = {name: int(group.attrs[name]) for name in ("slab_rows", "group_rows")}  # type: ignore[arg-type]
    counting = zarr.open_array(folder / NOISE_GROUP / "counting", mode="r")
    ring = zarr.open_array(folder / NOISE_GROUP / "ring", mode="r")
    return NoiseMaps(counting=counting, ring=ring, groups=RowGroups(n_rows=n_rows, **sizes))


def _read(array: zarr.Array[Any], rows: slice) -> NDArray[np.float64]:
    return np.asarray(array[:, rows], np.float64)
