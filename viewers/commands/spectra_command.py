"""The command `xanesmap spectra`: plot and compare reference files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from xanesmap.spectra.reference import Reference

_MOST_COMPARED = 6


def spectra(
    files: Annotated[
        list[str],
        typer.Argument(help="Spectrum files, FILE:COLUMN, or 'bundled'; of a library every column is taken."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Picture to draw.")] = Path("spectra.png"),
    dpi: Annotated[int, typer.Option(min=50, max=1200, help="Resolution of the picture.")] = 200,
) -> None:
    """Plot and compare reference spectra: edges, white lines, where they cross and where they differ most."""
    from xanesmap.spectra.comparison import compare_references, spectrum_features
    from xanesmap.viewers.commands.spectra_tables import comparisons_table, features_table
    from xanesmap.viewers.drawing.comparison_figure import comparison_figure
    from xanesmap.viewers.drawing.figure_file import save_figure

    references = [reference for file in files for reference in read_references(file)]
    wide = Console(width=max(Console().width, 120))
    wide.print(features_table([spectrum_features(reference) for reference in references]), highlight=False)
    for reference in references:
        for note in reference.notes:
            typer.echo(f"Note: {reference.name}: {note}")
    pairs = [(a, b) for number, a in enumerate(references) for b in references[number + 1 :]]
    if 0 < len(pairs) <= _MOST_COMPARED * (_MOST_COMPARED - 1) // 2:
        wide.print(comparisons_table([compare_references(*pair) for pair in pairs]), highlight=False)
    save_figure(comparison_figure(references), out, dpi=dpi)
    typer.echo(f"Picture: {out}")


def read_references(source: str) -> list[Reference]:
    """One reference of a file or column, all of a library, both bundled ones."""
    from xanesmap.phasemap.config import BUNDLED
    from xanesmap.spectra.library import holds_several, load_library
    from xanesmap.spectra.reference import bundled_reference, load_reference

    if source == BUNDLED:
        return [bundled_reference("LiFePO4"), bundled_reference("FePO4")]
    if holds_several(source):
        return load_library(source)
    path, _, column = source.rpartition(":")
    name = column if path and Path(path).exists() and not Path(source).exists() else Path(source).stem
    return [load_reference(source, name=name)]
