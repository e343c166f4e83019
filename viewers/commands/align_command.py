"""The command `xanesmap align`: find where every frame of a scan lies, and judge it by a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.option_groups import RECORDED, taking
from xanesmap.viewers.commands.progress_bar import progress_bars


@taking(recorded=RECORDED)
def align(
    scan: Annotated[
        list[str], typer.Argument(help="Folder, glob pattern or files of a scan; or a configuration .toml.")
    ],
    recorded: dict[str, Any],
    out: Annotated[str | None, typer.Option(help="Alignment, a folder ending in .zarr.")] = None,
    reference: options.References = None,
    energy_offset: options.EnergyOffset = None,
    method: Annotated[
        str, typer.Option(help="projection-matching; to compare: joint-reprojection (TomoPy) or stackreg.")
    ] = "projection-matching",
    magnification: options.Magnification = None,
    roll: options.Roll = None,
    binning: Annotated[int | None, typer.Option(help="Pixels averaged, along v and u; found when not given.")] = None,
    from_data: Annotated[
        bool | None, typer.Option("--from-data", help="Start from spectra found in the data, not the references.")
    ] = None,
    memory: options.Memory = None,
    overwrite: options.Overwrite = None,
) -> None:
    """Align the frames of a scan; `xanesmap run --alignment` uses the outcome."""
    from xanesmap.phasemap.alignment.job import align as align_job
    from xanesmap.viewers.commands.outcome import alignment_lines
    from xanesmap.viewers.drawing.alignment_figure import alignment_figure
    from xanesmap.viewers.drawing.figure_file import save_figure

    flags = {
        "memory": memory,
        "overwrite": overwrite,
        "reconstruct": recorded,
        "align": {
            "method": method,
            "magnification": magnification,
            "roll": "fit" if roll else None,
            "binning": binning,
            "components": "data" if from_data else None,
        },
        "spectra": options.spectra_settings(reference=reference, energy_offset=energy_offset),
    }
    config = options.configuration(scan, flags)
    # the `out` of a configuration file is that of the map
    path = Path(out) if out is not None else config.beside_scan("_alignment.zarr")
    config = config.model_copy(update={"out": str(path)})
    with progress_bars(Console(stderr=True)) as progress:
        outcome = align_job(config, progress=progress)
    for note in outcome.notes:
        typer.echo(f"Note: {note}")
    for line in alignment_lines(outcome.report):
        typer.echo(line)
    picture = path.with_suffix(".png")
    save_figure(alignment_figure(outcome.report), picture)
    typer.echo(f"Picture: {picture}")
    typer.echo(f"Alignment: {outcome.path}")
