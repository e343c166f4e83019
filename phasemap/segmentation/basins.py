"""Basins of the distance to the surface: which peak every voxel of the sample leads up to, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.segmentation.float_smoothing import smoothed
from xanesmap.phasemap.segmentation.particle_kernel import borders, distances, follow_steps, steepest_steps
from xanesmap.phasemap.storage.row_blocks import Rows, row_ranges

FloatArray = NDArray[np.floating[Any]]

_SMOOTHING_PX = 1.0
_REACH = 4  # of the smoothing, voxels
_FAR = 1_000_000
_MARGIN = _REACH + 1  # rows beyond a block in which distances are needed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basins:
    """Basins of a sample, numbered from 1 in the order of their peaks.

    Attributes
    ----------
    number
        `(provisional + 1,)` basin of every number that `find_basins` wrote.
    tops
        `(basin + 1,)` height of the peak, voxels.
    sizes
        `(basin + 1,)` voxels.
    touching
        `(pair, 2)` basins that meet at a face, by falling height of the saddle between them.
    saddles
        `(pair,)` those heights, voxels.
    """

    number: NDArray[np.int64]
    tops: FloatArray
    sizes: NDArray[np.int64]
    touching: NDArray[np.int64]
    saddles: FloatArray


class _Ends:
    """What the blocks so far know of the ends of ways up, by provisional number less one."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.count = 0
        self._open = np.zeros(0, np.int64)  # places in the row after a block where its ways go on
        self.place: list[NDArray[np.int64]] = []
        """Flat index of the voxel."""
        self.top: list[FloatArray] = []
        """Height of a peak; NaN where the way goes on in another block."""
        self.parent: list[NDArray[np.int64]] = []
        """Where the way goes on; itself at a peak."""
        self.size: list[NDArray[np.int64]] = []
        self.pairs: list[NDArray[np.int64]] = []
        self.saddles: list[FloatArray] = []
        self.last_row = np.zeros(shape[1:], np.int32)
        self.last_height = np.zeros(shape[1:], np.float32)

    def add(self, own: NDArray[np.int32], places: NDArray[np.int64], height: FloatArray, *, start: int) -> None:
        """Add a block with its numbers (row, y, x), their ends (end, 3) and the heights (row + 2, y, x)."""
        row, y, x = places.T
        before, after = row < 0, row >= len(own)
        is_peak = ~(before | after)
        numbers = self.count + np.arange(len(places))
        if self.parent:  # ways of the block before that go on in this one
            open_ends = self.parent[-1] < 0
            self.parent[-1][open_ends] = own[0].ravel()[self._open] - 1
        self.parent.append(np.where(before, self.last_row[y, x] - 1, np.where(after, -1, numbers)))
        self._open = (y * self.shape[2] + x)[after]
        self.place.append(((row + start) * self.shape[1] + y) * self.shape[2] + x)
        self.top.append(np.where(is_peak, height[row + 1, y, x], np.nan))
        self.size.append(np.bincount(own[own > 0] - self.count - 1, minlength=len(places)))
        meeting = borders(
            np.concatenate([self.last_row[None], own]), np.concatenate([self.last_height[None], height[1:-1]])
        )
        pairs, saddles = _highest(*meeting)
        self.pairs.append(pairs)
        self.saddles.append(saddles)
        self.last_row, self.last_height = own[-1].copy(), height[-2].copy()
        self.count += len(places)


def find_basins(
    filled: Iterator[tuple[int, int, NDArray[np.bool_]]],
    numbers: Rows,
    *,
    rows: int,
    block_done: Callable[[int, int], None] = lambda done, total: None,
) -> Basins:
    """Number the voxels of a sample by the peak that the steepest way up leads to.

    Parameters
    ----------
    filled
        Blocks of the sample from the last to the first, as of `closed_pores.filled_rows`.
    numbers
        `(z, y, x)` to be written: provisional numbers, which `Basins.number` translates; 0 outside.
    rows
        Rows of a block.
    block_done
        Called with the blocks done and their number.

    Returns
    -------
    The same basins whatever the number of rows.
    """
    n_rows = numbers.shape[0]
    below = _fill(filled, numbers, rows)
    ends = _Ends(numbers.shape)
    ranges = list(row_ranges(n_rows, rows))
    above = _beyond(numbers.shape)
    kept = np.zeros((0, *numbers.shape[1:]), np.bool_)  # rows before this block, whose numbers are already written
    for index, (start, stop) in enumerate(ranges):
        last = min(stop + _MARGIN, n_rows)
        inside = np.concatenate([kept, np.asarray(numbers[start:last]) > 0])
        depth = distances(inside, above, below[index])
        height = _heights(depth, inside, before=len(kept), after=last - stop)
        own, places = follow_steps(steepest_steps(height, height > 0))
        own = np.where(own > 0, own + ends.count, 0).astype(np.int32)
        numbers[start:stop] = own
        ends.add(own, places, height, start=start)
        first_kept = max(0, stop - _MARGIN)
        cut = first_kept - (start - len(kept))
        above = _carried(inside[:cut], above)
        kept = inside[cut : cut + stop - first_kept]
        block_done(index + 1, len(ranges))
    return _joined(ends)


def _fill(filled: Iterator[tuple[int, int, NDArray[np.bool_]]], numbers: Rows, rows: int) -> list[NDArray[np.int32]]:
    """Write 1 into the sample; voxels of it that stand in a row right below what each block looks at."""
    n_rows = numbers.shape[0]
    wanted = [min(stop + _MARGIN, n_rows) for _, stop in row_ranges(n_rows, rows)]
    run = _beyond(numbers.shape)
    found = {n_rows: run}
    for start, stop, inside in filled:
        numbers[start:stop] = inside.astype(np.int32)
        for row in range(stop - 1, start - 1, -1):
            run = np.where(inside[row - start], run + 1, 0).astype(np.int32)
            if row in wanted:
                found[row] = run
    return [found[row] for row in wanted]


def _beyond(shape: tuple[int, ...]) -> NDArray[np.int32]:
    """(y, x) voxels of the sample that count as standing beyond the first and the last row.

    None in a volume. A single slice goes on for ever: its particles are told apart in its plane.
    """
    return np.full(shape[1:], _FAR if shape[0] == 1 else 0, np.int32)


def _carried(inside: NDArray[np.bool_], run: NDArray[np.int32]) -> NDArray[np.int32]:
    """Voxels of the sample that stand in a row at the end of these rows."""
    for row in inside:
        run = np.where(row, run + 1, 0).astype(np.int32)
    return run


def _heights(depth: FloatArray, inside: NDArray[np.bool_], *, before: int, after: int) -> NDArray[np.float32]:
    """Smoothed distance in a block and the row on either side, 0 where there is no row and outside the sample."""
    smooth = np.where(inside, smoothed(depth, sigma_px=_SMOOTHING_PX, truncate=_REACH), 0)
    rows = depth.shape[0] - before - after
    height = np.zeros((rows + 2, *depth.shape[1:]), np.float32)
    first, last = max(before - 1, 0), min(before + rows + 1, depth.shape[0])
    height[first - before + 1 :][: last - first] = smooth[first:last]
    return height


def _highest(pairs: NDArray[np.integer[Any]], saddles: FloatArray) -> tuple[NDArray[Any], FloatArray]:
    """Every pair once, with the highest point of its border."""
    if len(pairs) == 0:
        return np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    keys = pairs[:, 0].astype(np.int64) * (int(pairs.max()) + 1) + pairs[:, 1]
    order = np.lexsort((-saddles, keys))
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return pairs[order[first]], saddles[order[first]]


def _joined(ends: _Ends) -> Basins:
    """Basins of the whole volume from those of its blocks."""
    place, top = np.concatenate(ends.place), np.concatenate(ends.top)
    parent = _followed(np.concatenate(ends.parent))
    peaks = np.flatnonzero(np.isfinite(top))
    peaks = peaks[np.argsort(place[peaks])]
    number = np.zeros(len(place) + 1, np.int64)
    number[peaks + 1] = np.arange(1, len(peaks) + 1)
    number[1:] = number[parent + 1]
    pairs, saddles = np.sort(number[np.concatenate(ends.pairs)], axis=1), np.concatenate(ends.saddles)
    apart = pairs[:, 0] != pairs[:, 1]
    touching, saddles = _highest(pairs[apart], saddles[apart])
    order = np.lexsort((touching[:, 1], touching[:, 0], -saddles))
    sizes = np.bincount(number[1:], np.concatenate(ends.size), minlength=len(peaks) + 1)
    return Basins(
        number=number,
        tops=np.concatenate([[0.0], top[peaks]]),
        sizes=sizes.astype(np.int64),
        touching=np.asarray(touching[order], np.int64),
        saddles=saddles[order].astype(np.float64),
    )


def _followed(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """(end,) the peak that the way from every end leads to in the end."""
    while True:
        further = parent[parent]
        if np.array_equal(further, parent):
            return parent
        parent = further
