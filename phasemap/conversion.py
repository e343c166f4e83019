"""A scan copied into another file format, one file per energy, so that other programs can read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.reconstruct.formats.scan_writer import WrittenFormat, check_format, scan_file_name, write_tomogram
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan import Scan


def convert_scan(
    source: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    format: WrittenFormat = "dataexchange",
    sort_energies: bool = False,
    energies_ev: ArrayLike | None = None,
    angles_deg: ArrayLike | None = None,
    pixel_size_nm: float | None = None,
    camera_binning: int | None = None,
    times_s: ArrayLike | None = None,
    progress: Progress = no_progress,
) -> tuple[Path, ...]:
    """Write every energy of a scan as a file of its own; only one frame is in memory at a time.

    Parameters
    ----------
    source
        Folder, pattern or files of the scan, in any format that `open_scan` reads.
    out
        Folder for the files; made if needed, and empty.
    format
        "dataexchange", "nxtomo", "fxi" or "tiff".
    sort_energies, energies_ev, angles_deg, pixel_size_nm, camera_binning, times_s
        As in `open_scan`; what is stated there is written.
    progress
        Called with stage, energies written and energies of the scan.

    Returns
    -------
    The files, in order of energy.

    Raises
    ------
    DataError
        The scan cannot be read, `out` is not an empty folder, or a file cannot be written. Nothing is left in `out`.
    """
    known = check_format(format)
    scan = open_scan(
        source,
        sort_energies=sort_energies,
        energies_ev=energies_ev,
        angles_deg=angles_deg,
        pixel_size_nm=pixel_size_nm,
        camera_binning=camera_binning,
        times_s=times_s,
    )
    folder = Path(out)
    made = _prepare(folder)
    files = tuple(folder / scan_file_name(index, format=known) for index in range(len(scan.tomograms)))
    try:
        _write_all(scan, files, format=known, progress=progress)
    except BaseException:
        # the folder was empty, and some layouts keep tables beside their files
        for file in folder.iterdir():
            file.unlink()
        if made:
            folder.rmdir()
        raise
    return files


def _prepare(folder: Path) -> bool:
    """Whether the folder had to be made; refused when it holds anything."""
    try:
        if folder.is_dir():
            present = sorted(folder.iterdir())
            if present:
                message = f"{folder} is not empty ({present[0].name}, {len(present)} in all): give another folder."
                raise DataError(message)
            return False
        folder.mkdir(parents=True)
    except OSError as error:
        message = f"{folder}: no folder can be made there ({error.strerror}). Give another one."
        raise DataError(message) from error
    return True


def _write_all(scan: Scan, files: Sequence[Path], *, format: WrittenFormat, progress: Progress) -> None:
    for index, (tomogram, file) in enumerate(zip(scan.tomograms, files, strict=True)):
        write_tomogram(file, tomogram, format=format, index=index, note=f"converted from {tomogram.source.name}")
        progress("Convert scan", index + 1, len(files))
