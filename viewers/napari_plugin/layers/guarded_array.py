"""Arrays on disk that a viewer may slice without fear: what cannot be read is blank, and told once."""

from __future__ import annotations

import copy
import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Tell = Callable[[str], object]


class Stored(Protocol):
    """What is asked of an array on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along each axis."""

    @property
    def dtype(self) -> Any:
        """Type of its values."""

    def __getitem__(self, index: Any) -> Any:
        """Read a part."""


class GuardedArray:
    """An array on disk whose damage shows as blank parts: NaN, or 0 of integers.

    A chunk may be damaged or taken away long after its result was opened, and a viewer reads it when a slider moves.
    The first failure is told in a sentence; later ones only go to the log, since every slice would bring one.

    Cut by slices alone it stays on disk, as a part of the array: napari cuts the tile of a pyramid from all energies
    before it takes one of them. A number among the indices reads.

    Parameters
    ----------
    stored
        The array.
    name
        What it is, for the sentence: file and dataset.
    tell
        Called with the sentence, from whatever thread reads.
    """

    def __init__(self, stored: Stored, *, name: str, tell: Tell) -> None:
        self._stored = stored
        self._damage = _Damage(name, tell)
        self._window = tuple(range(n) for n in stored.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along each axis."""
        return tuple(map(len, self._window))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        dtype: np.dtype[Any] = np.dtype(self._stored.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._window)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Cut a part, or read it where a number or an array is among the indices."""
        parts = _for_every_axis(index, self.ndim)
        if all(isinstance(part, slice) for part in parts):
            cut = copy.copy(self)
            cut._window = tuple(steps[part] for steps, part in zip(self._window, parts, strict=True))  # noqa: SLF001
            return cut
        return self._read([_place(steps, part) for steps, part in zip(self._window, parts, strict=True)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # what is read is always new
        return self._read([_place(steps, slice(None)) for steps in self._window]).astype(
            dtype or self.dtype, copy=False
        )

    def _read(self, index: Sequence[Any]) -> NDArray[Any]:
        try:
            return np.asarray(self._stored[tuple(index)])
        except Exception as error:  # libraries of files raise what they like, and a viewer has to live on
            self._damage.report(error)
            value = np.nan if np.issubdtype(self.dtype, np.floating) else 0
            nothing = np.broadcast_to(np.array(value, self.dtype), self._stored.shape)  # takes no memory
            return np.array(nothing[tuple(index)])


class _Damage:
    """What could not be read, told once."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name, self._tell = name, tell
        self._told = False
        self._lock = threading.Lock()

    def report(self, error: Exception) -> None:
        logger.warning("%s cannot be read: %s", self._name, error)
        with self._lock:
            first, self._told = not self._told, True
        if first:
            self._tell(f"{self._name}: some of it cannot be read and is left blank ({error}). Restore it from a copy.")


def _for_every_axis(index: Any, ndim: int) -> list[Any]:
    parts = list(index) if isinstance(index, tuple) else [index]
    dots = next((place for place, part in enumerate(parts) if part is Ellipsis), len(parts))
    before, after = parts[:dots], parts[dots + 1 :]
    return [*before, *[slice(None)] * (ndim - len(before) - len(after)), *after]


def _place(steps: range, part: Any) -> Any:
    """Index into the whole array of an index into its part."""
    if isinstance(part, slice):
        cut = steps[part]
        return slice(cut.start, cut.stop if cut.stop >= 0 else None, cut.step)
    if np.ndim(part) == 0:
        return steps[int(part)]
    return np.asarray(steps)[part]


class Part:
    """One entry along the first axis of an array on disk, such as the map of one phase.

    Parameters
    ----------
    whole
        The array.
    index
        Of the entry.
    """

    def __init__(self, whole: Stored, index: int) -> None:
        self._whole, self._index = whole, index

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along the other axes."""
        return self._whole.shape[1:]

    @property
    def dtype(self) -> Any:
        """Type of its values."""
        return self._whole.dtype

    def __getitem__(self, index: Any) -> Any:
        """Read a part of the part."""
        return self._whole[(self._index, *(index if isinstance(index, tuple) else (index,)))]
