"""Particles of a result as the lists of widgets name them."""

from __future__ import annotations

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table

ALL = "all"
_LISTED = 500


def particle_entries(result: PhaseMap) -> dict[str, int | None]:
    """Numbers of the particles, from the largest, by words on them; `ALL` first, for which there is no number.

    Parameters
    ----------
    result
        An opened result; one that is not segmented has only `ALL`.
    """
    entries: dict[str, int | None] = {ALL: None}
    table = read_table(result.path, "particles") if result.particle_labels is not None else {}
    volumes = next((cells for title, cells in table.items() if title.startswith("volume (")), [])
    rows = list(zip(table.get("index", []), table.get("structure", []), strict=False))[:_LISTED]
    for row, (index, structure) in enumerate(rows):
        size = f", {float(volumes[row]):.3g} µm³" if volumes else ""
        entries[f"{index}: {structure}{size}"] = int(index)
    return entries


def first_with_core(result: PhaseMap) -> int | None:
    """Number of the largest particle with core and shell; None where there is none."""
    table = read_table(result.path, "core_shell") if result.particle_labels is not None else {}
    numbers = table.get("index", [])
    return int(numbers[0]) if numbers else None
