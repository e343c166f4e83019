"""Provenance: how a result was made, with what, from which files."""

import dataclasses
import hashlib
import math
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

PACKAGES = (
    "numpy",
    "scipy",
    "h5py",
    "zarr",
    "ome-zarr",
    "dask",
    "xarray",
    "finufft",
    "tomopy",
    "algotom",
    "scikit-image",
    "scikit-learn",
    "pydantic",
    "xraydb",
)
"""Packages whose versions may change a number."""

ENDS_BYTES = 4 * 1024**2
WHOLE_FILE_BYTES = 64 * 1024**2
"""Files larger than this are identified by their size and their first and last 4 MiB."""


class ReferenceSpectrum(Protocol):
    """A reference as used in a fit (`xanesmap.spectra.reference.Reference`)."""

    @property
    def name(self) -> str:
        """Name of the phase."""

    @property
    def energies_ev(self) -> NDArray[Any]:
        """(energy,) in eV."""

    @property
    def values(self) -> NDArray[Any]:
        """(energy,) normalised absorption."""

    @property
    def source(self) -> str:
        """Where the spectrum comes from."""


def provenance(
    config: Any,
    inputs: Sequence[Path],
    *,
    engine_name: str,
    engine_version: str,
    references: Sequence[ReferenceSpectrum] = (),
) -> dict[str, Any]:
    """Root attributes that tell how a result was made.

    Parameters
    ----------
    config
        The full configuration, as a mapping or a pydantic model.
    inputs
        The input files.
    engine_name, engine_version
        Reconstruction engine.
    references
        The reference spectra as loaded, on their own energies.

    Returns
    -------
    dict
        Of plain JSON values: ``xanesmap_version``, ``packages``, ``python``, ``platform``, ``configuration``,
        ``inputs``, ``engine``, ``references``, ``created`` (UTC).

    Raises
    ------
    DataError
        An input file cannot be read.
    """
    return {
        "xanesmap_version": _installed("xanesmap"),
        "packages": {name: found for name in PACKAGES if (found := _installed(name)) is not None},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "configuration": as_json(config),
        "inputs": [file_identity(path) for path in inputs],
        "engine": {"name": engine_name, "version": engine_version},
        "references": [_reference(reference) for reference in references],
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _reference(reference: ReferenceSpectrum) -> dict[str, Any]:
    return {
        "name": reference.name,
        "source": reference.source,
        "energies_ev": as_json(reference.energies_ev),
        "values": as_json(reference.values),
    }


def file_identity(path: Path) -> dict[str, Any]:
    """Path, size and checksum of a file.

    Parameters
    ----------
    path
        A file.

    Returns
    -------
    dict
        ``path``, ``bytes`` and either ``sha256`` of the whole file or, above 64 MiB,
        ``sha256_of_first_and_last_4_MiB``: the SHA-256 of the first 4 MiB followed by the last 4 MiB.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        whole = size <= WHOLE_FILE_BYTES
        checksum = _sha256(path) if whole else _sha256_of_ends(path, size)
    except OSError as error:
        message = f"cannot read input file '{path}' for its checksum ({error.strerror}); check that it is there"
        raise DataError(message) from error
    return {
        "path": str(path.resolve()),
        "bytes": size,
        "sha256" if whole else "sha256_of_first_and_last_4_MiB": checksum,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of_ends(path: Path, size: int) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(ENDS_BYTES))
        file.seek(size - ENDS_BYTES)
        digest.update(file.read(ENDS_BYTES))
    return digest.hexdigest()


def as_json(value: Any) -> Any:
    """Express a value in plain JSON types.

    Parameters
    ----------
    value
        Mappings, sequences, arrays, numbers, texts, paths, dates, dataclasses, pydantic models, or None.

    Returns
    -------
    Any
        Of dict, list, str, int, float, bool and None. NaN and infinities, which JSON lacks, become the texts
        ``NaN``, ``Infinity`` and ``-Infinity``.

    Raises
    ------
    TypeError
        A value of another type.
    """
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return _object_as_json(value)


def _object_as_json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return as_json(value.model_dump())
    message = f"a {type(value).__name__} cannot be kept in the attributes of a result: {value!r}"
    raise TypeError(message)
