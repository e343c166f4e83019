"""Tomograms written as TIFF files, frame by frame: a multi-page file per energy; flats, darks and angles beside."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_scan import ANGLES_FILE, ENERGIES_FILE, read_table
from xanesmap.reconstruct.scan import CountArray, Tomogram

COLUMNS = ("name", "energy_ev", "pixel_size_nm", "time_s", "binning")
CLASSIC_BYTES = 1 << 31
"""Files from this size on are written as BigTIFF; classic offsets end at 4 GB."""


def write_tiff(path: str | Path, tomogram: Tomogram, *, software: str = "xanesmap") -> None:
    """Write one energy of a scan of TIFF files, and enter it in `energies.csv` beside.

    Parameters
    ----------
    path
        File of the projections, such as `scan/tomo_0001.tif`; an existing one is replaced. Flats, darks, angles go to
        `tomo_0001_flat.tif`, `tomo_0001_dark.tif` and `tomo_0001_angles.csv`.
    tomogram
        What to write; counts keep their data type.
    software
        What the `Software` tag of the TIFF files and the first line of the tables say.

    Raises
    ------
    DataError
        The tomogram cannot be read, or the folder cannot be written.
    """
    path = Path(path)
    flats, darks = tomogram.read_references()
    n_angles = tomogram.angles_rad.size
    n_bytes = n_angles * tomogram.read_projection(0).nbytes
    try:
        _write_pages(path, (tomogram.read_projection(i) for i in range(n_angles)), n_bytes, software)
        _write_pages(path.with_name(f"{path.stem}_flat.tif"), flats, flats.nbytes, software)
        _write_pages(path.with_name(f"{path.stem}_dark.tif"), darks, darks.nbytes, software)
        degrees = "".join(f"{angle!r}\n" for angle in np.rad2deg(tomogram.angles_rad).tolist())
        path.with_name(f"{path.stem}_{ANGLES_FILE}").write_text(f"# {software}\nangle_deg\n{degrees}", encoding="utf-8")
        _enter_energy(path, tomogram, software)
    except OSError as error:
        message = f"{path}: cannot be written ({error}). Check the folder, its permissions and the free space."
        raise DataError(message) from error


def _write_pages(path: Path, frames: Iterable[CountArray], n_bytes: int, software: str) -> None:
    with tifffile.TiffWriter(path, bigtiff=n_bytes >= CLASSIC_BYTES) as file:
        for frame in frames:
            file.write(frame, photometric="minisblack", metadata=None, software=software)


def _enter_energy(path: Path, tomogram: Tomogram, software: str) -> None:
    table = path.with_name(ENERGIES_FILE)
    rows = [row for row in read_table(table) if row.get("name") != path.name] if table.is_file() else []
    size = "" if tomogram.pixel_size_nm is None else repr(float(tomogram.pixel_size_nm))
    time = "" if tomogram.time_s is None else repr(float(tomogram.time_s))
    binning = "" if tomogram.binning is None else str(tomogram.binning)
    values = (path.name, repr(float(tomogram.energy_ev)), size, time, binning)
    rows.append(dict(zip(COLUMNS, values, strict=True)))
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        file.write(f"# {software}\n")
        writer.writeheader()
        writer.writerows(rows)
