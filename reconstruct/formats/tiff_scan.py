"""Scans of TIFF files: a folder with `energies.csv`, and one folder or one multi-page file per energy.

    scan/
      energies.csv        name,energy_ev[,pixel_size_nm][,time_s][,binning]   one line per energy
      angles.csv          angle_deg                                           one line per projection, for every energy
      7112.00/            projections *.tif in the order of their numbers; flats/ and darks/, or flat*.tif and dark*.tif
      7114.00.tif         or all projections in one file; flats in 7114.00_flat*.tif, darks in 7114.00_dark*.tif
      flats/, darks/      for energies that have none of their own; or flat*.tif and dark*.tif

An energy may have its own angles, in `angles.csv` of its folder or in `7114.00_angles.csv`.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import (
    angles_rad_from,
    binning_from,
    energy_ev_from,
    number_from,
    pixel_size_nm_from,
)
from xanesmap.reconstruct.formats.file_order import natural_order
from xanesmap.reconstruct.formats.frame_tomogram import FrameTomogram
from xanesmap.reconstruct.formats.tiff_frames import TIFF_SUFFIXES, TiffFrame, find_frames_alike, find_tiffs
from xanesmap.reconstruct.overrides import NO_OVERRIDES, Overrides

ENERGIES_FILE = "energies.csv"
ANGLES_FILE = "angles.csv"
LARGEST_TABLE_BYTES = 1 << 24
"""Larger files are no table of energies or angles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyEntry:
    """One line of `energies.csv`.

    Attributes
    ----------
    path
        File or folder it names.
    energy_ev
        Photon energy in eV.
    pixel_size_nm
        Pixel size in nm, or None.
    time_s
        Start, seconds since 1970, or None.
    binning
        Pixels of the camera added up along a row, or None.
    notes
        What had to be assumed.
    """

    path: Path
    energy_ev: float
    pixel_size_nm: float | None
    time_s: float | None
    binning: int | None
    notes: tuple[str, ...]


def is_tiff_scan(folder: str | Path) -> bool:
    """Whether a folder is a scan of TIFF files: whether it holds `energies.csv`."""
    return (Path(folder) / ENERGIES_FILE).is_file()


def open_tiff_scan(folder: str | Path, *, overrides: Overrides = NO_OVERRIDES) -> list[FrameTomogram]:
    """Tomograms of a folder of TIFF files, without reading a frame.

    Parameters
    ----------
    folder
        Folder with `energies.csv`.
    overrides
        Angles that are given need not be in the folder.

    Returns
    -------
    One tomogram per line of `energies.csv`, in its order.

    Raises
    ------
    DataError
        A table or file is missing, unreadable or does not fit the others.
    """
    folder = Path(folder)
    return [_open_energy(entry, folder, overrides) for entry in read_energies(folder)]


def _open_energy(entry: EnergyEntry, folder: Path, overrides: Overrides) -> FrameTomogram:
    if entry.path.is_dir():
        own, prefix = entry.path, ""
        projections = _frames([p for p in find_tiffs(own) if not _is_reference(p)], where=own)
    else:
        own, prefix = entry.path.parent, f"{entry.path.stem}_"
        projections = _frames([entry.path], where=entry.path)
    flats = _references(own, "flat", prefix) or _references(folder, "flat", "")
    darks = _references(own, "dark", prefix) or _references(folder, "dark", "")
    return FrameTomogram(
        source=entry.path,
        energy_ev=entry.energy_ev,
        angles_rad=_angles_rad(entry.path, folder, len(projections), overrides),
        projections=tuple(projections),
        flats=tuple(flats),
        darks=tuple(darks),
        pixel_size_nm=entry.pixel_size_nm,
        time_s=entry.time_s,
        binning=entry.binning,
        notes=entry.notes,
        datasets=("projections", "flats", "darks"),
    )


def _frames(paths: Sequence[Path], *, where: Path) -> list[TiffFrame]:
    if not paths:
        message = f"{where}: holds no TIFF file ({', '.join(TIFF_SUFFIXES)}) of projections. Check '{ENERGIES_FILE}'."
        raise DataError(message)
    return find_frames_alike(sorted(paths, key=natural_order))


def _is_reference(path: Path) -> bool:
    return path.name.lower().startswith(("flat", "dark"))


def _references(place: Path, kind: str, prefix: str) -> list[TiffFrame]:
    """Flats or darks: TIFF files whose names start so, and those of a subfolder where names have no prefix."""
    start = f"{prefix}{kind}".lower()
    paths = [path for path in find_tiffs(place) if path.name.lower().startswith(start)]
    subfolder = place / f"{kind}s"
    if not prefix and subfolder.is_dir():
        paths += find_tiffs(subfolder)
    return find_frames_alike(sorted(paths, key=natural_order)) if paths else []


def read_energies(folder: Path) -> list[EnergyEntry]:
    """Lines of the `energies.csv` of a folder.

    Parameters
    ----------
    folder
        Folder of the scan.

    Returns
    -------
    One entry per line, in the order of the lines.

    Raises
    ------
    DataError
        The table cannot be read, lacks a column, or names what is not there or lies outside the folder.
    """
    path = folder / ENERGIES_FILE
    rows = read_table(path)
    columns = set(rows[0]) if rows else set()
    unit = next((name for name in ("energy_ev", "energy_kev", "energy") if name in columns), None)
    if unit is None or "name" not in columns:
        held = ", ".join(sorted(columns)) or "nothing"
        message = f"{path}: columns 'name' and 'energy_ev' (or 'energy_kev') are expected; found {held}."
        raise DataError(message)
    return [_entry(row, unit, folder) for row in rows]


def _entry(row: dict[str, str], unit: str, folder: Path) -> EnergyEntry:
    table, name = folder / ENERGIES_FILE, row["name"]
    path = _named(table, name)
    energy, notes = energy_ev_from(row[unit], name=f"{table}: the energy of {name!r}")
    if (unit == "energy_ev") != (number_from(row[unit]) == energy) and unit != "energy":
        message = (
            f"{table}: the energy of {name!r} is {row[unit]} in the column '{unit}'. Correct the value or the title."
        )
        raise DataError(message)
    size, time = row.get("pixel_size_nm", ""), number_from(row.get("time_s"))
    missing = () if size else ("No 'pixel_size_nm' is recorded in 'energies.csv'.",)
    return EnergyEntry(
        path=path,
        energy_ev=energy,
        pixel_size_nm=pixel_size_nm_from(size) if size else None,
        time_s=time if np.isfinite(time) else None,
        binning=binning_from(row.get("binning", "")),
        notes=(*(notes if unit == "energy" else ()), *missing),
    )


def _named(table: Path, name: str) -> Path:
    """File or folder that a table names, beside the table and nowhere else."""
    path = table.parent / name
    try:
        is_inside, is_there = table.parent.resolve() in path.resolve().parents, path.exists()
    except (OSError, ValueError):  # too long, or with a null character
        is_inside, is_there = True, False
    if not is_inside:
        message = f"{table}: {name!r} is outside the folder of the scan, and is not followed. Copy it there."
        raise DataError(message)
    if not is_there:
        message = f"{table}: names {name[:80]!r}, and there is no such file or folder beside it. Correct the name."
        raise DataError(message)
    return path


def _angles_rad(path: Path, folder: Path, n_projections: int, overrides: Overrides) -> NDArray[np.float64]:
    if overrides.angles_deg is not None:
        return overrides.angles_rad(n_projections=n_projections, path=path)
    own = path / ANGLES_FILE if path.is_dir() else path.with_name(f"{path.stem}_{ANGLES_FILE}")
    table = own if own.is_file() else folder / ANGLES_FILE
    if not table.is_file():
        message = f"{path}: its angles are neither in {own.name} nor in {table}. Write them there, titled 'angle_deg'."
        raise DataError(message)
    rows = read_table(table)
    if not rows or "angle_deg" not in rows[0]:
        message = (
            f"{table}: a column titled 'angle_deg' is expected; found {', '.join(rows[0]) if rows else 'nothing'}."
        )
        raise DataError(message)
    degrees = np.array([number_from(row["angle_deg"]) for row in rows])
    return angles_rad_from(degrees, n_projections=n_projections, name=f"{table}: column 'angle_deg' (for {path.name})")


def read_table(path: Path) -> list[dict[str, str]]:
    """Lines of a CSV file by the titles in its first line, in lower case and without blanks around.

    Raises
    ------
    DataError
        The file cannot be read, or a line has another number of values than there are titles.
    """
    try:
        if path.stat().st_size > LARGEST_TABLE_BYTES:
            message = f"{path}: has {path.stat().st_size} bytes, which is no table of a scan. Check the file."
            raise DataError(message)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path}: cannot be read as CSV ({error}). Save it again as text with commas."
        raise DataError(message) from error
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    cells = [[cell.strip() for cell in row] for row in rows[1:]]
    short = [number for number, row in enumerate(cells, start=2) if len(row) != len(titles)]
    if short:
        message = (
            f"{path}: line {short[0]} has another number of values than the {len(titles)} titles. Correct the line."
        )
        raise DataError(message)
    return [dict(zip(titles, row, strict=True)) for row in cells]
