"""What commands that make a result print about it."""

from __future__ import annotations

import typer
from rich.console import Console

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.tables import phases_table


def print_outcome(result: PhaseMap) -> None:
    """Print notes, the table of phases and the path of a result."""
    for warning in result.warnings:
        typer.echo(f"Note: {warning}")
    Console(width=max(Console().width, 100)).print(phases_table(result), highlight=False)
    typer.echo(f"Result: {result.path}")
