"""The command `xanesmap movie`: results turning, slice by slice, or one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from xanesmap.errors import DataError
from xanesmap.viewers.commands import view_options as options
from xanesmap.viewers.commands.progress_bar import progress_bars

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from xanesmap.phasemap.progress import Progress
    from xanesmap.viewers.movies.movie_kinds import Frames, MovieWish

KINDS = ("rotate", "slice", "series")


def movie(
    results: Annotated[
        list[Path], typer.Argument(help="Result folder, ending in .zarr; of a series several, in order, or a .toml.")
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
        str | None,
        typer.Option(
            help="Where a turn begins, or from where a series is shown in 3-D: iso, or a direction towards the eye."
        ),
    ] = None,
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
    from xanesmap.viewers.movies.frame_plan import frame_count, frame_size
    from xanesmap.viewers.movies.movie_file import check_movie_path, write_movie
    from xanesmap.viewers.movies.movie_kinds import MovieWish

    options.one_of("--kind", kind, KINDS)
    wish = MovieWish(
        count=frame_count(seconds, fps),
        size=frame_size(size),
        axis=axis,
        layer=layer,
        view=view,
        background=background,
        captions=tuple(caption or ()),
        look={
            "particle": particle,
            "cut": cut,
            "along": along,
            "position_um": position_um,
            "flip": not far,
            "whole_core": whole_core,
            "apart": apart,
        },
        apart_um=apart_um,
    )
    check_movie_path(out, overwrite=overwrite)
    with (
        progress_bars(Console(stderr=True)) as progress,
        _frames(kind, results, wish, progress) as frames,
        write_movie(out, size=wish.size, fps=fps, overwrite=overwrite) as file,
    ):
        for number, frame in enumerate(frames, start=1):
            file.add(frame)
            progress("Draw frames", number, wish.count)
    typer.echo(f"{out}: {wish.count} frames of {wish.size[1]} x {wish.size[0]} pixels, {wish.count / fps:.3g} s")


def _frames(kind: str, sources: list[Path], wish: MovieWish, progress: Progress) -> AbstractContextManager[Frames]:
    """Frames of a kind of movie, whose results are opened first."""
    from xanesmap.phasemap.result import open_result
    from xanesmap.phasemap.series import open_series
    from xanesmap.viewers.movies import movie_kinds

    if kind == "series":
        series = open_series(sources)
        draw = movie_kinds.series_slices if wish.view is None else movie_kinds.series_views
        return draw(series, wish, progress)
    if len(sources) != 1:
        message = f"{len(sources)} results were given; a movie of several is --kind series."
        raise DataError(message)
    draw_one = movie_kinds.turning if kind == "rotate" else movie_kinds.sliced
    return draw_one(open_result(sources[0]), wish)
