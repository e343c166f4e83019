"""A segmentation as tables on a terminal, read from the tables of the result."""

from __future__ import annotations

from rich import box
from rich.table import Table

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH

_MOST_ROWS = 30

_PARTICLES = (
    ("index", "particle\n"),
    ("structure", "structure\n"),
    ("verdict", "verdict\n"),
    ("volume (", "volume\num^3"),
    ("volume error", "\n+-"),
    ("equivalent diameter (", "diameter\num"),
    ("sphericity (", "sphericity\n"),
    ("mean fraction of", "mean\nfraction"),
    ("mean fraction error", "\n+-"),
    ("share of volume mixed", "mixed\nshare"),
    ("cut by field", "cut by\nfield"),
)
_CORES = (
    ("index", "particle\n"),
    ("shell thickness median", "shell thickness\nmedian, um"),
    ("shell thickness error", "\n+-"),
    ("shell thickness least", "least\num"),
    ("shell thickness largest", "largest\num"),
    ("shell coverage", "coverage\n"),
    ("offset (1)", "core offset\nin radii"),
    ("depth spread (1)", "depth spread\nin radii"),
    ("depth spread null high", "if shrunk\nevenly, below"),
    ("evenly shrunk", "evenly\nshrunk"),
    ("front area (", "front area\num^2"),
)


_FLAT_PARTICLES = (
    ("index", "particle\n"),
    ("area (", "area\num^2"),
    ("area error", "\n+-"),
    ("equivalent diameter (", "diameter\num"),
    ("perimeter (", "perimeter\num"),
    ("circularity (", "circularity\n"),
    ("mean fraction of", "mean\nfraction"),
    ("mean fraction error", "\n+-"),
    ("share of area mixed", "mixed\nshare"),
    ("cut by field", "cut by\nfield"),
)


def is_flat(result: PhaseMap) -> bool:
    """Whether a result is of 2-D images, which have areas and no volumes."""
    return result.attenuation_unit == OPTICAL_DEPTH


def particles_report(result: PhaseMap) -> Table:
    """Lines of the particles of a segmented result, the largest first."""
    return _selected(result, "particles", _FLAT_PARTICLES if is_flat(result) else _PARTICLES)


def core_shell_lines(result: PhaseMap) -> Table:
    """Lines of the particles that have a core in a shell."""
    return _selected(result, "core_shell", _CORES)


def _selected(result: PhaseMap, name: str, chosen: tuple[tuple[str, str], ...]) -> Table:
    columns = read_table(result.path, name)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    cells = []
    for start, title in chosen:
        found = next(values for key, values in columns.items() if key.startswith(start))
        table.add_column(title, justify="left" if start in ("structure", "verdict") else "right")
        cells.append([_short(cell) for cell in found])
    rows = list(zip(*cells, strict=True))
    for row in rows[:_MOST_ROWS]:
        table.add_row(*row)
    if len(rows) > _MOST_ROWS:
        table.caption = f"{len(rows) - _MOST_ROWS} more in tables/{name}.csv"
    return table


def _short(cell: str) -> str:
    """Number to three digits; words as they are."""
    try:
        return f"{float(cell):.3g}" if "." in cell or "e" in cell else cell
    except ValueError:
        return cell
