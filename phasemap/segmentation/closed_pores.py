"""Closed pores: air that the sample encloses, found a few rows at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xanesmap.phasemap.storage.row_blocks import Rows, joined_numbers, row_ranges, unique_pairs


def filled_rows(mask: Rows, *, rows: int) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Sample with its closed pores filled, block by block from the last to the first.

    Parameters
    ----------
    mask
        `(z, y, x)` not zero inside the sample.
    rows
        Rows of a block.

    Yields
    ------
    First row, row after the last, and `(row, y, x)` True in the sample and in air from which no way through faces of
    voxels leads out of the volume.
    """
    ranges = list(row_ranges(mask.shape[0], rows))
    closed = _closed_numbers(mask, ranges)
    for (start, stop), inner in reversed(list(zip(ranges, closed, strict=True))):
        inside = np.asarray(mask[start:stop]) > 0
        if inner.any():
            inside |= inner[_air_numbers(inside)[0]]
        yield start, stop, inside


def _air_numbers(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Connected parts of the air in a block, numbered from 1."""
    numbers, count = ndimage.label(~inside)
    return numbers, int(count)


def _closed_numbers(mask: Rows, ranges: list[tuple[int, int]]) -> list[NDArray[np.bool_]]:
    """For each block, by number of the parts of its air, whether that part is a closed pore."""
    open_numbers, pairs, counts, last = [np.zeros(1, np.int64)], [], [0], None
    for index, (start, stop) in enumerate(ranges):
        numbers, count = _air_numbers(np.asarray(mask[start:stop]) > 0)
        offset = sum(counts)
        # a single slice has no ends: its pores are closed in its plane
        several = mask.shape[0] > 1
        ends = [numbers[:1]] * (several and index == 0) + [numbers[-1:]] * (several and index == len(ranges) - 1)
        sides = (*ends, numbers[:, 0], numbers[:, -1], numbers[:, :, 0], numbers[:, :, -1])
        open_numbers.append(np.unique(np.concatenate([_numbered(side, offset) for side in sides])))
        if last is not None:
            both = (last > 0) & (numbers[0] > 0)
            pairs.append(unique_pairs(np.stack([last[both], numbers[0][both] + offset], axis=1)))
        last = np.where(numbers[-1] > 0, numbers[-1].astype(np.int64) + offset, 0)
        counts.append(count)
    return _split(_is_closed(np.concatenate(pairs or [np.zeros((0, 2), np.int64)]), open_numbers, sum(counts)), counts)


def _numbered(side: NDArray[np.int32], offset: int) -> NDArray[np.int64]:
    """Numbers on a side of a block, counted through the volume."""
    found = np.unique(side)
    return found[found > 0].astype(np.int64) + offset


def _is_closed(pairs: NDArray[np.int64], open_numbers: list[NDArray[np.int64]], count: int) -> NDArray[np.bool_]:
    group = joined_numbers(pairs, count)
    is_open = np.zeros(count + 1, bool)
    is_open[group[np.concatenate(open_numbers)]] = True  # groups are numbered below count + 1; 0 is no air
    closed: NDArray[np.bool_] = ~is_open[group]
    return closed


def _split(closed: NDArray[np.bool_], counts: list[int]) -> list[NDArray[np.bool_]]:
    """Verdicts by the numbers within each block, 0 for the sample."""
    ends = np.cumsum(counts)
    return [np.concatenate([[False], closed[a + 1 : b + 1]]) for a, b in itertools.pairwise(ends)]


def filled_in_memory(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """`(z, y, x)` sample with its closed pores, in one piece."""
    return next(filled_rows(mask, rows=max(mask.shape[0], 1)))[2]
