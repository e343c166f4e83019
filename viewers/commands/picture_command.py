"""The command `xanesmap picture`: a result in 3-D as a figure for print."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xanesmap.errors import DataError
from xanesmap.viewers.commands import view_options as options

if TYPE_CHECKING:
    from xanesmap.viewers.napari_plugin.core_shell.view import Choices, CoreShellView, Drawing

_LARGEST_MM = 1000.0


def picture(
    result: Annotated[Path, typer.Argument(help="Result folder, ending in .zarr.")],
    out: Annotated[Path, typer.Option(help="File, ending in .png or .tif.")],
    layer: Annotated[str, typer.Option(help="phases, fraction, glass, voxels, thickness or curvature.")] = "phases",
    view: Annotated[
        str, typer.Option(help="iso, or the direction towards the eye: a, b, c, z, y, x, long, middle, short or z,y,x.")
    ] = options.ISOMETRIC,
    behind: Annotated[bool, typer.Option("--behind", help="Look from the other side.")] = False,
    particle: options.Particle = options.BIGGEST,
    cut: options.Cut = "octant",
    along: options.Along = "z",
    position_um: options.PositionUm = 0.0,
    far: options.Far = False,
    whole_core: options.WholeCore = False,
    apart: options.Apart = "nothing",
    apart_um: options.ApartUm = None,
    width_mm: Annotated[float, typer.Option(help="Width in print, mm; a column of a journal is 85.")] = 85.0,
    dpi: Annotated[float, typer.Option(min=50, max=1200, help="Dots per inch.")] = 300.0,
    aspect: Annotated[float, typer.Option(min=0.2, max=5, help="Width over height.")] = 4 / 3,
    background: options.Backdrop = "white",
    caption: Annotated[str, typer.Option(help="Text below.")] = "",
    scale_bar: Annotated[bool, typer.Option("--scale-bar/--no-scale-bar", help="Draw a scale bar.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier picture.")] = False,
) -> None:
    """Draw particles in 3-D, cut open, with scale bar and colours, as a picture for print; needs no screen."""
    from xanesmap.phasemap.result import open_result
    from xanesmap.viewers.movies.picture_file import check_picture_path, write_picture
    from xanesmap.viewers.movies.screen import any_screen
    from xanesmap.viewers.movies.view_page import printed_size
    from xanesmap.viewers.napari_plugin.core_shell.view import CoreShellView
    from xanesmap.viewers.napari_plugin.core_shell.view_pages import page_of

    opened = open_result(result)
    options.require_drawing()
    check_picture_path(out, overwrite=overwrite)
    if not 0 < width_mm <= _LARGEST_MM:
        message = f"--width-mm {width_mm:g} is no width of a print; give millimetres above 0 and up to {_LARGEST_MM:g}."
        raise DataError(message)
    drawer = CoreShellView(opened)
    choices = options.choices_of(
        opened,
        particle=particle,
        layer=layer,
        cut=cut,
        apart=apart,
        along=along,
        position_um=position_um,
        flip=not far,
        whole_core=whole_core,
    )
    drawing = spread_drawing(drawer, choices, apart_um)
    page = page_of(
        opened,
        drawing,
        choices.style,
        size=printed_size(width_mm, dpi, aspect=aspect),
        dpi=dpi,
        background=options.background_of(background),
        caption=caption,
        scale_bar=scale_bar,
    )
    camera = options.camera_of(view, drawing.directions, behind=behind)
    page.check()
    with any_screen():
        from xanesmap.viewers.napari_plugin.pictures.view_pictures import draw_picture

        drawn = draw_picture(opened, drawing, page, camera)
    write_picture(out, drawn, dpi=dpi, overwrite=overwrite)
    typer.echo(f"{out}: {drawn.shape[1]} x {drawn.shape[0]} pixels, {width_mm:g} mm at {dpi:g} dpi")


def spread_drawing(drawer: CoreShellView, choices: Choices, apart_um: float | None) -> Drawing:
    """Drawing of what is chosen, parts moved as far as asked, or half the width of what is shown."""
    if choices.spread == "together":
        return drawer.draw(choices)
    distance = drawer.draw(choices).sphere.radius_um if apart_um is None else apart_um
    return drawer.draw(replace(choices, spread_um=distance))
