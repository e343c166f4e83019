"""Slices of a result for movies: phase labels and a map, at the level of the pyramid that fits into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.colours import OUTSIDE, formula_text, fraction_map

AxisName = Literal["z", "y", "x"]
AXES: tuple[AxisName, ...] = ("z", "y", "x")

STACK_VOXELS = 128 * 2**20
"""Voxels of a level read into memory; larger ones are shown at a coarser level."""

_MARGIN = 0.05  # of the material's extent
_MAPS = {"amount": ("amount (edge step)", "viridis"), "residual": ("residual (R-factor)", "magma")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SliceStack:
    """Slices of a result across one axis, first index first."""

    axis: AxisName
    down: AxisName
    """Axis that rows run along."""
    right: AxisName
    labels: NDArray[np.uint8]
    """(slice, row, column) phase labels."""
    values: NDArray[np.float32]
    """(slice, row, column) of the map shown."""
    title: str
    """What the map is, with its unit."""
    colours: Colormap
    limits: tuple[float, float]
    step_um: float
    first: int
    """First slice that holds material."""
    last: int

    def caption(self, index: int) -> str:
        """Where a slice lies."""
        return f"{self.axis} = {index * self.step_um:.2f} µm"


def map_names(result: PhaseMap) -> tuple[str, ...]:
    """Names of the maps that a movie can show: ``fraction PHASE``, ``sigma PHASE``, ``amount``, ``residual``."""
    fractions = [f"{kind} {phase}" for kind in ("fraction", "sigma") for phase in result.phases]
    return (*fractions, *_MAPS)


def read_stack(
    result: PhaseMap,
    *,
    axis: AxisName = "z",
    layer: str | None = None,
    cropped: bool = True,
    voxels: int = STACK_VOXELS,
) -> SliceStack:
    """Read the slices of a result at the finest level that fits into memory.

    Parameters
    ----------
    result
        An opened result.
    axis
        Across which slices lie.
    layer
        One of `map_names`; the fraction of the first phase when not given.
    cropped
        Whether what lies around the material is left out.
    voxels
        Most voxels of a level.

    Raises
    ------
    DataError
        No such axis or map, or nothing but air.
    """
    if axis not in AXES:
        message = f"axis '{axis}' has no slices; give z, y or x."
        raise DataError(message)
    level = _level(result, voxels)
    number = AXES.index(axis)
    labels = np.moveaxis(np.asarray(result.levels("phase_labels")[level]), number, 0)
    filled = np.flatnonzero(labels.any(axis=(1, 2)))
    if not filled.size:
        message = f"the mask of result '{result.path}' is empty: there is nothing to show in a movie."
        raise DataError(message)
    values, title, colours = _read_map(result, layer or f"fraction {result.phases[0]}", level)
    values = np.moveaxis(values, number, 0)
    if cropped:
        crop = (slice(None), *(_extent(labels, across) for across in (1, 2)))
        labels, values = labels[crop], values[crop]
    down, right = (name for name in AXES if name != axis)
    return SliceStack(
        axis=axis,
        down=down,
        right=right,
        labels=labels,
        values=values,
        title=title,
        colours=colours,
        limits=(0.0, 1.0) if title.startswith("fraction") else _limits(values),
        step_um=result.pixel_size_um * 2**level,
        first=int(filled[0]),
        last=int(filled[-1]),
    )


def _extent(labels: NDArray[np.uint8], across: int) -> slice:
    """Where there is material along rows (1) or columns (2), with a margin."""
    filled = np.flatnonzero(labels.any(axis=(0, 3 - across)))
    margin = max(2, round(_MARGIN * (filled[-1] - filled[0])))
    return slice(max(0, int(filled[0]) - margin), int(filled[-1]) + margin + 1)


def _level(result: PhaseMap, voxels: int) -> int:
    sizes = [int(np.prod(level.shape)) for level in result.levels("phase_labels")]
    return next((level for level, size in enumerate(sizes) if size <= voxels), len(sizes) - 1)


def _read_map(result: PhaseMap, name: str, level: int) -> tuple[NDArray[np.float32], str, Colormap]:
    if name not in map_names(result):
        message = f"layer '{name}' is not in result '{result.path}'; there are {', '.join(map_names(result))}."
        raise DataError(message)
    if name in _MAPS:
        title, ramp = _MAPS[name]
        if name == "amount" and result.attenuation_unit != "1":
            title = f"amount (edge step, {result.attenuation_unit.replace('um', 'µm')})"
        return np.asarray(result.levels(name)[level]), title, _sequential(ramp)
    kind, _, phase = name.partition(" ")
    index = result.phases.index(phase)
    stored = result.levels("fraction" if kind == "fraction" else "fraction_sigma")[level]
    colours = fraction_map(result.phases, index) if kind == "fraction" else _sequential("magma")
    words = "fraction" if kind == "fraction" else "σ of the fraction"
    return np.asarray(stored[index]), f"{words} {formula_text(phase)}", colours


def _sequential(name: str) -> Colormap:
    return mpl.colormaps[name].with_extremes(bad=OUTSIDE)


def _limits(values: NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    high = float(np.quantile(finite, 0.999)) if finite.size else 1.0
    return 0.0, high if high > 0 else 1.0
