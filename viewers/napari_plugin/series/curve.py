"""The curve of a cell with its charge states, and the phases over the same axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.phasemap.series import Series
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.napari_plugin.parts.figure_theme import FigureTheme, paint

FloatArray = NDArray[np.float64]
Shares = dict[str, FloatArray]
"""By name of the label, `(2, state)`: share of the sample, NaN in states without one, and its standard error."""

NUMBER = "charge state"
_MARK = "#d55e00"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StateAxis:
    """Where the states of a series lie along one quantity.

    Parameters
    ----------
    label
        Of the axis, with its unit.
    places
        `(state,)`.
    curve
        `(point,)` of the curve of the cell along the same quantity; None where it does not have it.
    """

    label: str
    places: FloatArray
    curve: FloatArray | None

    def nearest(self, place: float) -> int:
        """Number of the state nearest to a place."""
        return int(np.argmin(np.abs(self.places - place)))


def state_axes(series: Series) -> dict[str, StateAxis]:
    """Axes along which every state of a series is known, the most telling first; at least their number."""
    curve = series.curve
    found: dict[str, StateAxis] = {}
    known = (
        ("capacity", f"capacity ({series.capacity_unit})", None if curve is None else curve.capacity),
        ("time", "time (h)", None if curve is None else curve.time_h),
    )
    for name, label, points in known:
        places = series.along("capacity" if name == "capacity" else "time_h")
        if np.isfinite(places).all():
            found[name] = StateAxis(label=label, places=places, curve=points)
    found[NUMBER] = StateAxis(label=NUMBER, places=np.arange(1.0, len(series.states) + 1), curve=None)
    return found


def voltages(series: Series, axis: StateAxis) -> FloatArray:
    """`(state,)` V: as given, else from the curve at the place of the state; NaN where neither tells.

    A place that the curve passes twice, as capacity on charge and discharge, is not looked up.
    """
    given = series.along("voltage_v")
    if series.curve is None or axis.curve is None or not (np.diff(axis.curve) >= 0).all():
        return given
    from_curve = np.interp(axis.places, axis.curve, series.curve.voltage_v, left=np.nan, right=np.nan)
    return np.where(np.isfinite(given), given, from_curve)


def shares_of_states(states: list[dict[str, tuple[float, float]]]) -> Shares:
    """Shares of every label over the states, from `phase_shares` of each."""
    return {name: np.array([state[name] for state in states]).T for name in states[0]}


def draw_series(
    figure: Figure,
    series: Series,
    axis: StateAxis,
    *,
    state: int,
    shares: Shares | None,
    theme: FigureTheme,
) -> tuple[Axes, ...]:
    """Draw voltage and phases over an axis, with a line at the state that is shown.

    Parameters
    ----------
    figure
        What it held is removed.
    series
        The series.
    axis
        One of `state_axes`.
    state
        The state that is shown.
    shares
        From `shares_of_states`; None while they are not known.
    theme
        Colours.

    Returns
    -------
    Axes
        The panels, upper first; of a series without any voltage only that of the phases.
    """
    figure.clear()
    volts = voltages(series, axis)
    has_voltage = bool(np.isfinite(volts).any()) or axis.curve is not None
    panels = list(np.atleast_1d(figure.subplots(1 + has_voltage, 1, sharex=True)))
    if has_voltage:
        _draw_voltage(panels[0], series, axis, volts, state, theme)
    _draw_shares(panels[-1], series, axis, shares)
    for axes in panels:
        axes.axvline(axis.places[state], color=_MARK, lw=1.2)
        axes.tick_params(labelsize=8)
    panels[-1].set_xlabel(axis.label)
    if axis.label == NUMBER:
        panels[-1].set_xticks(axis.places)
    paint(figure, theme)
    return tuple(panels)


def _draw_voltage(
    axes: Axes, series: Series, axis: StateAxis, volts: FloatArray, state: int, theme: FigureTheme
) -> None:
    if series.curve is not None and axis.curve is not None:
        axes.plot(axis.curve, series.curve.voltage_v, color=theme.text, lw=1)
    axes.plot(axis.places, volts, "o", color=theme.text, mfc=theme.background, ms=6)
    axes.plot(axis.places[state], volts[state], "o", color=_MARK, ms=7)
    axes.set_ylabel("voltage (V)")
    axes.margins(x=0.04, y=0.1)


def _draw_shares(axes: Axes, series: Series, axis: StateAxis, shares: Shares | None) -> None:
    first = series.states[0].result
    measure = "area" if first.attenuation_unit == OPTICAL_DEPTH else "volume"
    axes.set(ylabel=f"share of the {measure} ± 1 s.e.", ylim=(-0.05, 1.05))
    if shares is None:
        axes.text(0.5, 0.5, "reading shares…", transform=axes.transAxes, ha="center", va="center")
        return
    style: dict[str, Any] = {"fmt": "o-", "ms": 5, "lw": 1.5, "elinewidth": 1.5, "capsize": 4, "capthick": 1.2}
    for (name, (values, errors)), colour in zip(shares.items(), phase_colours(first.phases), strict=False):
        axes.errorbar(axis.places, values, errors, color=tuple(colour), label=formula_text(name), **style)
    axes.legend(frameon=False, fontsize=8, ncols=len(shares), loc="lower center", bbox_to_anchor=(0.5, 1))
