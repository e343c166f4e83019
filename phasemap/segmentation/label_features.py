"""Tables of a segmented result as the columns that a label layer of a viewer carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.storage.amendment import read_table

_TABLES = ("particles", "core_shell", "two_phase")


def label_features(path: Path) -> dict[str, NDArray[Any]]:
    """All columns known of each particle.

    Parameters
    ----------
    path
        A segmented result.

    Returns
    -------
    Column by title, with unit: numbers, or texts where one is no number. The column ``index`` holds the numbers of
    `labels/particle`, by which napari matches them (`add_labels(..., features=...)`). Particles without core have NaN,
    or an empty text, in the columns of cores. Empty where the result is not segmented.
    """
    tables = [read_table(path, name) for name in _TABLES]
    index = [int(cell) for cell in tables[0].get("index", [])]
    if not index:
        return {}
    columns: dict[str, NDArray[Any]] = {"index": np.array(index)}
    for table in tables:
        row_of = {int(cell): row for row, cell in enumerate(table.get("index", []))}
        for title, cells in table.items():
            if title not in columns:
                columns[title] = _column([cells[row_of[i]] if i in row_of else "" for i in index])
    return columns


def _column(cells: list[str]) -> NDArray[Any]:
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells)
