"""Tables of a second opinion, as they are stored in a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich import box
from rich.table import Table

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table

_FEATURES = ("half height", "steepest", "white line", "edge integral")


def stored_table(path: Path, name: str) -> Table:
    """A table of a result, with its titles and units over each other.

    Parameters
    ----------
    path
        The result.
    name
        Of the table, without suffix.
    """
    columns = read_table(path, name)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(columns):
        text, _, unit = title.partition(" (")
        table.add_column(f"{text}\n{unit.rstrip(')')}", justify="left" if number == 0 else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(_short(cell) for cell in row))
    return table


def edge_table(result: PhaseMap) -> Table:
    """Median edge positions of every phase label, with the spread of its voxels and the error of one."""
    columns = read_table(result.path, "edge_positions")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("label\n\n", justify="left")
    table.add_column("voxels\nlooked at\n", justify="right")
    for feature in _FEATURES:
        table.add_column(f"{feature}\nspread (error)\neV", justify="right")
    labels, voxels = columns["label"], columns["voxels looked at"]
    for row, (label, count) in enumerate(zip(labels, voxels, strict=True)):
        cells = []
        for feature in _FEATURES:
            middle, spread, error = (float(columns[f"{feature}{what} (eV)"][row]) for what in ("", " spread", " error"))
            cells.append(f"{middle:.2f}  {spread:.2f} ({error:.2f})" if np.isfinite(middle) else "-")
        table.add_row(label, count, *cells)
    return table


def _short(cell: str) -> str:
    try:
        return cell if cell.isdigit() else f"{float(cell):.4g}"
    except ValueError:
        return cell
