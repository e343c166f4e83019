"""The curve of a cell during an experiment: voltage over time and charge, from the table that a cycler writes."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

_HOURS = {
    "s": 1 / 3600,
    "sec": 1 / 3600,
    "second": 1 / 3600,
    "seconds": 1 / 3600,
    "min": 1 / 60,
    "h": 1.0,
    "hours": 1.0,
}
_HOURS |= {"hour": 1.0, "minutes": 1 / 60, "hr": 1.0}
_UNIT = re.compile(r"[\[(/_]\s*([A-Za-zµ][A-Za-z/µ.\-⁻¹0-9 ]*?)\s*[\])]?\s*$")
_TOLD_BY = {
    "time": re.compile(r"time|^t\b", re.IGNORECASE),
    "capacity": re.compile(r"capacity|charge|^q\b", re.IGNORECASE),
    "voltage": re.compile(r"voltage|potential|ewe|ecell|^[euv]\b", re.IGNORECASE),
}
_LARGEST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveColumns:
    """Titles of the columns of a table; None for those to be told by their titles."""

    time: str | None = None
    capacity: str | None = None
    voltage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellCurve:
    """Voltage of a cell, with the time and the charge passed, each where known.

    Parameters
    ----------
    voltage_v
        `(point,)` V.
    time_h
        `(point,)` hours, or None.
    capacity
        `(point,)` in the unit of the series, or None.
    """

    voltage_v: NDArray[np.float64]
    time_h: NDArray[np.float64] | None
    capacity: NDArray[np.float64] | None


def read_cell_curve(path: str | Path, *, columns: CurveColumns | None = None, capacity_unit: str) -> CellCurve:
    """Read the table of a cycler.

    Parameters
    ----------
    path
        Columns separated by commas, semicolons or tabs, with one line of titles that name their units, such as
        `time (s)`, `capacity (mAh/g)`, `voltage (V)`. Lines without numbers in every column used are left out.
    columns
        Titles of the columns, where they cannot be told.
    capacity_unit
        Unit in which charge is wanted. It is not converted: a column that names another is refused.

    Raises
    ------
    DataError
        No such file, no column of voltage, neither time nor charge, or a unit that is missing or another.
    """
    path = Path(path)
    titles, rows = _read_table(path)
    asked = columns or CurveColumns()
    places = {name: _place(path, titles, name, getattr(asked, name)) for name in ("time", "capacity", "voltage")}
    if places["voltage"] is None or (places["time"] is None and places["capacity"] is None):
        message = (
            f"{path}: a curve needs a column of voltage and one of time or capacity; found {', '.join(titles)}. Name "
            "them in the series file: voltage, time, capacity."
        )
        raise DataError(message)
    used = {name: place for name, place in places.items() if place is not None}
    values = _numbers(path, rows, used)
    if "time" in used:
        values["time"] = values["time"] * _hours_per_unit(path, titles[used["time"]])
    if "capacity" in used:
        _require_unit(path, titles[used["capacity"]], capacity_unit)
    _require_volts(path, titles[used["voltage"]])
    return CellCurve(voltage_v=values["voltage"], time_h=values.get("time"), capacity=values.get("capacity"))


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            message = f"{path}: has {path.stat().st_size} bytes, which is no table of a cycler. Check the file."
            raise DataError(message)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as text ({error}). Give the table of the cycler as CSV."
        raise DataError(message) from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        message = f"{path}: holds no table; give one line of titles and one line per point."
        raise DataError(message)
    separator = max(",;\t", key=lines[0].count)
    titles, *rows = csv.reader(lines, delimiter=separator)
    return [title.strip() for title in titles], rows


def _place(path: Path, titles: list[str], name: str, asked: str | None) -> int | None:
    """Number of a column; None where it is not asked for and none can be told."""
    if asked is not None:
        if asked not in titles:
            message = (
                f"{path}: has no column {asked!r} for {name}; it has {', '.join(titles)}. Correct the series file."
            )
            raise DataError(message)
        return titles.index(asked)
    found = [place for place, title in enumerate(titles) if _TOLD_BY[name].search(title)]
    if len(found) > 1:
        several = ", ".join(titles[place] for place in found)
        message = f"{path}: {several} may all be the {name}; name one as {name} in the series file."
        raise DataError(message)
    return found[0] if found else None


def _numbers(path: Path, rows: list[list[str]], places: dict[str, int]) -> dict[str, NDArray[np.float64]]:
    found: list[list[float]] = []
    for row in rows:
        try:
            numbers = [float(row[place]) for place in places.values()]
        except (ValueError, IndexError):
            continue
        if np.isfinite(numbers).all():
            found.append(numbers)
    if not found:
        message = f"{path}: has no line with numbers in its columns of {', '.join(places)}. Check the file."
        raise DataError(message)
    return dict(zip(places, np.array(found, np.float64).T, strict=True))


def _unit_in(title: str) -> str:
    match = _UNIT.search(title)
    return "" if match is None else match[1].strip()


def _hours_per_unit(path: Path, title: str) -> float:
    unit = _unit_in(title).lower()
    if unit not in _HOURS:
        message = (
            f"{path}: the column {title!r} does not name its unit; call it 'time (s)', 'time (min)' or 'time (h)'."
        )
        raise DataError(message)
    return _HOURS[unit]


def _require_unit(path: Path, title: str, unit: str) -> None:
    found = _unit_in(title)
    if found.replace(" ", "").lower() != unit.replace(" ", "").lower():
        message = (
            f"{path}: the column {title!r} is in {found or 'no unit that it names'}, and the series in {unit}. Give "
            f'capacity_unit = "{found or "mAh/g"}" in the series file, or the column in {unit}.'
        )
        raise DataError(message)


def _require_volts(path: Path, title: str) -> None:
    found = _unit_in(title)
    if found and not found.upper().startswith("V"):
        message = f"{path}: the column {title!r} is in {found}; give the voltage in V."
        raise DataError(message)
