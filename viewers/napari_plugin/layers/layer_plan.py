"""What a viewer shows of a result: layers with their scales, colours and limits, decided without napari."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.layers import EDITED_LAYERS, PER_LENGTH
from xanesmap.viewers.colours import formula_text, fraction_map, phase_colours
from xanesmap.viewers.napari_plugin.layers.added_layers import added_images, added_labels
from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray, Part, Stored, Tell
from xanesmap.viewers.napari_plugin.layers.planned_layer import LENGTH_UNIT, RAMP, Levels, PlannedLayer, value_limits
from xanesmap.viewers.napari_plugin.layers.surface_layers import planned_surfaces

LARGEST_TEXTURE = 2048
"""Voxels along one axis that a graphics card is sure to draw in 3-D."""

MU = "mu"
PHASE = "phase"
PARTICLE = "particle"

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def planned_layers(result: PhaseMap, *, tell: Tell = lambda sentence: None) -> list[PlannedLayer]:
    """Layers of a result from the lowest to the topmost; nothing but colour limits is read.

    Parameters
    ----------
    result
        An opened result.
    tell
        Called with a sentence when a part of a layer turns out to be unreadable, from whatever thread reads.

    Returns
    -------
    list of PlannedLayer
        What commands have added, attenuation and maps, hidden; on top the phase labels, shown.
    """
    return [*later_layers(result, tell=tell), *first_layers(result, tell=tell)]


def later_layers(result: PhaseMap, *, tell: Tell = lambda sentence: None) -> Iterator[PlannedLayer]:
    """Those of `planned_layers` that can wait until the others are shown: the lowest, and often the most."""
    yield from added_images(result, partial(_lazy_levels, result, tell=tell))


def first_layers(result: PhaseMap, *, tell: Tell = lambda sentence: None) -> list[PlannedLayer]:
    """All others of `planned_layers`."""
    layers = partial(_lazy_levels, result, tell=tell)
    return [
        *_maps(result, layers),
        *_fractions(result, layers),
        *planned_surfaces(result),
        *added_labels(result, layers),
        *_edited(result, layers),
        *_labels(result, layers),
    ]


def _maps(result: PhaseMap, layers: Levels) -> Iterator[PlannedLayer]:
    if result.mu is not None:
        yield _attenuation(result, layers)
    per_length = f" ({LENGTH_UNIT})" if result.attenuation_unit == PER_LENGTH else ""
    titles = {
        "amount": f"amount{per_length}",
        "amount_sigma": f"sigma of amount{per_length}",
        "residual": "R-factor of the fit",
        "chi_square": "chi-square of the fit",
    }
    for name, title in titles.items():
        if getattr(result, name) is not None:
            yield _map(result, name, title, layers(name), "gray" if name == "amount" else "magma")


def _attenuation(result: PhaseMap, layers: Levels) -> PlannedLayer:
    levels = layers("mu")
    per_length = result.attenuation_unit == PER_LENGTH
    return PlannedLayer(
        name=MU,
        title=f"attenuation ({LENGTH_UNIT})" if per_length else "optical depth",
        kind="image",
        data=levels,
        scale=(1.0, *(result.pixel_size_um,) * 3),
        axes=("energy", "z", "y", "x"),
        units=("pixel", "um", "um", "um"),
        limits=max(value_limits(levels[-1], energy) for energy in _telling_energies(result)),
        ramp="gray",
    )


def _telling_energies(result: PhaseMap) -> list[int]:
    """Indices of energies among which one is nearly the brightest: where the phases absorb most, and a few more."""
    n = result.energies_ev.size
    phases = np.asarray(result.attributes.get("fit", {}).get("design", []), dtype=np.float64)
    known = [int(phases[:, : len(result.phases)].max(axis=1).argmax())] if phases.shape[:1] == (n,) else []
    return sorted({0, n // 3, n // 2, 2 * n // 3, n - 1, *known})


def _map(
    result: PhaseMap, name: str, title: str, levels: list[GuardedArray], ramp: NDArray[np.float64] | str
) -> PlannedLayer:
    """A map of one number a voxel; one whose colours are given by an array is a fraction, from 0 to 1."""
    limits = (0.0, 1.0) if not isinstance(ramp, str) else value_limits(levels[-1])
    scale = (result.pixel_size_um,) * 3
    return PlannedLayer(name=name, title=title, kind="image", data=levels, scale=scale, limits=limits, ramp=ramp)


def _fractions(result: PhaseMap, layers: Levels) -> Iterator[PlannedLayer]:
    for index, phase in enumerate(result.phases):
        levels = layers("fraction_sigma", index)
        yield _map(result, f"sigma {phase}", f"sigma of fraction {phase}", levels, "magma")
        colours = np.asarray(fraction_map(result.phases, index)(RAMP))
        levels = layers("fraction", index)
        yield _map(result, f"fraction {phase}", f"fraction {phase}", levels, colours)


def _labels(result: PhaseMap, layers: Levels) -> Iterator[PlannedLayer]:
    um = (result.pixel_size_um,) * 3
    if result.particle_labels is not None:
        table = read_table(result, "particles")
        features = {"index": [0, *range(1, 1 + len(next(iter(table.values()))))], **_under_zero(table)} if table else {}
        levels = _editable(layers("particle_labels"))
        yield PlannedLayer(name=PARTICLE, title=PARTICLE, kind="labels", data=levels, scale=um, features=features)
    yield PlannedLayer(
        name=PHASE,
        title=PHASE,
        kind="labels",
        data=_editable(layers("phase_labels")),
        scale=um,
        visible=True,
        label_colours=label_colouring(result.phases),
        features=_phase_names(result),
    )


def _edited(result: PhaseMap, layers: Levels) -> Iterator[PlannedLayer]:
    """Labels that were edited by hand, as they are stored."""
    for found, name in EDITED_LAYERS.items():
        if result.has(name):
            yield edited_layer(result, found, layers(name))


def edited_layer(result: PhaseMap, found: str, levels: list[Any]) -> PlannedLayer:
    """Layer of labels edited by hand.

    Parameters
    ----------
    result
        An opened result.
    found
        ``phase_labels`` or ``particle_labels``.
    levels
        Of the edited labels.
    """
    is_phase = found == "phase_labels"
    return PlannedLayer(
        name=EDITED_LAYERS[found],
        title=f"{PHASE if is_phase else PARTICLE}, edited",
        kind="labels",
        data=levels,
        scale=(result.pixel_size_um,) * 3,
        label_colours=label_colouring(result.phases) if is_phase else {},
        features=_phase_names(result) if is_phase else {},
        comparable=is_phase,
    )


def _phase_names(result: PhaseMap) -> dict[str, list[Any]]:
    return {"index": [0, *range(1, 1 + len(result.label_names))], "phase": ["outside", *result.label_names]}


def _editable(levels: list[GuardedArray]) -> list[Any]:
    """Labels without a pyramid in memory, a copy which a user may paint on; those with one stay on disk."""
    return [np.array(levels[0])] if len(levels) == 1 else list(levels)


def label_colouring(phases: tuple[str, ...]) -> dict[int | None, tuple[float, ...]]:
    """Red, green, blue, opacity (0 to 1) of each phase label; 0 and None (any other) transparent."""
    clear = (0.0, 0.0, 0.0, 0.0)
    colours: dict[int | None, tuple[float, ...]] = {None: clear, 0: clear}
    for value, rgb in enumerate(phase_colours(phases), start=1):
        colours[value] = (*map(float, rgb), 1.0)
    return colours


def _lazy_levels(result: PhaseMap, name: str, phase: int | None = None, *, tell: Tell) -> list[GuardedArray]:
    """Levels of a layer, or of one of its phases.

    napari cuts them itself: Dask would read the same chunks, and napari would let it keep gigabytes of them.
    """
    levels: list[Stored] = list(result.levels(name))
    if phase is not None:
        levels = [Part(level, phase) for level in levels]
    return [GuardedArray(level, name=f"{name} of result '{result.path}'", tell=tell) for level in levels]


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


def level_in_3d(shapes: list[tuple[int, ...]], itemsize: int, *, budget: int) -> int:
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


def subscripted(name: str) -> str:
    """Name with the numbers of a chemical formula as subscripts."""
    return re.sub(r"\$_\{([\d.]+)\}\$", lambda found: found[1].translate(_SUBSCRIPTS), formula_text(name))
