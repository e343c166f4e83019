"""The command `xanesmap movie`: results turning, slice by slice, or one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from xanesmap.viewers import view_options as options
from xanesmap.viewers.frame_plan import frame_count, frame_size
from xanesmap.viewers.progress_bar import progress_bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xanesmap.phasemap.progress import Progress
    from xanesmap.phasemap.result import PhaseMap

KINDS = ("rotate", "slice", "series")
_PRINT_MM = 110.0  # width at which the texts of a frame have their size in points


def movie(
    results: Annotated[
        list[Path], typer.Argument(help="Result folder, ending in .zarr; several, in order, for a series.")
    ],
    out: Annotated[Path, typer.Option(help="File, ending in .mp4 or .gif.")],
    kind: Annotated[str, typer.Option(help="rotate, slice or series.")] = "rotate",
    seconds: Annotated[float, typer.Option(help="Length.")] = 8.0,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 20.0,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "1280x720",
    axis: Annotated[
        str, typer.Option(help="z, y or x: what it turns about (or any direction), or goes through.")
    ] = "z",
    layer: Annotated[
        str | None,
        typer.Option(
            help="rotate: phases, fraction, glass, voxels, thickness or curvature. Else the map beside the labels: "
            "'fraction LiFePO4', 'sigma LiFePO4', amount, residual."
        ),
    ] = None,
    view: Annotated[
        str, typer.Option(help="Where a turn begins: iso, or a direction towards the eye.")
    ] = options.ISOMETRIC,
    particle: options.Particle = options.BIGGEST,
    cut: options.Cut = "octant",
    along: options.Along = "z",
    position_um: options.PositionUm = 0.0,
    far: options.Far = False,
    whole_core: options.WholeCore = False,
    apart: options.Apart = "nothing",
    apart_um: options.ApartUm = None,
    background: options.Backdrop = "white",
    caption: Annotated[
        list[str] | None, typer.Option(help="Text on the frames; of a series one for each result, such as its charge.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier movie.")] = False,
) -> None:
    """Make a movie of a result, mp4 or gif; needs no screen."""
    from xanesmap.phasemap.result import open_result
    from xanesmap.viewers.movie_file import check_movie_path, write_movie

    options.one_of("--kind", kind, KINDS)
    count, frame = frame_count(seconds, fps), frame_size(size)
    opened = [open_result(result) for result in results]
    check_movie_path(out, overwrite=overwrite)
    with progress_bars(Console(stderr=True)) as progress:
        if kind == "rotate":
            chosen = {
                "particle": particle,
                "layer": layer or "phases",
                "cut": cut,
                "apart": apart,
                "along": along,
                "position_um": position_um,
                "flip": not far,
                "whole_core": whole_core,
            }
            looks = {"view": view, "axis": axis, "background": background, "apart_um": apart_um}
            frames = _turning(_single(opened), chosen, looks, size=frame, count=count, caption=" ".join(caption or []))
        elif kind == "slice":
            heading = " ".join(caption or [_single(opened).path.name])
            frames = _sliced(_single(opened), axis=axis, layer=layer, size=frame, count=count, heading=heading)
        else:
            frames = _series(opened, caption or [], progress, axis=axis, layer=layer, size=frame, count=count)
        with frames as drawn, write_movie(out, size=frame, fps=fps, overwrite=overwrite) as file:
            for number, picture in enumerate(drawn, start=1):
                file.add(picture)
                progress("Draw frames", number, count)
    typer.echo(f"{out}: {count} frames of {frame[1]} x {frame[0]} pixels, {count / fps:.3g} s")


def _single(opened: list[PhaseMap]) -> PhaseMap:
    from xanesmap.errors import DataError

    if len(opened) != 1:
        message = f"{len(opened)} results were given; a movie of several is --kind series."
        raise DataError(message)
    return opened[0]


@contextmanager
def _turning(
    result: PhaseMap,
    chosen: dict[str, Any],
    looks: dict[str, Any],
    *,
    size: tuple[int, int],
    count: int,
    caption: str,
) -> Iterator[Iterator[NDArray[Any]]]:
    """Frames of a turn, drawn while the block runs."""
    from xanesmap.viewers.napari_plugin.core_shell_view import CoreShellView
    from xanesmap.viewers.napari_plugin.view_pages import page_of
    from xanesmap.viewers.picture_command import spread_drawing
    from xanesmap.viewers.screen import any_screen
    from xanesmap.viewers.view_directions import find_direction

    options.require_drawing()
    choices = options.choices_of(result, **chosen)
    background = options.background_of(looks["background"], movie=True)
    drawing = spread_drawing(CoreShellView(result), choices, looks["apart_um"])
    camera = options.camera_of(looks["view"], drawing.directions)
    about = find_direction(looks["axis"], drawing.directions)
    dpi = size[1] / (_PRINT_MM / 25.4)
    page = page_of(result, drawing, choices.style, size=size, dpi=dpi, background=background, caption=caption)
    page.check()
    with any_screen():
        from xanesmap.viewers.napari_plugin.view_pictures import Turn, turning_frames

        with closing(turning_frames(result, drawing, page, Turn(camera=camera, axis=about, count=count))) as frames:
            yield frames


@contextmanager
def _sliced(
    result: PhaseMap, *, axis: str, layer: str | None, size: tuple[int, int], count: int, heading: str
) -> Iterator[Iterator[NDArray[Any]]]:
    from xanesmap.viewers.slice_movie import SlicePage, page_style, slice_frames
    from xanesmap.viewers.slice_stack import read_stack

    stack = read_stack(result, axis=axis, layer=layer)  # type: ignore[arg-type]  # checked with a sentence of its own
    style = page_style(stack, phases=result.phases, label_names=result.label_names, size=size, heading=heading)
    yield slice_frames(stack, SlicePage(style), count=count)


@contextmanager
def _series(
    results: list[PhaseMap],
    captions: list[str],
    progress: Progress,
    *,
    axis: str,
    layer: str | None,
    size: tuple[int, int],
    count: int,
) -> Iterator[Iterator[NDArray[Any]]]:
    from xanesmap.viewers.series_movie import read_series, series_frames, series_page

    series = read_series(results, captions=captions, axis=axis, layer=layer, progress=progress)  # type: ignore[arg-type]
    page = series_page(series, results[0], size=size, heading=f"{len(results)} results")
    yield series_frames(series, page, count=count)
