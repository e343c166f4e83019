"""The command `xanesmap fit`: fit kept attenuation or reconstructed volumes, without reconstructing again."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.option_groups import SPECTRA, taking
from xanesmap.viewers.commands.progress_bar import progress_bars


@taking(spectra=SPECTRA)
def fit(
    source: Annotated[
        list[str], typer.Argument(help="Result that kept its attenuation, or reconstructed volumes (folder, files).")
    ],
    spectra: dict[str, Any],
    out: options.Out = None,
    threshold: options.Threshold = None,
    energies_ev: options.Energies = None,
    pixel_size_nm: options.PixelSize = None,
    volume_unit: options.Unit = None,
    memory: options.Memory = None,
    threads: options.Threads = None,
    keep_mu: options.KeepMu = None,
    overwrite: options.Overwrite = None,
) -> None:
    """Fit a result or reconstructed volumes with other references or settings, into a new result.

    What is not given is as it was in the result, its references included.
    """
    from xanesmap.phasemap.refit import refit_phases

    with progress_bars(Console(stderr=True)) as progress:
        result = refit_phases(
            source,
            out=out,
            progress=progress,
            memory=memory,
            threads=threads,
            keep_mu=keep_mu,
            overwrite=overwrite,
            reconstruct={
                "energies_ev": options.energies_of(energies_ev),
                "pixel_size_nm": pixel_size_nm,
                "volume_unit": volume_unit,
            },
            spectra=spectra,
            phasemap={"pure_threshold": threshold},
        )
    from xanesmap.viewers.commands.outcome import print_outcome

    print_outcome(result)
