"""The kinds of movies of the command line: each gives the frames of what was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xanesmap.viewers.commands import view_options as options

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xanesmap.phasemap.progress import Progress
    from xanesmap.phasemap.result import PhaseMap
    from xanesmap.phasemap.series import Series
    from xanesmap.viewers.movies.view_page import Page
    from xanesmap.viewers.napari_plugin.core_shell.view import Choices, Drawing

Frames = Iterator["NDArray[Any]"]

_PRINT_MM = 110.0  # width at which the texts of a frame have their size in points


@dataclass(frozen=True, slots=True, kw_only=True)
class MovieWish:
    """What was asked for, in the words of the command line."""

    count: int
    """Frames."""
    size: tuple[int, int]
    """(height, width) in pixels."""
    axis: str
    layer: str | None
    view: str | None
    background: str
    captions: tuple[str, ...]
    look: dict[str, Any]
    """Particle, cut and what moves apart."""
    apart_um: float | None


@contextmanager
def turning(result: PhaseMap, wish: MovieWish) -> Iterator[Frames]:
    """Frames of a turn in 3-D, drawn while the block runs."""
    from xanesmap.viewers.movies.screen import any_screen
    from xanesmap.viewers.movies.view_directions import find_direction

    choices, drawing = _drawn(result, wish)
    camera = options.camera_of(wish.view or options.ISOMETRIC, drawing.directions)
    about = find_direction(wish.axis, drawing.directions)
    page = _page(result, drawing, choices, wish, caption=" ".join(wish.captions))
    with any_screen():
        from xanesmap.viewers.napari_plugin.pictures.view_pictures import Turn, turning_frames

        turn = Turn(camera=camera, axis=about, count=wish.count)
        with closing(turning_frames(result, drawing, page, turn)) as frames:
            yield frames


def _drawn(result: PhaseMap, wish: MovieWish) -> tuple[Choices, Drawing]:
    """What is shown in 3-D, with its drawing."""
    from xanesmap.viewers.commands.picture_command import spread_drawing
    from xanesmap.viewers.napari_plugin.core_shell.view import CoreShellView

    options.require_drawing()
    choices = options.choices_of(result, layer=wish.layer or "phases", **wish.look)
    return choices, spread_drawing(CoreShellView(result), choices, wish.apart_um)


def _page(result: PhaseMap, drawing: Drawing, choices: Choices, wish: MovieWish, *, caption: str) -> Page:
    from xanesmap.viewers.napari_plugin.core_shell.view_pages import page_of

    background = options.background_of(wish.background, movie=True)
    dpi = wish.size[1] / (_PRINT_MM / 25.4)
    page = page_of(result, drawing, choices.style, size=wish.size, dpi=dpi, background=background, caption=caption)
    page.check()
    return page


@contextmanager
def sliced(result: PhaseMap, wish: MovieWish) -> Iterator[Frames]:
    """Frames through the slices of a result."""
    from xanesmap.viewers.movies.slice_movie import SlicePage, page_style, slice_frames
    from xanesmap.viewers.movies.slice_stack import read_stack

    stack = read_stack(result, axis=wish.axis, layer=wish.layer)  # type: ignore[arg-type]  # it checks the axis
    heading = " ".join(wish.captions) or result.path.name
    style = page_style(stack, phases=result.phases, label_names=result.label_names, size=wish.size, heading=heading)
    yield slice_frames(stack, SlicePage(style), count=wish.count)


@contextmanager
def series_slices(series: Series, wish: MovieWish, progress: Progress) -> Iterator[Frames]:
    """Frames of the same slice of every result of a series."""
    from xanesmap.viewers.movies.series_movie import read_series, series_frames, series_page

    shown = read_series(
        series,
        captions=wish.captions,
        axis=wish.axis,  # type: ignore[arg-type]  # it is checked there
        layer=wish.layer,
        progress=progress,
    )
    page = series_page(shown, series.states[0].result, size=wish.size, heading=series.name)
    yield series_frames(shown, page, count=wish.count)


@contextmanager
def series_views(series: Series, wish: MovieWish, progress: Progress) -> Iterator[Frames]:
    """Frames of every result of a series in 3-D, by one camera and in the same colours."""
    from xanesmap.viewers.movies.screen import any_screen
    from xanesmap.viewers.movies.series_movie import captions_of

    captions = captions_of(series, wish.captions)
    pages, drawings = [], []
    for number, (state, caption) in enumerate(zip(series.states, captions, strict=True), start=1):
        choices, drawing = _drawn(state.result, wish)
        drawings.append(drawing)
        pages.append(_page(state.result, drawing, choices, wish, caption=caption))
        progress("Read results", number, len(series.states))
    camera = options.camera_of(wish.view or options.ISOMETRIC, drawings[0].directions)
    with any_screen():
        from xanesmap.viewers.napari_plugin.pictures.view_pictures import Scenes, frames_of_scenes

        results = tuple(state.result for state in series.states)
        scenes = Scenes(results=results, drawings=tuple(drawings), pages=tuple(pages))
        with closing(frames_of_scenes(scenes, camera, count=wish.count)) as frames:
            yield frames
