"""What `xanesmap info` prints about a scan or about volumes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from xanesmap.phasemap.mapping.volume_input import is_result
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.provenance import as_json as plain_json
from xanesmap.reconstruct.inspection import inspect_scan
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan_report import ScanReport
from xanesmap.reconstruct.volumes.opening import open_volumes
from xanesmap.reconstruct.volumes.recognition import holds_volumes
from xanesmap.reconstruct.volumes.report import VolumeReport, inspect_volumes
from xanesmap.viewers.commands.tables import energies_table, scan_summary
from xanesmap.viewers.commands.volume_tables import volumes_summary, volumes_table


def print_inspection(
    source: Sequence[str],
    *,
    as_json: bool,
    sort_energies: bool,
    stated: Mapping[str, Any],
) -> None:
    """Print a report on a scan, on volumes, or on a result.

    Parameters
    ----------
    source
        Folder, pattern or files.
    as_json
        Print JSON for machines instead of tables.
    sort_energies
        Whether energies may be out of order, as in `open_scan`. Where not, the report says what a run would refuse.
    stated
        What is given in place of what the files record, by the names of `open_scan`; None for nothing.

    Raises
    ------
    DataError
        Input that cannot be read.
    """
    if len(source) == 1 and is_result(source[0]):
        _print_result(source[0], as_json=as_json)
    else:
        _print(inspect_source(source, sort_energies=sort_energies, stated=stated), as_json=as_json)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a scan or volumes hold."""

    report: ScanReport | VolumeReport
    table: Table
    """One line per energy."""
    summary: list[str]

    @property
    def problem_lines(self) -> list[str]:
        """What looks wrong, a line each, worst first."""
        told = (f"{p.severity.capitalize():8}  {p.finding} {p.remedy}".rstrip() for p in self.report.problems)
        return list(told)


def inspect_source(source: Sequence[str], *, sort_energies: bool, stated: Mapping[str, Any]) -> Inspection:
    """Look at a scan or at volumes; parameters and errors as in `print_inspection`."""
    if stated.get("angles_deg") is None and holds_volumes(source):
        for_volumes = {name: stated.get(name) for name in ("energies_ev", "pixel_size_nm")}
        volumes = inspect_volumes(open_volumes(source, **for_volumes))
        return Inspection(report=volumes, table=volumes_table(volumes), summary=volumes_summary(volumes))
    opened = open_scan(source if len(source) > 1 else source[0], sort_energies=True, **stated)
    scan = inspect_scan(opened, order_is_asked=sort_energies)
    return Inspection(report=scan, table=energies_table(scan), summary=scan_summary(scan))


def _print(inspection: Inspection, *, as_json: bool) -> None:
    report = inspection.report
    if as_json:
        # counts of a broken file may be NaN, which JSON lacks
        _print_json({**dataclasses.asdict(report), "verdict": report.verdict})
        return
    wide = Console(width=max(Console().width, 120))
    wide.print(inspection.table, highlight=False)
    for line in (*inspection.summary, *inspection.problem_lines):
        typer.echo(line)
    typer.echo(f"Verdict   {report.verdict}")


def _print_result(path: str, *, as_json: bool) -> None:
    result = open_result(path)
    if as_json:
        _print_json(dict(result.attributes))
        return
    typer.echo(repr(result))
    for warning in result.warnings:
        typer.echo(f"Note: {warning}")


def _print_json(facts: dict[str, Any]) -> None:
    typer.echo(json.dumps(plain_json(facts), indent=2, allow_nan=False))
