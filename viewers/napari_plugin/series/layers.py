"""What a viewer shows of a series: the layers of its results stacked along the charge state, decided without napari."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xanesmap.phasemap.series import Series
from xanesmap.viewers.napari_plugin.axis_steps import AxisSteps, energy_steps
from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray, Tell
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE, planned_layers
from xanesmap.viewers.napari_plugin.layers.planned_layer import PlannedLayer
from xanesmap.viewers.napari_plugin.series.state_stack import StateStack

STATE = "charge state"
"""Name of the axis."""

_SAME_ENERGY_EV = 0.01


def series_layers(series: Series, *, tell: Tell = lambda sentence: None) -> list[PlannedLayer]:
    """Layers of a series from the lowest to the topmost; nothing but colour limits is read.

    Parameters
    ----------
    series
        An opened series.
    tell
        Called with a sentence when a part of a layer turns out to be unreadable.

    Returns
    -------
    list of PlannedLayer
        Those that all states have, but for surfaces, which no stack can hold, and for components and clusters, which
        are others in every state: (charge state, z, y, x), and the
        attenuation, where all states have the same energies, (energy, charge state, z, y, x), so that trailing axes
        fall on one another.
    """
    plans = [{layer.name: layer for layer in planned_layers(state.result, tell=tell)} for state in series.states]
    stackable = {name for name, layer in plans[0].items() if layer.kind != "surface" and layer.comparable}
    names = [name for name in plans[0] if name in stackable and all(name in plan for plan in plans)]
    return [
        _stacked([plan[name] for plan in plans], tell=tell) for name in names if name != "mu" or _same_energies(series)
    ]


def _same_energies(series: Series) -> bool:
    energies = [state.result.energies_ev for state in series.states]
    return all(e.shape == energies[0].shape and np.abs(e - energies[0]).max() < _SAME_ENERGY_EV for e in energies)


def _stacked(layers: list[PlannedLayer], *, tell: Tell) -> PlannedLayer:
    first = layers[0]
    axis = first.axes.index("z")
    levels = [
        GuardedArray(StateStack(level, axis=axis), name=f"{first.title} of the series", tell=tell)
        for level in zip(*(layer.data for layer in layers), strict=True)
    ]
    known = [layer.limits for layer in layers if layer.limits is not None]
    return replace(
        first,
        data=levels,
        scale=(*first.scale[:axis], 1.0, *first.scale[axis:]),
        axes=(*first.axes[:axis], STATE, *first.axes[axis:]),
        units=(*first.units[:axis], "pixel", *first.units[axis:]),
        limits=(min(low for low, _ in known), max(high for _, high in known)) if known else None,
        features=first.features if first.name == PHASE else {},  # particles have other numbers in every state
    )


def series_steps(series: Series, layer: PlannedLayer) -> tuple[AxisSteps, ...]:
    """What the sliders of a layer stand at."""
    steps = [state_steps(series)]
    if "energy" in layer.axes:
        steps.append(energy_steps(series.states[0].result.energies_ev))
    return tuple(steps)


def state_steps(series: Series) -> AxisSteps:
    """Steps of the charge state in capacity, else in hours, else by number."""
    for quantity, unit in (("capacity", series.capacity_unit), ("time_h", "h")):
        values = series.along(quantity)
        known = values[np.isfinite(values)]
        if known.size:
            return AxisSteps(name=STATE, values=values, unit=unit, digits=0 if (known % 1 == 0).all() else 1)
    return AxisSteps(name=STATE, values=np.full(len(series.states), np.nan), unit="")
