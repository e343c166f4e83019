"""Arrays on disk that a viewer may slice without fear: what cannot be read is blank, and told once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
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
        self._name = name
        self._tell = tell
        self._told = False
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along each axis."""
        return self._stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        dtype: np.dtype[Any] = np.dtype(self._stored.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        try:
            return np.asarray(self._stored[index])
        except Exception as error:  # libraries of files raise what they like, and a viewer has to live on
            self._report(error)
            return self._blank(index)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # what is read is always new
        return self[...].astype(dtype or self.dtype, copy=False)

    def _blank(self, index: Any) -> NDArray[Any]:
        """What the index gives of an array that takes no memory."""
        value = np.nan if np.issubdtype(self.dtype, np.floating) else 0
        return np.array(np.broadcast_to(np.array(value, self.dtype), self.shape)[index])

    def _report(self, error: Exception) -> None:
        logger.warning("%s cannot be read: %s", self._name, error)
        with self._lock:
            first, self._told = not self._told, True
        if first:
            self._tell(
                f"{self._name}: some of it cannot be read and is left blank ({error}). Restore the file from a copy."
            )


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
