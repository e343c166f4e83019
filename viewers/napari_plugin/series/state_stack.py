"""Arrays of several results as one array with an axis more, of which only what is asked for is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.viewers.napari_plugin.layers.guarded_array import Stored


class StateStack:
    """Arrays of one shape and type, stacked along a new axis.

    Parameters
    ----------
    arrays
        What is stacked.
    axis
        Place of the new axis.
    """

    def __init__(self, arrays: Sequence[Stored], *, axis: int) -> None:
        self._arrays = tuple(arrays)
        self._axis = axis

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along each axis."""
        one = self._arrays[0].shape
        return (*one[: self._axis], len(self._arrays), *one[self._axis :])

    @property
    def dtype(self) -> Any:
        """Type of its values."""
        return self._arrays[0].dtype

    def __getitem__(self, index: Any) -> NDArray[Any]:
        parts = self._full(index)
        chosen, others = parts[self._axis], (*parts[: self._axis], *parts[self._axis + 1 :])
        if isinstance(chosen, int | np.integer):
            return np.asarray(self._arrays[chosen][others])
        numbers = np.arange(len(self._arrays))[chosen]
        place = sum(not isinstance(part, int | np.integer) for part in parts[: self._axis])
        if not numbers.size:
            return np.stack([np.asarray(self._arrays[0][others])], axis=place).take([], axis=place)
        return np.stack([np.asarray(self._arrays[number][others]) for number in numbers], axis=place)

    def _full(self, index: Any) -> tuple[Any, ...]:
        """Index with one entry for each axis."""
        parts = index if isinstance(index, tuple) else (index,)
        missing = len(self.shape) - len(parts)
        if not any(part is Ellipsis for part in parts):
            return (*parts, *[slice(None)] * missing)
        gap = next(place for place, part in enumerate(parts) if part is Ellipsis)
        return (*parts[:gap], *[slice(None)] * (missing + 1), *parts[gap + 1 :])
