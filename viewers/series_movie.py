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
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.frame_plan import spread_evenly
from xanesmap.viewers.movie_file import Frame
from xanesmap.viewers.slice_movie import SlicePage, page_style
from xanesmap.viewers.slice_stack import AxisName, SliceStack, read_stack

_STRIP_MM = 30.0
_MARGIN_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesState:
    """One result of a series, of which one slice is shown."""

    labels: NDArray[np.uint8]
    """(row, column)."""
    values: NDArray[np.float32]
    caption: str
    mean_fraction: float
    """Of the first phase in the whole result, weighted by the amount: of its atoms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Results in their order."""

    states: tuple[SeriesState, ...]
    stack: SliceStack
    """Of the first result, for scale and colours; its limits are those of all."""
    place: str
    """Where the slices lie."""


def read_series(
    results: Sequence[PhaseMap],
    *,
    captions: Sequence[str] = (),
    axis: AxisName = "z",
    layer: str | None = None,
    progress: Progress = no_progress,
) -> Series:
    """Read the same slice of every result: the one in which all of them together show most material.

    Parameters
    ----------
    results
        Two or more of the same shape, voxel and phases.
    captions
        One for each; their names when not given.
    axis
        Across which the slice lies.
    layer
        Map beside the labels; the fraction of the first phase when not given.
    progress
        Called with stage, results read and results.

    Raises
    ------
    DataError
        Results that do not go together, or not as many captions.
    """
    check_series(results, captions)
    stacks, means = [], []
    for number, result in enumerate(results, start=1):
        stacks.append(read_stack(result, axis=axis, layer=layer, cropped=False))
        means.append(mean_fraction(result))
        progress("Read results", number, len(results))
    areas = np.sum([np.count_nonzero(stack.labels, axis=(1, 2)) for stack in stacks], axis=0)
    index = int(np.argmax(areas))
    rows, columns = _common_extent([stack.labels[index] for stack in stacks])
    states = tuple(
        SeriesState(
            labels=stack.labels[index, rows, columns],
            values=stack.values[index, rows, columns],
            caption=caption,
            mean_fraction=mean,
        )
        for stack, caption, mean in zip(stacks, captions or series_captions(results), means, strict=True)
    )
    limits = (min(stack.limits[0] for stack in stacks), max(stack.limits[1] for stack in stacks))
    first = replace(stacks[0], labels=stacks[0].labels[:, rows, columns], limits=limits)
    return Series(states=states, stack=first, place=first.caption(index))


def check_series(results: Sequence[PhaseMap], captions: Sequence[str]) -> None:
    """Raise `DataError` where results do not go together in one movie, or have not a caption each."""
    if len(results) < 2:
        message = "a series needs two results or more; give them in their order, or another --kind."
        raise DataError(message)
    if captions and len(captions) != len(results):
        message = (
            f"there are {len(results)} results but {len(captions)} captions; give one --caption for each, or none."
        )
        raise DataError(message)
    first = results[0]
    for other in results[1:]:
        same = other.shape == first.shape and np.isclose(other.pixel_size_um, first.pixel_size_um, rtol=1e-3)
        if not same or other.phases != first.phases:
            message = (
                f"result '{other.path}' has {_described(other)}, but '{first.path}' {_described(first)}; results of "
                "one movie have the same volume, voxel and phases."
            )
            raise DataError(message)


def _described(result: PhaseMap) -> str:
    shape = " x ".join(map(str, result.shape))
    return f"{shape} voxels of {result.pixel_size_um:g} um and the phases {', '.join(result.phases)}"


def series_captions(results: Sequence[PhaseMap]) -> tuple[str, ...]:
    """Number and name of each result."""
    return tuple(f"{number} of {len(results)}: {result.path.stem}" for number, result in enumerate(results, start=1))


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


def series_page(series: Series, result: PhaseMap, *, size: tuple[int, int], heading: str) -> SlicePage:
    """Page for the frames of a series, with room for the curve of the mean fraction."""
    style = page_style(series.stack, phases=result.phases, label_names=result.label_names, size=size, heading=heading)
    return SlicePage(replace(style, strip_mm=_STRIP_MM))


def series_frames(series: Series, page: SlicePage, *, count: int) -> Iterator[Frame]:
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
            marker.set_data([index + 1], [state.mean_fraction])
            frame = page.frame(state.labels, state.values, f"{state.caption}   {series.place}")
            drawn = index
        yield frame


def _draw_curve(series: Series, page: SlicePage) -> Any:
    """Draw the curve; returns the marker of the result that is shown."""
    axes = page.strip()
    places = np.arange(1, len(series.states) + 1)
    means = [state.mean_fraction for state in series.states]
    axes.plot(places, means, "-o", color="#808080", markersize=3)
    axes.set(xlim=(0.7, places[-1] + 0.3), ylim=(-0.05, 1.05), xticks=places, xlabel="result")
    axes.set_ylabel(f"mean fraction\n{formula_text(page.style.phases[0])}")
    (marker,) = axes.plot([], [], "o", markersize=7, color=tuple(phase_colours(page.style.phases)[0]))
    return marker
