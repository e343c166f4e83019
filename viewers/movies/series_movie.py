"""Movies of a series of results, such as states of charge: the same slice of each, and how the mean fraction goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.series import ChargeState, Series
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.movies.frame_plan import spread_evenly
from xanesmap.viewers.movies.movie_file import Frame
from xanesmap.viewers.movies.slice_movie import SlicePage, page_style
from xanesmap.viewers.movies.slice_stack import AxisName, SliceStack, read_stack

_STRIP_MM = 30.0
_MARGIN_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownState:
    """One result of a series, of which one slice is shown."""

    labels: NDArray[np.uint8]
    """(row, column)."""
    values: NDArray[np.float32]
    caption: str
    mean_fraction: float
    """Of the first phase in the whole result, weighted by the amount: of its atoms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownSeries:
    """Results in their order."""

    states: tuple[ShownState, ...]
    stack: SliceStack
    """Of the first result, for scale and colours; its limits are those of all."""
    place: str
    """Where the slices lie."""
    along: NDArray[np.float64]
    """(state,) where each stands on the axis of the curve: charge, time or number."""
    along_title: str


def read_series(
    series: Series,
    *,
    captions: Sequence[str] = (),
    axis: AxisName = "z",
    layer: str | None = None,
    progress: Progress = no_progress,
) -> ShownSeries:
    """Read the same slice of every result: the one in which all of them together show most material.

    Parameters
    ----------
    series
        Two results or more.
    captions
        One for each; what is known of them when not given.
    axis
        Across which the slice lies.
    layer
        Map beside the labels; the fraction of the first phase when not given.
    progress
        Called with stage, results read and results.

    Raises
    ------
    DataError
        A single result, or not as many captions.
    """
    shown = captions_of(series, captions)
    stacks, means = [], []
    for number, state in enumerate(series.states, start=1):
        stacks.append(read_stack(state.result, axis=axis, layer=layer, cropped=False))
        means.append(mean_fraction(state.result))
        progress("Read results", number, len(series.states))
    areas = np.sum([np.count_nonzero(stack.labels, axis=(1, 2)) for stack in stacks], axis=0)
    index = int(np.argmax(areas))
    rows, columns = _common_extent([stack.labels[index] for stack in stacks])
    states = tuple(
        ShownState(
            labels=stack.labels[index, rows, columns],
            values=stack.values[index, rows, columns],
            caption=caption,
            mean_fraction=mean,
        )
        for stack, caption, mean in zip(stacks, shown, means, strict=True)
    )
    limits = (min(stack.limits[0] for stack in stacks), max(stack.limits[1] for stack in stacks))
    first = replace(stacks[0], labels=stacks[0].labels[:, rows, columns], limits=limits)
    along, title = _along(series)
    return ShownSeries(states=states, stack=first, place=first.caption(index), along=along, along_title=title)


def captions_of(series: Series, captions: Sequence[str]) -> tuple[str, ...]:
    """A caption for each result: those given, or number, name, charge, time and voltage as far as they are known.

    Raises
    ------
    DataError
        A single result, or not as many captions.
    """
    count = len(series.states)
    if count < 2:
        message = "a series needs two results or more; give them in their order, or another --kind."
        raise DataError(message)
    if captions and len(captions) != count:
        message = f"there are {count} results but {len(captions)} captions; give one --caption for each, or none."
        raise DataError(message)
    numbered = enumerate(series.states, start=1)
    return tuple(captions) or tuple(f"{number} of {count}: {_told(state, series)}" for number, state in numbered)


def _told(state: ChargeState, series: Series) -> str:
    facts = (
        (state.capacity, f"{{:.4g}} {series.capacity_unit}"),
        (state.time_h, "{:.3g} h"),
        (state.voltage_v, "{:.3g} V"),
    )
    return ", ".join([state.name, *(form.format(value) for value, form in facts if value is not None)])


def _along(series: Series) -> tuple[NDArray[np.float64], str]:
    """Where results stand on an axis, and its title: by charge or time where all have it, else by number."""
    for quantity, title in (("capacity", f"charge ({series.capacity_unit})"), ("time_h", "time (h)")):
        values = series.along(quantity)
        if np.isfinite(values).all() and np.ptp(values) > 0:
            return values, title
    return np.arange(1.0, len(series.states) + 1), "result"


def mean_fraction(result: PhaseMap) -> float:
    """Mean fraction of the first phase, weighted by the amount, at the coarsest level of the pyramid."""
    amount = np.asarray(result.levels("amount")[-1], dtype=np.float64)
    fraction = np.asarray(result.levels("fraction")[-1][0], dtype=np.float64)
    known = np.isfinite(amount) & np.isfinite(fraction)
    return float(np.average(fraction[known], weights=np.clip(amount[known], 0, None))) if known.any() else float("nan")


def _common_extent(planes: Sequence[NDArray[np.uint8]]) -> tuple[slice, slice]:
    """Rows and columns in which any of the planes has material, with a margin."""
    filled = np.any([plane > 0 for plane in planes], axis=0)
    ends = []
    for across in (1, 0):
        places = np.flatnonzero(filled.any(axis=across))
        ends.append(slice(max(0, int(places[0]) - _MARGIN_PX), int(places[-1]) + 1 + _MARGIN_PX))
    return ends[0], ends[1]


def series_page(series: ShownSeries, result: PhaseMap, *, size: tuple[int, int], heading: str) -> SlicePage:
    """Page for the frames of a series, with room for the curve of the mean fraction."""
    style = page_style(series.stack, phases=result.phases, label_names=result.label_names, size=size, heading=heading)
    return SlicePage(replace(style, strip_mm=_STRIP_MM))


def series_frames(series: ShownSeries, page: SlicePage, *, count: int) -> Iterator[Frame]:
    """Frames in which every result is shown for the same time.

    Parameters
    ----------
    series
        The results.
    page
        From `series_page`.
    count
        Number of frames.
    """
    marker = _draw_curve(series, page)
    drawn, frame = -1, None
    for index in spread_evenly(0, len(series.states) - 1, count).tolist():
        if frame is None or index != drawn:
            state = series.states[index]
            marker.set_data([series.along[index]], [state.mean_fraction])
            frame = page.frame(state.labels, state.values, f"{state.caption}   {series.place}")
            drawn = index
        yield frame


def _draw_curve(series: ShownSeries, page: SlicePage) -> Any:
    """Draw the curve; returns the marker of the result that is shown."""
    axes = page.strip()
    means = [state.mean_fraction for state in series.states]
    axes.plot(series.along, means, "-o", color="#808080", markersize=3)
    axes.set(ylim=(-0.05, 1.05), xlabel=series.along_title)
    axes.margins(x=0.05)
    if series.along_title == "result":
        axes.set_xticks(series.along)
    axes.set_ylabel(f"mean fraction\n{formula_text(page.style.phases[0])}")
    (marker,) = axes.plot([], [], "o", markersize=7, color=tuple(phase_colours(page.style.phases)[0]))
    return marker
