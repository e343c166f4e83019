"""The command `xanesmap denoise`: denoised fractions and amounts of a result, for pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xanesmap.viewers.commands.progress_bar import progress_bars


def denoise(
    result: Annotated[Path, typer.Argument(help="Result folder, ending in .zarr.")],
    method: Annotated[
        str, typer.Option("--method", help="total-variation, or non-local-means, which takes ten times as long.")
    ] = "total-variation",
) -> None:
    """Add denoised fractions and amounts to a result: for pictures, without error bars, because none would be right."""
    from xanesmap.phasemap.maps.denoised_maps import denoise_result

    with progress_bars(Console(stderr=True)) as progress:
        denoised = denoise_result(
            result,
            method=method,  # type: ignore[arg-type]  # checked with a sentence of its own
            progress=progress,
        )
    typer.echo("Note: denoised maps have no error bars. Take numbers from the maps as fitted, averaged over regions.")
    typer.echo(f"Result: {denoised.path}, maps in denoised/fraction and denoised/amount")
