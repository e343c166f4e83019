"""Athena project files (`.prj`): the spectra of a project, with the energy shift and the name each has there.

Two dialects exist, both possibly gzip-compressed: Perl text (`$old_group = 'name';`, `@args = (...)`, `@x`, `@y`) and
JSON (`{"name": {"args": {...}, "x": [...], "y": [...]}}`). They are parsed as text; nothing of them is executed.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

GZIP_SIGNATURE = b"\x1f\x8b"
LARGEST_BYTES = 1 << 26
"""No project is larger than this when unpacked; a file that claims to be is not unpacked further."""

_ASSIGNMENT = re.compile(r"^[@$](old_group|args|x|y) = (.*?);?\s*$")
_ITEM = re.compile(r"'((?:[^'\\]|\\.)*)'|(\[(?:'(?:[^'\\]|\\.)*'|[^\]'])*\])|([^',\s\[\]()]+)")
"""An item of a Perl list: quoted text, a list, or a bare number."""

_RAW_KINDS = ("xmu", "xanes", "xmudat")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProjectSpectrum:
    """One spectrum of a project.

    Attributes
    ----------
    label
        What Athena shows it as.
    energies_ev
        `(point,)` photon energies in eV, with the shift that was set in Athena added.
    values
        `(point,)` absorption, raw unless `is_normalised`.
    shift_ev
        The shift, in eV.
    is_normalised
        Whether the project says that the spectrum was normalised before it was imported.
    """

    label: str
    energies_ev: FloatArray
    values: FloatArray
    shift_ev: float
    is_normalised: bool


def is_project(path: Path) -> bool:
    """Whether a file is an Athena project, judged by its first line."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    if head.startswith(GZIP_SIGNATURE):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 512)
        except zlib.error:
            return path.suffix.lower() == ".prj"
    return b"Athena project file" in head[:512]


def read_project(path: Path) -> list[ProjectSpectrum]:
    """Spectra of an Athena project; records that hold something else (EXAFS, fits) are left out.

    Parameters
    ----------
    path
        The project.

    Returns
    -------
    Its absorption spectra, in the order of the project.

    Raises
    ------
    DataError
        The file cannot be read, or holds no absorption spectrum.
    """
    text = _read_text(path)
    groups = _json_groups(text, path) if text.lstrip().startswith("{") else _perl_groups(text)
    found = [spectrum for name, args, x, y in groups if (spectrum := _spectrum(name, args, x, y)) is not None]
    if not found:
        message = f"{path} is an Athena project without an absorption spectrum; save the project again, or export it."
        raise DataError(message)
    return found


_Group = tuple[str, dict[str, Any], list[Any], list[Any]]


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if content.startswith(GZIP_SIGNATURE):
            with gzip.open(path) as file:
                content = file.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path} cannot be read as an Athena project ({error}); copy it again, or save it again in Athena."
        raise DataError(message) from error
    if len(content) > LARGEST_BYTES:
        message = (
            f"{path} holds more than {LARGEST_BYTES >> 20} MB of text, which is no Athena project; check the path."
        )
        raise DataError(message)
    return content.decode("utf-8", errors="replace")


def _perl_groups(text: str) -> Iterator[_Group]:
    current: dict[str, list[Any]] = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            current[match[1]] = _perl_items(match[2])
        elif line.startswith("[record]") and current:
            args = current.get("args", [])
            named = dict(zip(args[::2], args[1::2], strict=False))
            name = "".join(current.get("old_group", [])[:1])
            yield name, named, current.get("x", []), current.get("y", [])
            current = {}


def _perl_items(text: str) -> list[Any]:
    """Items of a Perl list; a list inside it is one item, so that keys and values keep their places."""
    return [quoted or listed or bare for quoted, listed, bare in _ITEM.findall(text)]


def _json_groups(text: str, path: Path) -> Iterator[_Group]:
    try:
        project = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{path} cannot be read as an Athena project ({error}); copy it again, or save it again in Athena."
        raise DataError(message) from error
    for name, group in project.items():
        if isinstance(group, dict) and isinstance(group.get("args"), dict):
            yield name, group["args"], _as_list(group.get("x")), _as_list(group.get("y"))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _spectrum(name: str, args: dict[str, Any], x: list[Any], y: list[Any]) -> ProjectSpectrum | None:
    is_raw = str(args.get("is_xmu", "0")) == "1" or str(args.get("datatype", "")) in _RAW_KINDS
    is_normalised = str(args.get("is_nor", "0")) == "1"
    if not (is_raw or is_normalised) or not x or len(x) != len(y):
        return None
    try:
        energies, values = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
        shift = float(args.get("bkg_eshift") or 0.0)
    except (TypeError, ValueError):
        return None
    return ProjectSpectrum(
        label=str(args.get("label") or name),
        energies_ev=energies + shift,
        values=values,
        shift_ev=shift,
        is_normalised=is_normalised,
    )
