"""Report on reconstructed volumes as a table on a terminal."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.table import Table

from xanesmap.reconstruct.volumes.report import VolumeReport
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH


def volumes_table(report: VolumeReport) -> Table:
    """One line per energy: values of its middle slice, in the unit of the files."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    unit = report.unit or "unit not stated"
    titles = (("file", ""), ("energy", "eV"), ("voxels", "z x y x x"), ("1 %", unit), ("median", unit), ("99 %", unit))
    for title, below in (*titles, ("without value", "%")):
        table.add_column(f"{title}\n{below}", justify="left" if title == "file" else "right", no_wrap=True)
    shape = " x ".join(map(str, report.shape))
    for row in report.energies:
        values = (f"{value:.4g}" if np.isfinite(value) else "-" for value in (row.low, row.median, row.high))
        table.add_row(row.file, f"{row.energy_ev:.2f}", shape, *values, f"{100 * row.missing:.2g}")
    return table


def volumes_summary(report: VolumeReport) -> list[str]:
    """What the volumes are, in a few lines."""
    first, last = report.energies[0].energy_ev, report.energies[-1].energy_ev
    edge = f"{report.edge} edge at {report.edge_ev:.1f} eV" if report.edge else "no absorption edge inside"
    size = report.pixel_size_nm
    extent = "" if size is None else f": {' x '.join(f'{n * size / 1000:.3g}' for n in report.shape)} um"
    return [
        f"Energies  {len(report.energies)} from {first:.2f} to {last:.2f} eV; {edge}",
        f"Voxels    {' x '.join(map(str, report.shape))} (z, y, x), "
        f"{'of unknown size' if size is None else f'{size:.4g} nm'}{extent}",
        f"Unit      {_unit(report)}",
        f"Size      {report.bytes / 1e9:.3g} GB",
    ]


def _unit(report: VolumeReport) -> str:
    if report.unit == OPTICAL_DEPTH:
        return "1: optical depth of 2-D images"
    return report.unit or "not stated; taken as 1/pixel unless --volume-unit says otherwise"
