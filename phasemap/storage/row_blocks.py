"""Volumes a few rows at a time: which rows, and what joins across their borders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

BLOCK_VOXELS = 17_000_000
"""Voxels taken at a time, so that a few float volumes of them stay below a gigabyte."""


class Rows(Protocol):
    """A volume on disk or in memory that is read and written by rows, such as a numpy or a zarr array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels (z, y, x)."""

    def __getitem__(self, key: Any) -> Any:
        """Part of it."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write a part of it."""


def block_rows(shape: tuple[int, ...], *, multiple: int = 1) -> int:
    """Rows of a block: as many as make some millions of voxels, a multiple of those that a writer writes at a time."""
    rows = max(1, BLOCK_VOXELS // max(shape[1] * shape[2], 1))
    return max(rows // multiple, 1) * multiple


def row_ranges(n_rows: int, rows: int) -> Iterator[tuple[int, int]]:
    """First row of every block, and the row after its last."""
    for start in range(0, n_rows, rows):
        yield start, min(start + rows, n_rows)


def joined_numbers(pairs: NDArray[np.integer[Any]], count: int) -> NDArray[np.int64]:
    """`(count + 1,)` a number that all labels have which pairs lead to one another.

    Parameters
    ----------
    pairs
        `(pair, 2)` labels, 0 to `count`, that belong together.
    count
        Largest label.
    """
    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count + 1, count + 1))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def unique_pairs(pairs: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """`(pair, 2)` every pair once, in increasing order."""
    if len(pairs) == 0:
        return np.zeros((0, 2), np.int64)
    width = int(pairs.max()) + 1
    keys = np.unique(pairs[:, 0].astype(np.int64) * width + pairs[:, 1])
    return np.stack(np.divmod(keys, width), axis=1)
