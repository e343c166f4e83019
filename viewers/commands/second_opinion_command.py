"""The command `xanesmap second-opinion`: edges and white lines of every voxel, and what the references leave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.progress_bar import progress_bars


def second_opinion(
    result: Annotated[Path, typer.Argument(help="Result that kept its attenuation.")],
    figures: options.Figures = None,
) -> None:
    """Map edge positions, white lines and edge integrals without references, and the shape that the references leave.

    The maps, each with its standard deviation, and their table go into the result.
    """
    from xanesmap.phasemap.maps.second_opinion_maps import map_second_opinion
    from xanesmap.viewers.commands.opinion_tables import edge_table

    with progress_bars(Console(stderr=True)) as progress:
        judged = map_second_opinion(result, progress=progress)
    told = judged.attributes["second_opinion"]
    Console(width=max(Console().width, 120)).print(edge_table(judged), highlight=False)
    typer.echo(f"Rank correlation of {judged.phases[0]} and the half-height {told['rank_correlation']:+.3f}")
    ratio = told["eigenvalues"][0] / told["noise_edge"]
    typer.echo(f"Residual component {ratio:.2f} times what noise leaves: {residual_verdict(ratio)}")
    typer.echo(f"Result: {judged.path}, maps in edge/ and residual_component")
    if figures is not None:
        from xanesmap.viewers.drawing.edge_maps_figure import save_edge_maps_figure

        typer.echo(f"Picture: {save_edge_maps_figure(judged, figures)}")


def residual_verdict(ratio: float) -> str:
    """What the strongest residual component says, in words."""
    from xanesmap.viewers.drawing.second_opinion_figure import BEYOND_NOISE

    if ratio > BEYOND_NOISE:
        return "the references leave something; its map and its shape (tables/residual_component.csv) tell what."
    return "no more than noise."
