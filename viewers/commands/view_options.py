"""Options of the commands that draw results in 3-D."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Annotated

import typer

from xanesmap.errors import DataError

if TYPE_CHECKING:
    from xanesmap.phasemap.result import PhaseMap
    from xanesmap.viewers.movies.view_directions import Camera, Direction
    from xanesmap.viewers.movies.view_page import Background
    from xanesmap.viewers.napari_plugin.core_shell.view import Choices

ISOMETRIC = "iso"
"""Word for the view from between the axes."""

BIGGEST = "core"
"""Word for the largest particle with core and shell."""

Particle = Annotated[
    str, typer.Option(help="Number of a particle, 'all', or 'core': the largest with core and shell, else all.")
]
Cut = Annotated[str, typer.Option(help="What is cut away: none, half, wedge, octant or box.")]
Along = Annotated[str, typer.Option(help="Direction of the cut: z, y, x, long, middle, short, a named one, or z,y,x.")]
PositionUm = Annotated[float, typer.Option(help="Where it cuts, um from the middle along that direction.")]
Far = Annotated[bool, typer.Option("--far/--near", help="Take the side the direction points to, or the one before.")]
WholeCore = Annotated[bool, typer.Option("--whole-core", help="Cut only the shell.")]
Apart = Annotated[str, typer.Option(help="What moves apart: nothing, core, halves or particles.")]
ApartUm = Annotated[float | None, typer.Option(help="How far, um; half the width of what is shown when not given.")]
Backdrop = Annotated[str, typer.Option(help="white, black or transparent.")]


def choices_of(
    result: PhaseMap, *, particle: str, layer: str, cut: str, apart: str, **others: float | bool | str
) -> Choices:
    """What the core-shell view is asked for.

    Parameters
    ----------
    result
        An opened result.
    particle, layer, cut, apart
        Words of the command line.
    others
        Fields of `Choices`.

    Raises
    ------
    DataError
        A word that stands for nothing.
    """
    from xanesmap.viewers.napari_plugin.core_shell.cuts import CUT_KINDS
    from xanesmap.viewers.napari_plugin.core_shell.view import STYLES, Choices

    moving = {"nothing": "together", "core": "core", "halves": "halves", "particles": "particles"}
    one_of("--layer", layer, STYLES)
    one_of("--cut", cut, ("none", *CUT_KINDS))
    one_of("--apart", apart, tuple(moving))
    return Choices(
        particle=particle_number(result, particle),
        style=layer,  # type: ignore[arg-type]  # checked above
        cut=None if cut == "none" else cut,  # type: ignore[arg-type]
        spread=moving[apart],  # type: ignore[arg-type]
        **others,  # type: ignore[arg-type]
    )


def one_of(option: str, value: str, words: tuple[str, ...]) -> None:
    """Raise `DataError` where a word of the command line is not one of those that stand for something."""
    if value not in words:
        message = f"{option} '{value}' is not known; there are {', '.join(words)}."
        raise DataError(message)


def particle_number(result: PhaseMap, word: str) -> int | None:
    """Number of the particle that a word stands for; None for all.

    Raises
    ------
    DataError
        No number, and none of the words.
    """
    from xanesmap.viewers.napari_plugin.core_shell.shown_particles import first_with_core

    if word == "all":
        return None
    if word == BIGGEST:
        return first_with_core(result)
    if word.isdecimal():
        return int(word)
    message = f"--particle '{word}' is not known; give a number, 'all' or 'core'."
    raise DataError(message)


def camera_of(view: str, directions: dict[str, Direction], *, behind: bool = False) -> Camera:
    """Camera that a word or three numbers stand for.

    Raises
    ------
    DataError
        They stand for none.
    """
    from xanesmap.viewers.movies.view_directions import camera_facing, find_direction, isometric

    if view == ISOMETRIC:
        return isometric()
    return camera_facing(find_direction(view, directions), from_behind=behind)


def background_of(word: str, *, movie: bool = False) -> Background:
    """Background that a word stands for.

    Raises
    ------
    DataError
        It stands for none, or for one that a movie cannot have.
    """
    from xanesmap.viewers.movies.view_page import BACKGROUNDS

    words = tuple(one for one in BACKGROUNDS if not (movie and one == "transparent"))
    one_of("--background", word, words)
    return next(one for one in words if one == word)


def require_drawing() -> None:
    """Raise `DataError` where napari, which draws in 3-D, is not installed."""
    if importlib.util.find_spec("napari") is None or importlib.util.find_spec("qtpy") is None:
        message = "pictures in 3-D need napari, which is not installed: pip install 'xanesmap[napari]'."
        raise DataError(message)
