"""What a viewer shows of a result: layers with their scales, colours and limits, decided without napari."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import dask.array as da
import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.colours import fraction_map, phase_colours

LARGEST_TEXTURE = 2048
"""Voxels along one axis that a graphics card is sure to draw in 3-D."""
VOLUME_BYTES = 512 * 2**20
"""Bytes of one layer shown in 3-D; above it a coarser level is shown."""

MU = "mu"
PHASE = "phase"
PARTICLE = "particle"

_UPPER_PERCENTILE = 99.95
_RAMP = np.linspace(0, 1, 256)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedLayer:
    """One layer of a session."""

    name: str
    kind: Literal["image", "labels", "surface"]
    data: Any
    """Levels, finest first, each a lazy array (z, y, x), or (energy, z, y, x) for mu; of a surface (vertices, faces,
    values)."""
    scale: tuple[float, ...]
    """Extent of a voxel along each axis, um; 1 along energy."""
    axes: tuple[str, ...] = ("z", "y", "x")
    units: tuple[str, ...] = ("um", "um", "um")
    visible: bool = False
    limits: tuple[float, float] | None = None
    """Values at the ends of the colours."""
    ramp: NDArray[np.float64] | str | None = None
    """(step, 4) colours from 0 to 1, or the name of a colour map."""
    label_colours: dict[int | None, tuple[float, ...]] = field(default_factory=dict)
    features: dict[str, list[Any]] = field(default_factory=dict)
    """Columns of a table whose column ``index`` is the label; shown where the cursor is."""


def planned_layers(result: PhaseMap) -> list[PlannedLayer]:
    """Layers of a result from the lowest to the topmost; nothing but colour limits is read.

    Parameters
    ----------
    result
        An opened result.

    Returns
    -------
    list of PlannedLayer
        Attenuation and maps, hidden; on top the phase labels, shown.
    """
    return [*_maps(result), *_fractions(result), *_surfaces(result), *_labels(result)]


def _maps(result: PhaseMap) -> Iterator[PlannedLayer]:
    um = (result.pixel_size_um,) * 3
    if result.mu is not None:
        levels = _lazy_levels(result, "mu")
        bright = levels[-1][-1]
        axes, units = ("energy", "z", "y", "x"), ("pixel", "um", "um", "um")
        shown: dict[str, Any] = {"limits": _limits(bright), "ramp": "gray", "axes": axes, "units": units}
        yield PlannedLayer(name=MU, kind="image", data=levels, scale=(1.0, *um), **shown)
    for name, ramp in (("amount", "gray"), ("amount_sigma", "magma"), ("residual", "magma"), ("chi_square", "magma")):
        if getattr(result, name) is not None:
            levels = _lazy_levels(result, name)
            limits = _limits(levels[-1])
            yield PlannedLayer(name=name, kind="image", data=levels, scale=um, limits=limits, ramp=ramp)


def _fractions(result: PhaseMap) -> Iterator[PlannedLayer]:
    um = (result.pixel_size_um,) * 3
    fractions, sigmas = _lazy_levels(result, "fraction"), _lazy_levels(result, "fraction_sigma")
    for index, phase in enumerate(result.phases):
        levels = [level[index] for level in sigmas]
        limits = _limits(levels[-1])
        yield PlannedLayer(name=f"sigma {phase}", kind="image", data=levels, scale=um, limits=limits, ramp="magma")
        colours = fraction_map(result.phases, index)(_RAMP)
        levels = [level[index] for level in fractions]
        yield PlannedLayer(
            name=f"fraction {phase}", kind="image", data=levels, scale=um, limits=(0.0, 1.0), ramp=colours
        )


def _labels(result: PhaseMap) -> Iterator[PlannedLayer]:
    um = (result.pixel_size_um,) * 3
    if result.particle_labels is not None:
        table = read_table(result, "particles")
        features = {"index": [0, *range(1, 1 + len(next(iter(table.values()))))], **_under_zero(table)} if table else {}
        levels = _lazy_levels(result, "particle_labels")
        yield PlannedLayer(name=PARTICLE, kind="labels", data=levels, scale=um, features=features)
    yield PlannedLayer(
        name=PHASE,
        kind="labels",
        data=_lazy_levels(result, "phase_labels"),
        scale=um,
        visible=True,
        label_colours=label_colouring(result.phases),
        features={"index": [0, *range(1, 1 + len(result.label_names))], "phase": ["outside", *result.label_names]},
    )


def label_colouring(phases: tuple[str, ...]) -> dict[int | None, tuple[float, ...]]:
    """Red, green, blue, opacity (0 to 1) of each phase label; 0 and None (any other) transparent."""
    clear = (0.0, 0.0, 0.0, 0.0)
    colours: dict[int | None, tuple[float, ...]] = {None: clear, 0: clear}
    for value, rgb in enumerate(phase_colours(phases), start=1):
        colours[value] = (*map(float, rgb), 1.0)
    return colours


def _surfaces(result: PhaseMap) -> Iterator[PlannedLayer]:
    for name, values, ramp in (("particle", "shell_thickness", "viridis"), ("front", "mean_curvature", "turbo")):
        folder = result.path / "surfaces" / name
        if not (folder / values).is_dir():
            continue
        parts = {key: np.asarray(zarr.open_array(folder / key, mode="r")) for key in ("vertices", "faces", values)}
        if not len(parts["faces"]):
            continue
        coloured = np.nan_to_num(parts[values].astype(np.float32))
        low, high = np.percentile(coloured, [2, 98]) if values == "mean_curvature" else (0.0, coloured.max())
        yield PlannedLayer(
            name=f"{name} surface, {values.replace('_', ' ')}",
            kind="surface",
            data=(parts["vertices"], parts["faces"], coloured),
            scale=(1.0, 1.0, 1.0),
            limits=(float(low), float(max(high, low + 1e-9))),
            ramp=ramp,
        )


def _lazy_levels(result: PhaseMap, name: str) -> list[da.Array]:
    from_array: Callable[..., da.Array] = da.from_array  # Dask's own annotation is incomplete
    return [from_array(level, chunks=level.chunks, name=False, inline_array=True) for level in result.levels(name)]


def _limits(level: da.Array) -> tuple[float, float]:
    """From 0 to nearly the largest value in the middle slice of a level."""
    values = np.asarray(level[level.shape[0] // 2])
    values = values[np.isfinite(values)]
    high = float(np.percentile(values, _UPPER_PERCENTILE)) if values.size else 1.0
    return 0.0, high if high > 0 else 1.0


def read_table(result: PhaseMap, name: str) -> dict[str, list[str]]:
    """Columns of a stored table by their titles; empty where the result has no such table."""
    path = result.path / "tables" / f"{name}.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    return {title: [row[column] for row in rows] for column, title in enumerate(header)} if rows else {}


def _under_zero(table: dict[str, list[str]]) -> dict[str, list[Any]]:
    """Columns with an empty first row, for label 0."""
    return {title: ["", *column] for title, column in table.items() if title != "index"}


def level_in_3d(shapes: list[tuple[int, ...]], itemsize: int, *, budget: int = VOLUME_BYTES) -> int:
    """Finest level of a pyramid that can be drawn in 3-D; the coarsest where none can.

    Parameters
    ----------
    shapes
        (..., z, y, x) of every level, finest first.
    itemsize
        Bytes of a voxel.
    budget
        Bytes one volume may take.
    """
    for level, shape in enumerate(shapes):
        volume = shape[-3:]
        if max(volume) <= LARGEST_TEXTURE and int(np.prod(volume)) * itemsize <= budget:
            return level
    return len(shapes) - 1


def energy_text(energies_ev: NDArray[np.float64], index: int) -> str:
    """Photon energy of a step of the slider, in words."""
    index = min(max(index, 0), energies_ev.size - 1)
    return f"{energies_ev[index]:.2f} eV ({index + 1} of {energies_ev.size})"
