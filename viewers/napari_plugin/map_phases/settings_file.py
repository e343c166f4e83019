"""Nested settings as a TOML file: the standard library reads TOML, but does not write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xanesmap.errors import DataError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(values: Mapping[str, Any]) -> str:
    """Settings as TOML: plain values first, then a table for each section.

    Parameters
    ----------
    values
        Texts, numbers, switches, lists of these, and sections of the same as mappings.

    Examples
    --------
    >>> print(toml_text({"scan": ["fly scan"], "align": {"method": "none"}}), end="")
    scan = ["fly scan"]
    <BLANKLINE>
    [align]
    method = "none"
    """
    return "".join(_table(values, ()))


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    lines = [f"\n[{'.'.join(map(_key, path))}]\n"] if path and plain else []
    lines += [f"{_key(name)} = {_value(value)}\n" for name, value in plain.items()]
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += _table(value, (*path, name))
    return lines


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    # JSON escapes as TOML does, but for the character DEL
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_toml(values: Mapping[str, Any], path: str | Path) -> Path:
    """Write settings to a TOML file.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    path = Path(path)
    try:
        path.write_text(toml_text(values), encoding="utf-8")
    except OSError as error:
        message = f"settings cannot be written to '{path}': {error.strerror}. Choose another place."
        raise DataError(message) from error
    return path
