"""The maps around each particle, read from a result in windows of rows, so that every row is read about once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.particle_measures import MARGIN_PX, Crop
from xanesmap.phasemap.morphology.two_phase import Maps
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.box_reader import Box
from xanesmap.phasemap.storage.row_blocks import Rows

Arrays = Mapping[str, tuple[Rows, tuple[int, ...]]]
"""Arrays by name, each with its index before (z, y, x)."""

WINDOW_VOXELS = 24_000_000
"""Voxels of a window: some forty bytes are held of each."""


def widened(boxes: Sequence[Box], shape: tuple[int, ...]) -> list[Box]:
    """Boxes with `MARGIN_PX` voxels around them, as far as the volume goes."""
    return [_widened(box, shape) for box in boxes]


def _widened(box: Box, shape: tuple[int, ...]) -> Box:
    z, y, x = (slice(max(0, s.start - MARGIN_PX), min(n, s.stop + MARGIN_PX)) for s, n in zip(box, shape, strict=True))
    return z, y, x


def map_rows(
    result: PhaseMap, core: int, *, numbers: Rows, pores: Rows, labels: Rows
) -> dict[str, tuple[Rows, tuple[int, ...]]]:
    """Arrays that crops are cut from, each with its index before (z, y, x).

    Parameters
    ----------
    result
        Where the maps are.
    core
        Number of the core's phase.
    numbers, pores, labels
        `(z, y, x)` particle numbers, pores and phase labels, which are not in the result yet.
    """

    def level(name: str) -> Rows:
        array: Rows = result.levels(name)[0]
        return array

    arrays: dict[str, tuple[Rows, tuple[int, ...]]] = {
        "fraction": (level("fraction"), (core,)),
        "sigma": (result.noise_levels()[0], (core,)),
        "amount": (level("amount"), ()),
        "amount_sigma": (level("amount_sigma"), ()),
        "residual": (level("residual"), ()),
    }
    if core != 0:
        arrays["first"] = (level("fraction"), (0,))
    if result.has("amount_around"):
        arrays["around"] = (level("amount_around"), ())
    return arrays | {"numbers": (numbers, ()), "pores": (pores, ()), "labels": (labels, ())}


class _Window:
    """Some rows of all arrays; rows that the next window has too are not read again."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._held: dict[str, NDArray[Any]] = {}
        self._start = self._stop = 0

    def move(self, start: int, stop: int) -> None:
        """Hold the rows from `start` to before `stop`; windows only move on."""
        kept = max(self._stop, start)
        for name, (array, leading) in self._arrays.items():
            read = np.asarray(array[(*leading, slice(kept, stop))])
            if kept > start:
                read = np.concatenate([self._held[name][start - self._start :], read])
            self._held[name] = read
        self._start, self._stop = start, stop

    def cut(self, box: Box) -> dict[str, NDArray[Any]]:
        """Views of a box that lies within the window."""
        rows = slice(box[0].start - self._start, box[0].stop - self._start)
        return {name: held[rows, box[1], box[2]] for name, held in self._held.items()}


def batches(boxes: Sequence[Box], *, rows: int) -> Iterator[tuple[int, int, list[int]]]:
    """Windows of at most so many rows, and the indices of the boxes that are taken from each, every box once.

    No box has more rows than that.
    """
    left = sorted(range(len(boxes)), key=lambda i: (boxes[i][0].start, boxes[i][0].stop, i))
    while left:
        start = boxes[left[0]][0].start
        stop = start + rows
        chosen = [i for i in left if boxes[i][0].stop <= stop]
        # the largest first, so that threads end together
        yield start, max(boxes[i][0].stop for i in chosen), sorted(chosen)
        left = [i for i in left if boxes[i][0].stop > stop]


def box_batches(
    arrays: Arrays, boxes: Sequence[Box], *, window_voxels: int | None = None
) -> Iterator[list[tuple[int, dict[str, NDArray[Any]]]]]:
    """Maps in boxes, some boxes at a time; they are views that hold until the next.

    Parameters
    ----------
    arrays
        As of `map_rows`; `numbers` is one of them.
    boxes
        Of the volume.
    window_voxels
        Voxels held at a time, unless a single box has more; `WINDOW_VOXELS` when not given. Boxes with more rows than
        a window of whole slices are read one by one.

    Yields
    ------
    Index of the box, and its maps by name, of some boxes.
    """
    if not boxes:
        return
    most = window_voxels or WINDOW_VOXELS
    rows = most // int(np.prod(arrays["numbers"][0].shape[1:]))
    low = [i for i, box in enumerate(boxes) if box[0].stop - box[0].start <= rows]
    window = _Window(arrays)
    for start, stop, chosen in batches([boxes[i] for i in low], rows=rows):
        window.move(start, stop)
        yield [(low[i], window.cut(boxes[low[i]])) for i in chosen]
    held: list[tuple[int, dict[str, NDArray[Any]]]] = []
    for i in sorted(set(range(len(boxes))) - set(low)):
        maps = {name: np.asarray(array[(*leading, *boxes[i])]) for name, (array, leading) in arrays.items()}
        held.append((i, maps))
        if sum(one["numbers"].size for _, one in held) >= most:
            yield held
            held = []
    if held:
        yield held


def crop_batches(arrays: Arrays, boxes: Sequence[Box], *, window_voxels: int | None = None) -> Iterator[list[Crop]]:
    """Maps around every particle, some at a time, as `box_batches`.

    Parameters
    ----------
    arrays
        From `map_rows`.
    boxes
        Box of particle 1, 2, ... with its margin.
    window_voxels
        Voxels held at a time.
    """
    for found in box_batches(arrays, boxes, window_voxels=window_voxels):
        yield [_crop(maps, i + 1, boxes[i]) for i, maps in found]


def known_amount(maps: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """`(z, y, x)` edge step, also around the particles where a result keeps it."""
    amount = maps["amount"]
    return np.where(np.isfinite(amount), amount, maps["around"]) if "around" in maps else amount


def _crop(maps: Mapping[str, NDArray[Any]], number: int, box: Box) -> Crop:
    return Crop(
        number=number,
        origin=(box[0].start, box[1].start, box[2].start),
        numbers=maps["numbers"],
        pores=maps["pores"] == number,
        labels=maps["labels"],
        maps=Maps(fraction=maps["fraction"], sigma=maps["sigma"], residual=maps["residual"]),
        first_fraction=maps.get("first", maps["fraction"]),
        amount=known_amount(maps),
        amount_sigma=maps["amount_sigma"],
    )
