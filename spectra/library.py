"""All spectra of a file as references, for a search among many."""

import logging
from pathlib import Path

from xanesmap.errors import DataError
from xanesmap.spectra.athena_project import is_project, read_project
from xanesmap.spectra.column_file import read_columns
from xanesmap.spectra.reference import Reference, load_reference

logger = logging.getLogger(__name__)


def load_library(source: str | Path) -> list[Reference]:
    """Read every spectrum of a file as a reference.

    Parameters
    ----------
    source
        A text file of an energy column and normalised columns (Athena's .nor), or an Athena project (.prj).

    Returns
    -------
    References named by their column or label. Columns that are no absorption edge are left out, and logged.

    Raises
    ------
    DataError
        If the file cannot be read or holds no spectrum that can be used.
    """
    path = Path(source)
    if is_project(path):
        names = [spectrum.label.strip() for spectrum in read_project(path)]
    else:
        names = list(read_columns(path).names[1:])
    found = [reference for name in names if (reference := _reference(path, name)) is not None]
    if not found:
        message = f"library {path} holds no spectrum that can be used, of {len(names)} columns; give normalised ones."
        raise DataError(message)
    return found


def holds_several(source: str | Path) -> bool:
    """Whether a file is a library: several spectra, of which none is the obvious one.

    Parameters
    ----------
    source
        Path of a file; one with a choice of column ("path:column") is no library.
    """
    path = Path(source)
    if not path.is_file():
        return False
    if is_project(path):
        return len(read_project(path)) > 1
    return path.suffix.lower() == ".nor" and len(read_columns(path).names) > 2


def _reference(path: Path, name: str) -> Reference | None:
    try:
        return load_reference(f"{path}:{name}", name=name)
    except DataError as error:
        logger.warning("%s is left out: %s", name, error)
        return None
