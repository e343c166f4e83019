"""The command `xanesmap unmix`: components, factors or clusters of the spectra of a result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.progress_bar import progress_bars


def unmix(
    result: Annotated[Path, typer.Argument(help="Result that kept its attenuation.")],
    method: Annotated[
        str, typer.Option("--method", help="pca, nmf (starts from the references), k-means or gaussian-mixture.")
    ] = "pca",
    components: Annotated[
        int | None, typer.Option("--components", help="Components, factors or clusters; found when not given.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same answer.")] = 0,
    figures: options.Figures = None,
) -> None:
    """Unmix the spectra with little or no knowledge of the phases; maps, spectra and tables go into the result.

    A component beyond the phases, a factor that left its reference or a cluster of its own hints at something unlisted.
    """
    from xanesmap.phasemap.maps.unmixing_maps import unmix_phases
    from xanesmap.viewers.commands.opinion_tables import stored_table

    with progress_bars(Console(stderr=True)) as progress:
        unmixed = unmix_phases(
            result,
            method=method,  # type: ignore[arg-type]  # checked with a sentence of its own
            components=components,
            seed=seed,
            progress=progress,
        )
    layer, table = {"pca": ("components", "scree"), "nmf": ("factors", "factors")}.get(
        method, ("cluster_labels", "clusters")
    )
    Console(width=max(Console().width, 120)).print(stored_table(unmixed.path, table), highlight=False)
    for line in _lines(unmixed.attributes["unmixing"][layer], method):
        typer.echo(line)
    typer.echo(f"Result: {unmixed.path}, maps in {layer}, spectra in {unmixed.path / 'tables'}")
    if figures is not None:
        from xanesmap.viewers.drawing.unmixing_figure import save_unmixing_figure

        typer.echo(f"Picture: {save_unmixing_figure(unmixed, layer, figures)}")


def _lines(told: dict[str, object], method: str) -> list[str]:
    if method == "pca":
        return [
            f"{told['significant']} components stand above noise. Neighbouring voxels share noise: judge one just "
            "above its edge by its map."
        ]
    if method == "nmf":
        return [
            f"The factors leave {100 * float(str(told['misfit'])):.2g} % of the spectra, noise alone "
            f"{100 * float(str(told['misfit_of_noise'])):.2g} %. Factors are not unique: they are a hint, not spectra "
            "of pure phases."
        ]
    return []
