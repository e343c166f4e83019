"""The command `xanesmap fit`: fit kept attenuation or reconstructed volumes, without reconstructing again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from xanesmap.viewers import run_options as options
from xanesmap.viewers.progress_bar import progress_bars


def fit(
    source: Annotated[
        list[str], typer.Argument(help="Result that kept its attenuation, or reconstructed volumes (folder, files).")
    ],
    reference: options.References = None,
    out: options.Out = None,
    energy_offset: options.EnergyOffset = None,
    foil: options.Foil = None,
    normalisation: options.Normalise = None,
    bad_energies: options.BadEnergies = None,
    background: options.Background = None,
    constraint: options.Constraint = None,
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
            spectra=options.spectra_settings(
                reference=reference,
                energy_offset=energy_offset,
                background=background,
                constraint=constraint,
                foil=foil,
                normalisation=normalisation,
                bad_energies=bad_energies,
            ),
            phasemap={"pure_threshold": threshold},
        )
    from xanesmap.viewers.outcome import print_outcome

    print_outcome(result)
