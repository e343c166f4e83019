"""Columns of numbers in a text file: csv, txt, dat, Athena's .nor, XDI."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

_SEPARATOR = re.compile(r"[,;\s]+")
_NAMED_COLUMN = re.compile(r"^[#%!;\s]*Column\.(\d+)\s*:\s*(.+?)\s*$", re.IGNORECASE)
_UNIT_AT_END = re.compile(r"(?<=\S)\s+(?:eV|keV|counts|degrees?|deg|angstroms?|seconds?|arb\.?|a\.u\.)$", re.IGNORECASE)
_COMMENT_SIGNS = "#%!;"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnFile:
    """The numbers of a text file and what its header calls them.

    Parameters
    ----------
    path
        The file.
    names
        Name of each column; its number, counted from 1, where the header has no name for it.
    values
        `(column, row)` float64.
    """

    path: Path
    names: tuple[str, ...]
    values: FloatArray


def read_columns(path: Path) -> ColumnFile:
    """Read the columns of numbers of a text file.

    Columns are separated by commas, semicolons or white space. Lines that start with # % ! or ; and all lines
    before the first row of numbers are header. Column names come from "Column.N: name" lines (XDI, Athena) or
    from the last header line that has as many words as there are columns.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    The columns with their names.

    Raises
    ------
    DataError
        If the file cannot be read or has no numbers, or a row has text in it or differs in length.
    """
    header, rows = _split_header(path, _read_lines(path))
    if not rows:
        message = f"{path} has no row of numbers; give a text file with the energy and the absorption in columns."
        raise DataError(message)
    values = np.array(rows, dtype=np.float64).T  # (column, row)
    return ColumnFile(path=path, names=_column_names(header, n_columns=len(values)), values=values)


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); check the path and its permissions."
        raise DataError(message) from error
    if "\0" in text:
        message = f"{path} is not a text file; give the energy and the absorption as columns of text."
        raise DataError(message)
    return text.splitlines()


def _split_header(path: Path, lines: list[str]) -> tuple[list[str], list[list[float]]]:
    header: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        row = _numbers(line)
        if row is None and (not rows or line.strip()[:1] in _COMMENT_SIGNS):
            header.append(line)
        elif row is None or (rows and len(row) != len(rows[0])):
            message = (
                f"{path} line {number} ({line.strip()[:40]!r}) is not a row of {len(rows[0])} numbers like "
                "those before it; correct or remove the line."
            )
            raise DataError(message)
        else:
            rows.append(row)
    return header, rows


def _numbers(line: str) -> list[float] | None:
    """Numbers of a row; None for a comment, an empty line or text."""
    words = [word for word in _SEPARATOR.split(line) if word]
    try:
        return [float(word) for word in words] or None
    except ValueError:
        return None


def _column_names(header: list[str], *, n_columns: int) -> tuple[str, ...]:
    numbered = {int(m.group(1)): _without_unit(m.group(2)) for m in map(_NAMED_COLUMN.match, header) if m}
    if numbered:
        return tuple(numbered.get(number, str(number)) for number in range(1, n_columns + 1))
    titles = (_SEPARATOR.split(line.lstrip(_COMMENT_SIGNS + " \t").strip()) for line in reversed(header))
    fallback = tuple(str(number) for number in range(1, n_columns + 1))
    return next((tuple(words) for words in titles if len(words) == n_columns), fallback)


def _without_unit(title: str) -> str:
    """Name of a column in "name unit || where it was recorded", as XDI writes them."""
    return _UNIT_AT_END.sub("", title.split("||")[0].strip())
