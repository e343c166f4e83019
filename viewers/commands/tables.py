"""Reports as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from rich import box
from rich.table import Table

from xanesmap.phasemap.accuracy import KindAccuracy
from xanesmap.phasemap.result import PhaseMap
from xanesmap.reconstruct.scan_report import EnergyReport, ScanReport


def energies_table(report: ScanReport) -> Table:
    """One line per energy of a scan."""
    # tight, so that frames of four digits and names of seven fit into 120 columns
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    titles = (
        "file",
        "energy",
        "angles",
        "range",
        "frame",
        "pixel",
        "flats",
        "darks",
        "counts",
        "photons",
        "sat.",
        "dead",
    )
    units = ("", "eV", "", "deg", "v x u", "nm", "", "", "ADU", "1/pixel", "%", "%")
    for title, unit in zip(titles, units, strict=True):
        table.add_column(f"{title}\n{unit}", justify="left" if title == "file" else "right", no_wrap=True)
    for row in report.energies:
        table.add_row(*_energy_cells(row))
    return table


def _energy_cells(row: EnergyReport) -> tuple[str, ...]:
    return (
        row.file,
        f"{row.energy_ev:.2f}" if np.isfinite(row.energy_ev) else "-",
        str(row.n_angles),
        f"{row.first_angle_deg:.1f} to {row.last_angle_deg:.1f}",
        f"{row.n_rows} x {row.n_columns}",
        "-" if row.pixel_size_nm is None else f"{row.pixel_size_nm:.4g}",
        str(row.n_flats),
        str(row.n_darks),
        f"{row.flat_counts:.0f}",
        "-" if row.photons is None else f"{row.photons:.3g}",
        f"{100 * row.saturated:.2g}",
        f"{100 * row.dead:.2g}",
    )


def scan_summary(report: ScanReport) -> list[str]:
    """What a scan is, in a few lines."""
    first, last = report.energies[0], report.energies[-1]
    edge = f"{report.edge} edge at {report.edge_ev:.1f} eV" if report.edge else "no absorption edge inside"
    wedge = f", missing wedge {report.missing_wedge_deg:.0f} deg" if report.missing_wedge_deg > 0 else ""
    several = f"{len(report.energies)} from {first.energy_ev:.2f} to {last.energy_ev:.2f} eV, "
    several += f"median step {report.energy_step_ev:.2f} eV; {edge}"
    known = f"at {first.energy_ev:.2f} eV" if np.isfinite(first.energy_ev) else "which is not recorded"
    return [
        f"Energies  {several if len(report.energies) > 1 else f'one, {known}'}",
        f"Angles    {first.n_angles} over {report.coverage_deg:.1f} deg{wedge}; "
        f"{report.n_angles_crowther} would resolve one pixel at the rim",
        f"Photons   {_photons(report)}",
        *_recorded(report),
        f"Size      {report.raw_bytes / 1e9:.3g} GB raw; {report.volume_bytes / 1e9:.3g} GB if every energy is kept",
    ]


def _photons(report: ScanReport) -> str:
    """Photons in a frame, and what the sample got of them as far as they were detected."""
    if report.photons is None:
        return "unknown"
    doses = [row.photons_per_um2 for row in report.energies if row.photons_per_um2 is not None]
    told = f"{report.photons:.3g} per pixel and frame"
    if len(doses) < len(report.energies):
        return told
    total = sum(dose * row.n_angles for dose, row in zip(doses, report.energies, strict=True))
    return f"{told}; {np.median(doses):.3g} per um^2 and projection, {total:.3g} per um^2 in all (those detected)"


def _recorded(report: ScanReport) -> list[str]:
    """When the scan was recorded, by the clock of the files, and how the camera was binned."""
    times = [row.time_s for row in report.energies if row.time_s is not None]
    binnings = sorted({row.binning for row in report.energies if row.binning is not None})
    first, last = (
        f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}" for time in (min(times, default=0), max(times, default=0))
    )
    told = [first if first == last else f"{first} to {last}"] if times else []
    told += [f"binning {' and '.join(map(str, binnings))}"] if binnings else []
    return [f"Recorded  {'; '.join(told)}"] if told else []


def phases_table(result: PhaseMap) -> Table:
    """Volume and composition of every phase label of a result."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in (
        "phase",
        "voxels",
        "volume\num^3",
        "share\n%",
        *(f"mean fraction\nof {p}" for p in result.phases),
    ):
        table.add_column(title, justify="left" if title == "phase" else "right")
    rows = result.summary().rows
    total = sum(row.volume_um3 for row in rows)
    for row in rows:
        means = (f"{mean:.3f}" if np.isfinite(mean) else "-" for mean in row.mean_fraction)
        share = f"{100 * row.volume_um3 / total:.1f}" if total else "-"
        table.add_row(row.name, str(row.voxels), f"{row.volume_um3:.4g}", share, *means)
    return table


def accuracy_table(accuracy: Sequence[KindAccuracy], *, phase: str) -> Table:
    """Agreement with the truth of a simulated scan."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    titles = (
        "particles",
        "voxels",
        f"{phase}\ntruth",
        f"{phase}\nmap",
        "difference\n+- standard error",
        "amount\nmap / truth",
        "(map - truth) / sigma\nwidth",
    )
    for title in titles:
        table.add_column(title, justify="left" if title == "particles" else "right")
    for row in accuracy:
        table.add_row(
            row.kind,
            str(row.voxels),
            f"{row.true_fraction:.4f}",
            f"{row.fraction:.4f}",
            f"{row.bias:+.4f} +- {row.standard_error:.4f}",
            f"{row.amount_ratio:.4f}",
            f"{row.pull_width:.3f}",
        )
    return table
