"""What `xanesmap info` prints about a scan or about volumes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from xanesmap.phasemap.provenance import as_json as plain_json
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.volume_input import is_result
from xanesmap.reconstruct.inspection import inspect_scan
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan_report import ScanReport
from xanesmap.reconstruct.volume_recognition import holds_volumes
from xanesmap.reconstruct.volume_report import VolumeReport, inspect_volumes
from xanesmap.reconstruct.volumes import open_volumes
from xanesmap.viewers.tables import energies_table, scan_summary
from xanesmap.viewers.volume_tables import volumes_summary, volumes_table


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
    elif stated.get("angles_deg") is None and holds_volumes(source):
        for_volumes = {name: stated.get(name) for name in ("energies_ev", "pixel_size_nm")}
        series = open_volumes(source, **for_volumes)
        volumes = inspect_volumes(series)
        _print(volumes, volumes_table(volumes), volumes_summary(volumes), as_json=as_json)
    else:
        opened = open_scan(source if len(source) > 1 else source[0], sort_energies=True, **stated)
        scan = inspect_scan(opened, order_is_asked=sort_energies)
        _print(scan, energies_table(scan), scan_summary(scan), as_json=as_json)


def _print(report: ScanReport | VolumeReport, table: Table, summary: list[str], *, as_json: bool) -> None:
    if as_json:
        # counts of a broken file may be NaN, which JSON lacks
        _print_json({**dataclasses.asdict(report), "verdict": report.verdict})
        return
    wide = Console(width=max(Console().width, 120))
    wide.print(table, highlight=False)
    for line in summary:
        typer.echo(line)
    for problem in report.problems:
        typer.echo(f"{problem.severity.capitalize():8}  {problem.finding} {problem.remedy}".rstrip())
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
