"""Three orthogonal slices of a result through where its material is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap

_ENOUGH_AREA = 0.9
"""Share of the largest cross section that makes a slice worth showing."""

PLANES = (("x", "y", "z"), ("x", "z", "y"), ("y", "z", "x"))
"""Of each plane: the axis to the right, the axis downwards, the axis it is cut at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePosition:
    """Index at which each axis is cut."""

    z: int
    y: int
    x: int

    @property
    def cuts(self) -> tuple[tuple[int | slice, ...], ...]:
        """Index expressions of the planes of `PLANES`: (y, x) at z, (z, x) at y, (z, y) at x."""
        everything = slice(None)
        return (
            (self.z, everything, everything),
            (everything, self.y, everything),
            (everything, everything, self.x),
        )


def slice_position(result: PhaseMap) -> SlicePosition | None:
    """Position of three slices that show the sample.

    Of the slices across each axis whose area inside the mask is at least 90 % of the largest, the one nearest
    to the centre of mass: the middle of a single particle, and never the gap between two.

    Returns
    -------
    SlicePosition or None
        None where the mask is empty.
    """
    levels = result.levels("mask")
    coarse = np.asarray(levels[-1][:]) > 0
    if not coarse.any():
        return None
    step = 2 ** (len(levels) - 1)
    z, y, x = (_best_index(_area(coarse, axis)) * step for axis in range(3))
    return SlicePosition(z=z, y=y, x=x)


def _area(mask: NDArray[np.bool_], axis: int) -> NDArray[np.intp]:
    others = tuple(other for other in range(3) if other != axis)
    area: NDArray[np.intp] = mask.sum(axis=others)
    return area


def _best_index(area: NDArray[np.intp]) -> int:
    index = np.arange(area.size)
    centre = (index * area).sum() / area.sum()
    candidates = index[area >= _ENOUGH_AREA * area.max()]
    return int(candidates[np.argmin(np.abs(candidates - centre))])


def cut(result: PhaseMap, name: str, position: SlicePosition) -> list[NDArray[Any]]:
    """Read the three planes of a layer.

    Parameters
    ----------
    result
        A finished result.
    name
        Name of the layer.
    position
        Where to cut.

    Returns
    -------
    list of ndarray
        (..., row, column) for each of `PLANES`.
    """
    array = result.levels(name)[0]
    return [np.asarray(array[(..., *expression)]) for expression in position.cuts]
