"""The command `xanesmap combinations`: which references the regions of a result are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def combinations(
    result: Annotated[Path, typer.Argument(help="Result that kept its attenuation.")],
    library: Annotated[
        list[str], typer.Argument(help="Spectra to choose from: libraries (.nor, .prj), files, FILE:COLUMN, 'bundled'.")
    ],
    most: Annotated[int, typer.Option("--most", min=1, max=5, help="Most references in a combination.")] = 3,
    criterion: Annotated[
        str, typer.Option("--criterion", help="bic, or aicc, which asks less of a reference.")
    ] = "bic",
    rows: Annotated[int, typer.Option("--rows", min=1, help="Combinations shown.")] = 12,
) -> None:
    """Rank combinations of references by how well they describe the mean spectrum of every phase label.

    A combination with a phase that nobody listed stands first where that phase is there.
    """
    from xanesmap.errors import DataError
    from xanesmap.phasemap.result import open_result
    from xanesmap.viewers.commands.spectra_command import read_references
    from xanesmap.viewers.commands.spectra_tables import combinations_table
    from xanesmap.viewers.drawing.region_combinations import rank_regions

    if criterion not in ("bic", "aicc"):
        message = f"--criterion {criterion!r} was asked for; there are bic and aicc."
        raise DataError(message)
    references = [reference for source in library for reference in read_references(source)]
    found = rank_regions(open_result(result), references, most=most, criterion=criterion)  # type: ignore[arg-type]
    table = combinations_table(found.ranked, regions=found.regions, most=rows)
    Console(width=max(Console().width, 160)).print(table, highlight=False)
    for note in found.notes:
        typer.echo(f"Note: {note}")
