"""Alignments on disk: the group `alignment` of a result, and `alignment.zarr` by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.check import check_same_frames, check_same_motion
from xanesmap.phasemap.storage.destination import (
    ATTRIBUTE,
    check_destination,
    create_partial,
    discard,
    own_attributes,
    put_in_place,
    writing,
)
from xanesmap.phasemap.storage.provenance import as_json, file_identity
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.scan import Scan

ALIGNMENT_GROUP = "alignment"
ALIGNMENT_VERSION = 1

_UNITS = {
    "shift_px": ("pixel", ("energy", "angle", "direction"), "displacement (v, u) without that of the rotation axis"),
    "magnification": ("1", ("energy",), "magnification relative to the undisturbed image"),
    "centre_px": ("pixel", ("energy",), "detector column of the rotation axis"),
    "residual_px": ("pixel", ("energy", "angle"), "standard error of the displacement"),
    "kept": ("1", ("energy", "angle"), "1 for frames that are used"),
    "air_level": ("1", ("energy", "angle"), "line integral of the air around the object"),
    "pattern": ("1", ("energy", "v", "u"), "line integral fixed on the detector"),
    "contrast": ("1", ("energy",), "contrast of the frames over that predicted from the spectra"),
    "angles_rad": ("rad", ("energy", "angle"), "rotation angle; NaN beyond the last frame of an energy"),
    "energies_ev": ("eV", ("energy",), "photon energy as recorded"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlignment:
    """An alignment from disk, and sentences on how it fits."""

    alignment: Alignment
    notes: tuple[str, ...]


def write_alignment_group(folder: Path, alignment: Alignment, scan: Scan) -> None:
    """Add the group `alignment` to a zarr store that is being written.

    Parameters
    ----------
    folder
        The store.
    alignment
        Of the scan.
    scan
        Its angles and energies are kept with it.
    """
    group = zarr.open_group(folder, mode="r+").create_group(ALIGNMENT_GROUP)
    facts = {"roll_rad": alignment.roll_rad, "reaches_over_sides": alignment.reaches_over_sides}
    group.attrs.update({**facts, "version": ALIGNMENT_VERSION})
    angles = np.full(alignment.kept.shape, np.nan)
    for row, tomogram in zip(angles, scan.tomograms, strict=True):
        row[: len(tomogram.angles_rad)] = tomogram.angles_rad
    arrays = {name: getattr(alignment, name) for name in _UNITS if hasattr(alignment, name)}
    arrays |= {"angles_rad": angles, "energies_ev": np.asarray(scan.energies_ev, np.float64)}
    for name, values in arrays.items():
        units, axes, long_name = _UNITS[name]
        stored = np.asarray(values, np.uint8) if values.dtype == bool else values
        array = group.create_array(name, data=stored, dimension_names=axes)
        array.attrs.update({"units": units, "long_name": long_name})


def write_alignment(
    out: Path,
    alignment: Alignment,
    scan: Scan,
    *,
    attributes: Mapping[str, Any],
    extend: Callable[[Path], None],
    overwrite: bool = False,
) -> Path:
    """Write an alignment by itself.

    Parameters
    ----------
    out
        Folder ending in `.zarr`.
    alignment
        Of the scan.
    scan
        What was aligned.
    attributes
        Provenance.
    extend
        Called with the folder before it is put in place, to add what goes with the alignment.
    overwrite
        Whether an earlier one may be replaced; it is as it was until the new one is complete.

    Raises
    ------
    DataError
        The path cannot take it, or the disk is full.
    """
    check_destination(out, overwrite=overwrite)
    partial = create_partial(out)
    try:
        with writing(out, alignment.pattern.nbytes):
            root = zarr.create_group(partial, zarr_format=3)
            write_alignment_group(partial, alignment, scan)
            extend(partial)
            finished = datetime.now(UTC).isoformat(timespec="seconds")
            facts = {**attributes, "kind": "alignment", "status": "finished", "finished": finished}
            root.attrs[ATTRIBUTE] = as_json(facts)
            put_in_place(partial, out)
    except BaseException:
        discard(partial)
        raise
    return out


def read_alignment(source: str | Path, scan: Scan) -> KeptAlignment:
    """Alignment of a scan, from `alignment.zarr` or from an earlier result.

    Parameters
    ----------
    source
        The store.
    scan
        What it is to be used for. Made from other files, as between states of charge, it is used where it fits.

    Raises
    ------
    DataError
        No alignment there, or one that does not fit the scan.
    """
    path = Path(source)
    attributes = own_attributes(path)
    if attributes is None or attributes.get("status") != "finished" or not (path / ALIGNMENT_GROUP).is_dir():
        message = (
            f"{path} was given as alignment, but holds none; give the output of 'xanesmap align', or a result of "
            "'xanesmap run' whose frames were aligned."
        )
        raise DataError(message)
    arrays, stored = _read_arrays(path)
    check_same_frames(path, arrays, scan)
    alignment = _as_alignment(arrays, stored)
    if _same_files(attributes, scan):
        return KeptAlignment(alignment=alignment, notes=())
    check_same_motion(path, alignment, scan)
    note = f"The alignment {path} was made from other files; the frames looked at move as it says."
    return KeptAlignment(alignment=alignment, notes=(note,))


def _read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and facts of the group, as stored."""
    try:
        group = zarr.open_group(path / ALIGNMENT_GROUP, mode="r")
        if int(group.attrs["version"]) > ALIGNMENT_VERSION:  # type: ignore[arg-type]
            message = f"The alignment {path} was written by a newer version of xanesmap; update xanesmap to read it."
            raise DataError(message)
        arrays = {name: np.asarray(group[name]) for name in _UNITS}
        attributes: dict[str, Any] = dict(group.attrs)
        facts = {
            "roll_rad": float(attributes["roll_rad"]),
            "reaches_over_sides": bool(attributes["reaches_over_sides"]),
        }
        return arrays, facts
    except (KeyError, ValueError, TypeError, OSError) as error:
        message = f"The alignment {path} is damaged ({error}); make it again with 'xanesmap align'."
        raise DataError(message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlignment:
    """An alignment with the angles and energies it was made for."""

    alignment: Alignment
    angles_rad: NDArray[np.float64]
    """`(energy, angle)`; NaN beyond the last frame of an energy."""
    energies_ev: NDArray[np.float64]
    """`(energy,)` as recorded."""


def stored_alignment(path: Path) -> StoredAlignment | None:
    """Alignment of the frames of a result, or of `alignment.zarr`; None where they were not aligned.

    Raises
    ------
    DataError
        The alignment is damaged.
    """
    if not (path / ALIGNMENT_GROUP).is_dir():
        return None
    arrays, facts = _read_arrays(path)
    return StoredAlignment(
        alignment=_as_alignment(arrays, facts),
        angles_rad=arrays["angles_rad"].astype(np.float64),
        energies_ev=arrays["energies_ev"].astype(np.float64),
    )


def displacement_in(path: Path) -> NDArray[np.float64] | None:
    """`(energy, angle, 2)` displacement (v, u) of the frames of a result, pixels; None where they were not aligned.

    Raises
    ------
    DataError
        The alignment is damaged.
    """
    stored = stored_alignment(path)
    return None if stored is None else stored.alignment.displacement_px


def _as_alignment(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Alignment:
    return Alignment(
        shift_px=arrays["shift_px"].astype(np.float64),
        magnification=arrays["magnification"].astype(np.float64),
        centre_px=arrays["centre_px"].astype(np.float64),
        residual_px=arrays["residual_px"].astype(np.float64),
        kept=arrays["kept"].astype(bool),
        air_level=arrays["air_level"].astype(np.float64),
        pattern=arrays["pattern"].astype(np.float32),
        contrast=arrays["contrast"].astype(np.float64),
        **facts,
    )


def _same_files(attributes: Mapping[str, Any], scan: Scan) -> bool:
    """Whether the checksums of the files are those that were aligned."""
    made_from = [dict(entry) for entry in attributes.get("inputs", [])]
    present = [file_identity(tomogram.source) for tomogram in scan.tomograms]
    for entry in (*made_from, *present):
        entry.pop("path", None)
    return made_from == present
