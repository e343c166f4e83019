"""Open a scan from a folder, a pattern or a list of files; the format is told by what the files contain."""

import glob
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.als832 import is_als832, open_als832
from xanesmap.reconstruct.formats.dataexchange import is_dataexchange, open_dataexchange
from xanesmap.reconstruct.formats.file_order import natural_order
from xanesmap.reconstruct.formats.fxi import is_fxi, open_fxi
from xanesmap.reconstruct.formats.nxtomo import is_nxtomo, open_nxtomo
from xanesmap.reconstruct.formats.other_content import describe_content, is_known
from xanesmap.reconstruct.formats.tiff_scan import is_tiff_scan, open_tiff_scan
from xanesmap.reconstruct.formats.xrm import is_xrm
from xanesmap.reconstruct.formats.xrm_scan import open_xrm_files
from xanesmap.reconstruct.overrides import Overrides, apply_overrides, check_overrides
from xanesmap.reconstruct.scan import Scan, Tomogram, scan_from_tomograms

logger = logging.getLogger(__name__)

SCAN_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".xrm", ".txrm")

Recogniser = Callable[[Path], bool]
"""Tells by the content of a file whether it is of a format."""
FilesOpener = Callable[[Sequence[Path], Overrides], Sequence[Tomogram]]
"""Opens all files of one format, in the order of their numbers: one tomogram per energy.

Energies and angles that a user gave need not be in the files; they are put in their place afterwards."""


def _open_xradia_files(paths: Sequence[Path], overrides: Overrides) -> Sequence[Tomogram]:
    del overrides
    return open_xrm_files(paths)


def _open_als832_files(paths: Sequence[Path], overrides: Overrides) -> Sequence[Tomogram]:
    return [open_als832(path, overrides=overrides) for path in paths]


def _open_fxi_files(paths: Sequence[Path], overrides: Overrides) -> Sequence[Tomogram]:
    return [open_fxi(path, overrides=overrides) for path in paths]


def _open_dataexchange_files(paths: Sequence[Path], overrides: Overrides) -> Sequence[Tomogram]:
    return [tomogram for path in paths for tomogram in open_dataexchange(path, overrides=overrides)]


def _open_nxtomo_files(paths: Sequence[Path], overrides: Overrides) -> Sequence[Tomogram]:
    return [tomogram for path in paths for tomogram in open_nxtomo(path, overrides=overrides)]


FILE_FORMATS: dict[str, tuple[Recogniser, FilesOpener]] = {
    "Xradia files": (is_xrm, _open_xradia_files),
    "FXI fly scans": (is_fxi, _open_fxi_files),
    "Data Exchange files": (is_dataexchange, _open_dataexchange_files),
    "NXtomo files": (is_nxtomo, _open_nxtomo_files),
    "ALS 8.3.2 files": (is_als832, _open_als832_files),
}
"""Formats by name, in the order they are tried; those told by their first bytes go before HDF5 ones."""


FolderOpener = Callable[[Path, Overrides], Sequence[Tomogram]]
"""Opens a folder whose files make a scan only together."""


def _open_tiff_folder(folder: Path, overrides: Overrides) -> Sequence[Tomogram]:
    return open_tiff_scan(folder, overrides=overrides)


FOLDER_FORMATS: dict[str, tuple[Recogniser, FolderOpener]] = {
    "TIFF stacks": (is_tiff_scan, _open_tiff_folder),
}
"""Formats that are told by a folder, tried before its files are looked at one by one."""


def open_scan(
    source: str | Path | Sequence[str | Path],
    *,
    sort_energies: bool = False,
    energies_ev: ArrayLike | None = None,
    angles_deg: ArrayLike | None = None,
    pixel_size_nm: float | None = None,
    camera_binning: int | None = None,
    times_s: ArrayLike | None = None,
) -> Scan:
    """Scan of all energies found, without reading a frame.

    Files are taken in the order of the numbers in their names (`fly_scan_id_9` before `fly_scan_id_10`).
    Files of a folder or pattern that hold something other than a scan are left out, with a note.

    Parameters
    ----------
    source
        Folder, file pattern (`scan/fly_scan_id_*.h5`), or list of files, folders and patterns.
    sort_energies
        Accept energies that were not recorded in rising or falling order, and sort them.
    energies_ev
        `(energy,)` photon energies in eV in place of those of the files, in the order of the files.
    angles_deg
        `(angle,)` rotation angles in degrees in place of those of the files, for every energy.
    pixel_size_nm
        Pixel size in the sample in nm in place of that of the files, for every energy.
    camera_binning
        Pixels of the camera added up along a row, in place of what the files say; 1 for none.
    times_s
        `(energy,)` start of every energy in place of those of the files, seconds since 1970, in the order of the files.

    Returns
    -------
    Scan with strictly increasing energies in eV. A single tomogram makes a scan as well; where its energy is not
    known it is NaN.

    Raises
    ------
    DataError
        Nothing is found, a file is unreadable or incomplete, or the files do not make one scan.

    Examples
    --------
    >>> scan = open_scan("scans/particle_7")  # doctest: +SKIP
    >>> scan.energies_ev[:2]  # doctest: +SKIP
    array([7092., 7094.])
    """
    overrides = check_overrides(
        energies_ev=energies_ev,
        angles_deg=angles_deg,
        pixel_size_nm=pixel_size_nm,
        camera_binning=camera_binning,
        times_s=times_s,
    )
    asked = [source] if isinstance(source, str | Path) else list(source)
    if not asked:
        message = "The list of scan files is empty. Give a folder, a pattern or the files of a scan."
        raise DataError(message)
    for recognises, open_folder in FOLDER_FORMATS.values():
        if len(asked) == 1 and recognises(Path(asked[0])):
            tomograms = apply_overrides(open_folder(Path(asked[0]), overrides), overrides)
            return scan_from_tomograms(tomograms, sort_energies=sort_energies)
    named = {path.resolve() for path in map(Path, asked) if path.is_file()}
    found = {path.resolve(): path for item in asked for path in _find_files(item)}
    paths = sorted(found.values(), key=natural_order)
    formats = {path: _format_of(path, named=path.resolve() in named) for path in paths}
    kept = [path for path in paths if formats[path] is not None]
    _require_scan_files(kept, paths)
    left_out = [path.name for path in paths if path not in kept]
    _, opener = FILE_FORMATS[_only_format(kept, formats)]
    tomograms = apply_overrides(opener(kept, overrides), overrides)
    return scan_from_tomograms(tomograms, sort_energies=sort_energies, notes=_left_out_note(left_out))


def _find_files(item: str | Path) -> list[Path]:
    path = Path(item)
    if path.is_dir():
        return _files_in_folder(path)
    if path.is_file():
        return [path]
    matches = [Path(match) for match in glob.glob(str(item))]  # noqa: PTH207 (absolute patterns)
    files = [match for match in matches if match.is_file()]
    if not files:
        _refuse_no_match(str(item))
    return files


def _files_in_folder(folder: Path) -> list[Path]:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    files = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in SCAN_SUFFIXES]
    if not files:
        wanted = ", ".join(SCAN_SUFFIXES)
        held = _inventory(entries)
        message = f"{folder}: no scan files ({wanted}) in this folder; it holds {held}. Check the path."
        raise DataError(message)
    return files


def _inventory(entries: Sequence[Path]) -> str:
    """Entries of a folder in a few words: '3 .tif files, 2 folders'."""
    kinds = Counter("folder" if entry.is_dir() else f"{entry.suffix or 'unnamed'} file" for entry in entries)
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in kinds.most_common(6)) or "nothing"


def _refuse_no_match(item: str) -> None:
    if glob.has_magic(item):
        message = f"{item}: no file matches this pattern. Check the folder, and quote the pattern in the shell."
    else:
        message = f"{item}: there is no such file or folder. Check the path."
    raise DataError(message)


def _format_of(path: Path, *, named: bool) -> str | None:
    """Name of the format of a file; None for a file of a folder that is no scan."""
    for name, (recognises, _) in FILE_FORMATS.items():
        if recognises(path):
            return name
    if named:
        message = f"{path}: {describe_content(path)}."
        raise DataError(message)
    return None


def _only_format(kept: Sequence[Path], formats: Mapping[Path, str | None]) -> str:
    counts = Counter(name for path in kept if (name := formats[path]) is not None)
    if len(counts) > 1:
        held = " and ".join(f"{n} {name}" for name, n in counts.items())
        message = (
            f"{kept[0].parent}: {held} are found, and a scan has one format. Give the files of the scan, or a pattern "
            "for them."
        )
        raise DataError(message)
    return next(iter(counts))


def _require_scan_files(kept: Sequence[Path], paths: Sequence[Path]) -> None:
    if kept:
        return
    first = next((path for path in paths if is_known(path)), paths[0])
    message = (
        f"{first.parent}: none of {len(paths)} files is a tomography scan; {first.name}: {describe_content(first)}."
    )
    raise DataError(message)


def _left_out_note(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    note = f"{len(names)} HDF5 files are no tomography scans and were left out: {shown}."
    logger.info(note)
    return (note,)
