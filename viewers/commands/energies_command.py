"""The command `xanesmap energies`: which energies to measure next time."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from xanesmap.viewers.commands import run_options as options

_SIZES = (8, 10, 12, 16, 20, 24, 32, 40, 51, 64, 80, 101)


def energies(
    reference: options.References = None,
    among: Annotated[
        str, typer.Option("--among", help="Energies to choose from: start:stop:step and numbers with commas, eV.")
    ] = "7092:7192:2",
    background: options.Background = None,
) -> None:
    """Rank energies by what they tell about the phases, and print the error of a fraction for fewer and fewer.

    The errors are per unit of noise: times the noise at one energy over the edge step, of a voxel for the fraction, of
    the summed spectrum for the energy offset.
    """
    import numpy as np

    from xanesmap.phasemap.config import make_config
    from xanesmap.phasemap.mapping.preparation import load_references
    from xanesmap.spectra.background import background_columns
    from xanesmap.spectra.energy_ranking import rank_energies
    from xanesmap.spectra.reference import sample_references, sample_slopes
    from xanesmap.viewers.commands.number_lists import numbers_from
    from xanesmap.viewers.commands.spectra_tables import energies_table

    asked = options.spectra_settings(reference=reference, energy_offset=None, background=background, constraint=None)
    told = {name: value for name, value in asked.items() if value is not None}
    config = make_config({"scan": ".", "spectra": told})
    references = load_references(config)
    grid = np.array(numbers_from(among, option="--among"))
    sets = rank_energies(
        grid,
        sample_references(references, grid),
        background_columns(grid, kind=config.spectra.background),
        slopes=sample_slopes(references, grid),
    )
    sizes = [*_SIZES, grid.size, len(sets[-1].energies_ev)]
    Console(width=max(Console().width, 120)).print(energies_table(sets, steps=sizes), highlight=False)
    typer.echo("Fewer than 12 to 16 energies leave little to see an unexpected phase or a bad energy by.")
