"""One layer that a viewer shows of a result, decided without napari, and the values at the ends of its colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray

LENGTH_UNIT = "1/µm"
"""Unit of attenuation as a window writes it."""

Levels = Callable[..., list[GuardedArray]]
"""Lazy levels of a layer by its name, or by that and the number of its first axis, such as a phase."""

Limits = tuple[float, float]
Meaning = Literal["amount", "position", "signed"]
"""What the values of a map are: amounts from 0, places on a scale without a zero, or deviations on both sides of 0."""

RAMP = np.linspace(0, 1, 256)
"""Steps of a colour map."""

_UPPER_PERCENTILE = 99.95
_INNER_PERCENTILES = (1.0, 99.0)
_LEAST_SIGNED = 3.0  # standard deviations of noise: below, colours would show nothing but noise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedLayer:
    """One layer of a session."""

    name: str
    """Which layer it is."""
    title: str
    """What it is called in the window, with its unit."""
    kind: Literal["image", "labels", "surface"]
    data: Any
    """Levels, finest first, each a lazy array (z, y, x), or (energy, z, y, x) for mu; of a surface (vertices, faces,
    values)."""
    scale: tuple[float, ...]
    """Extent of a voxel along each axis, um; 1 along energy."""
    axes: tuple[str, ...] = ("z", "y", "x")
    units: tuple[str, ...] = ("um", "um", "um")
    visible: bool = False
    limits: Limits | None = None
    """Values at the ends of the colours."""
    ramp: NDArray[np.float64] | str | None = None
    """(step, 4) colours from 0 to 1, or the name of a colour map."""
    label_colours: dict[int | None, tuple[float, ...]] = field(default_factory=dict)
    features: dict[str, list[Any]] = field(default_factory=dict)
    """Columns of a table whose column ``index`` is the label; shown where the cursor is."""
    comparable: bool = True
    """Whether the same numbers in another result mean the same."""


def value_limits(level: GuardedArray, *leading: int, meaning: Meaning = "amount") -> Limits:
    """Values at the ends of the colours, from the middle slice of a level; from all of it where that slice is empty.

    Parameters
    ----------
    level
        The coarsest level, `(..., z, y, x)`.
    *leading
        Index of the axes before z; of amounts only.
    meaning
        Of the values.
    """
    values = _finite(level[(*leading, level.shape[-3] // 2)])
    if meaning != "amount" and not values.size:
        values = _finite(np.asarray(level))
    if not values.size:
        return 0.0, 1.0
    if meaning == "amount":
        high = float(np.percentile(values, _UPPER_PERCENTILE))
        return 0.0, high if high > 0 else 1.0
    if meaning == "signed":
        end = _rounded_up(max(float(np.percentile(np.abs(values), _INNER_PERCENTILES[1])), _LEAST_SIGNED))
        return -end, end
    low, high = map(float, np.percentile(values, _INNER_PERCENTILES))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _rounded_up(value: float) -> float:
    """To one digit, so that the ends of a colour bar are told."""
    unit: float = 10.0 ** np.floor(np.log10(value))
    return float(np.ceil(value / unit) * unit)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    finite: NDArray[Any] = values[np.isfinite(values)]
    return finite


def diverging_ramp() -> NDArray[np.float64]:
    """(step, 4) colours from blue through white to red."""
    colours: NDArray[np.float64] = mpl.colormaps["RdBu_r"](RAMP)
    return colours
