"""Tables about reference spectra, combinations of them, and energies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.table import Table

from xanesmap.spectra.combinatorial import RankedCombination
from xanesmap.spectra.comparison import SpectrumComparison, SpectrumFeatures
from xanesmap.spectra.energy_ranking import EnergySet


def _table(titles: Sequence[str], *, left: int = 1) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, justify="left" if number < left else "right")
    return table


def features_table(features: Sequence[SpectrumFeatures]) -> Table:
    """One line per reference."""
    table = _table(
        (
            "reference\n",
            "points\n",
            "range\neV",
            "half-height\neV",
            "steepest\neV",
            "white line\neV",
            "height\nedge steps",
        )
    )
    for row in features:
        table.add_row(
            row.name,
            str(row.points),
            f"{row.range_ev[0]:.1f} to {row.range_ev[1]:.1f}",
            f"{row.half_height_ev:.2f}" if np.isfinite(row.half_height_ev) else "-",
            f"{row.steepest_ev:.1f}",
            f"{row.white_line_ev:.1f}",
            f"{row.white_line_height:.3f}",
        )
    return table


def comparisons_table(comparisons: Sequence[SpectrumComparison]) -> Table:
    """One line per pair of references."""
    table = _table(
        ("pair\n", "correlation\n", "rms difference\nedge steps", "most above\neV", "most below\neV", "crossings\neV")
    )
    for row in comparisons:
        table.add_row(
            " - ".join(row.names),
            f"{row.correlation:.3f}",
            f"{np.sqrt(row.mean_square_difference):.3f}",
            f"{row.largest_difference:+.2f} at {row.largest_ev:.1f}",
            f"{row.smallest_difference:+.2f} at {row.smallest_ev:.1f}",
            ", ".join(f"{energy:.1f}" for energy in row.isosbestic_ev) or "none",
        )
    return table


def combinations_table(ranked: Sequence[RankedCombination], *, regions: Sequence[str], most: int = 12) -> Table:
    """The best combinations, one line each, with the fractions they give every region."""
    titles = ["references\n", "score\n", "above best\n", "weight\n", "R-factor\nworst"]
    table = _table([*titles, *(f"{region}\nfractions" for region in regions)])
    for row in ranked[:most]:
        table.add_row(
            " + ".join(row.names),
            f"{row.score:.1f}",
            f"{row.difference:.1f}",
            f"{row.weight:.2g}",
            f"{row.r_factor.max():.1e}",
            *(" / ".join(f"{value:.3f}" for value in fractions) for fractions in row.fraction.T),
        )
    return table


def energies_table(sets: Sequence[EnergySet], *, steps: Sequence[int]) -> Table:
    """Sets of the given sizes: the error of a fraction and what is left out."""
    titles = ("energies\n", "sigma of fraction\nper noise", "at equal dose\nper noise", "sigma of offset\neV per noise")
    table = _table(titles, left=0)
    table.add_column("the energies\neV", justify="left")
    for row in sets:
        if len(row.energies_ev) in steps:
            table.add_row(
                str(len(row.energies_ev)),
                f"{row.sigma_fraction:.3f}",
                f"{row.sigma_equal_dose:.3f}",
                f"{row.sigma_offset_ev:.2f}" if np.isfinite(row.sigma_offset_ev) else "-",
                ", ".join(f"{energy:g}" for energy in row.energies_ev),
            )
    return table
