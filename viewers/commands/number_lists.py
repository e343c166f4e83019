"""Lists of numbers on the command line: written out, as ranges, or kept in a file."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xanesmap.errors import DataError

_WRITTEN = re.compile(r"[-+.,:;eE\d\s]+")
_SEPARATORS = re.compile(r"[,;\s]+")
_LARGEST_BYTES = 1 << 24
_LONGEST = 10**6
# Portion of a step by which the end of a range may miss a whole number of steps: decimal steps are not exact.
_END_TOLERANCE = 1e-6
_TITLES = ("energy_ev", "energy", "eng", "angle_deg", "angle", "theta")


def numbers_from(text: str, *, option: str) -> tuple[float, ...]:
    """Numbers of an option of the command line.

    Parameters
    ----------
    text
        A file with one number per line; `file:column`, the column of a table by its title or its number from 1; or
        numbers and ranges `start:stop:step` with commas between them, the ends of ranges included. Where a range begins
        with the number before it, as the segments of a scan do, that number is taken once.
    option
        Name of the option, for messages.

    Returns
    -------
    The numbers, in their order.

    Raises
    ------
    DataError
        The text is neither a file nor a list of numbers, or the file does not hold what is asked for.

    Examples
    --------
    >>> numbers_from("7092:7096:2,7096:7097:0.5,7110", option="--energies-ev")
    (7092.0, 7094.0, 7096.0, 7096.5, 7097.0, 7110.0)
    """
    if Path(text).is_file():
        return _numbers_of_file(Path(text), "", option=option)
    if _WRITTEN.fullmatch(text):
        return _written_numbers(text, option=option)
    name, separator, column = text.rpartition(":")
    if separator and Path(name).is_file():
        return _numbers_of_file(Path(name), column, option=option)
    message = (
        f"{option} {text!r} is neither a file nor a list of numbers. Give a file with one number per line, "
        "FILE:COLUMN of a table, or numbers like 7092:7110:2,7111,7112."
    )
    raise DataError(message)


def _written_numbers(text: str, *, option: str) -> tuple[float, ...]:
    numbers: list[float] = []
    for item in filter(None, _SEPARATORS.split(text)):
        values = _range(item, option=option) if ":" in item else [_number(item, where=f"{option} {text!r}")]
        continues = bool(numbers) and ":" in item and np.isclose(values[0], numbers[-1], rtol=0, atol=1e-9)
        numbers.extend(values[1:] if continues else values)
    if not numbers:
        message = f"{option} {text!r} holds no number. Give numbers like 7092:7110:2,7111,7112, or a file."
        raise DataError(message)
    return tuple(numbers)


def _range(item: str, *, option: str) -> list[float]:
    parts = item.split(":")
    if len(parts) != 3:
        message = f"{option}: {item!r} is no range. Write it as start:stop:step, for example 7092:7110:2."
        raise DataError(message)
    start, stop, step = (_number(part, where=f"{option} {item!r}") for part in parts)
    steps = (stop - start) / step if step else -1.0
    if not 0 <= steps <= _LONGEST:
        message = f"{option}: the step of {item!r} does not lead from {start:g} to {stop:g}. Correct its sign or size."
        raise DataError(message)
    count = int(steps + _END_TOLERANCE) + 1
    # Rounded, for 7092.3 is meant where start + 3 * 0.1 gives 7092.300000000001.
    return [round(start + index * step, 9) for index in range(count)]


def _numbers_of_file(path: Path, column: str, *, option: str) -> tuple[float, ...]:
    rows = _rows(path)
    titled = bool(rows) and not all(_is_number(cell) for cell in rows[0]) and not _is_number(rows[0][-1])
    titles = [title.lower() for title in rows[0]] if titled else []
    body = rows[1:] if titled else rows
    if not body:
        message = f"{path}: holds no number, asked for by {option}. Give one number per line."
        raise DataError(message)
    index = _column_index(path, column, titles, width=len(body[0]), option=option)
    short = next((row for row in body if len(row) <= index), None)
    if short is not None:
        message = f"{path}: the line {' '.join(short)!r} has no column {index + 1}. Correct the line."
        raise DataError(message)
    return tuple(_number(row[index], where=f"{path}") for row in body)


def _rows(path: Path) -> list[list[str]]:
    """Cells of a table without comments: separated by commas or semicolons where it has any, else by blanks."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            message = f"{path}: has {path.stat().st_size} bytes, which is no list of numbers. Check the file."
            raise DataError(message)
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        lines = [line for line in lines if line and not line.startswith(("#", "%"))]
        split = [
            next(csv.reader([line.replace(";", ",")])) if re.search("[,;]", line) else line.split() for line in lines
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path}: cannot be read as text ({error}). Give a text file with one number per line."
        raise DataError(message) from error
    return [cells for row in split if (cells := [cell.strip() for cell in row])]


def _column_index(path: Path, column: str, titles: Sequence[str], *, width: int, option: str) -> int:
    if not column and width == 1:
        return 0
    asked = column.strip().lower()
    if asked in titles:
        return titles.index(asked)
    if asked.isdigit() and 1 <= int(asked) <= width:
        return int(asked) - 1
    known = [title for title in titles if title in _TITLES]
    if not column and len(known) == 1:
        return titles.index(known[0])
    held = f"columns {', '.join(titles)}" if titles else f"{width} columns without titles"
    wanted = f"no column {column!r}" if column else "more than one column"
    message = f"{path}: has {wanted}; it holds {held}. Give {option} {path}:COLUMN, by title or by number from 1."
    raise DataError(message)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, *, where: str) -> float:
    if not _is_number(text) or not np.isfinite(float(text)):
        message = f"{where}: {text.strip()[:40]!r} is no finite number. Correct it."
        raise DataError(message)
    return float(text)
