"""Whether what a user names is a scan of raw frames or volumes that were reconstructed already, told by content."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_frames import find_tiffs
from xanesmap.reconstruct.formats.tiff_scan import ANGLES_FILE, is_tiff_scan
from xanesmap.reconstruct.readers import FILE_FORMATS
from xanesmap.reconstruct.volumes.image_stacks import is_image_stack
from xanesmap.reconstruct.volumes.opening import find_volume_files, is_pyxas, is_registered


def holds_volumes(source: str | Path | Sequence[str | Path]) -> bool:
    """Whether a source holds reconstructed volumes, and no scan of raw frames beside them.

    Parameters
    ----------
    source
        Folder, pattern, file or list of them.

    Returns
    -------
    True for a TXM-Sandbox file, for pyxas files, for a 2-D stack of images, and for a folder of TIFF files with
    `energies.csv` that has neither angles nor flats. What cannot be read counts as neither: opening it says why.
    """
    asked = [source] if isinstance(source, str | Path) else list(source)
    if len(asked) == 1 and is_tiff_scan(asked[0]):
        return not any(_is_part_of_scan(path) for path in _beside_slices(Path(asked[0])))
    found = False
    for path in find_volume_files(asked):
        if _is_scan_file(path):
            return False
        found = found or is_volume_file(path)
    return found


def _beside_slices(folder: Path) -> Iterator[Path]:
    """Everything in the folder of a TIFF series and, without their pages, in its folders of one energy each."""
    for place in (folder, *(entry for entry in sorted(folder.iterdir()) if entry.is_dir())):
        yield from find_tiffs(place)
        yield from (place / name for name in (ANGLES_FILE, "flats") if (place / name).exists())
        yield from place.glob(f"*_{ANGLES_FILE}")


def _is_part_of_scan(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(ANGLES_FILE) or name.startswith("flat") or "_flat" in name


def _is_scan_file(path: Path) -> bool:
    try:
        return any(recognises(path) for recognises, _ in FILE_FORMATS.values())
    except DataError:
        return False


def is_volume_file(path: Path) -> bool:
    """Whether an HDF5 file holds volumes of TXM-Sandbox or pyxas, or a 2-D stack of images; False if it is unreadable.

    Scans may look like a stack: ask for them before.
    """
    try:
        return is_registered(path) or is_pyxas(path) or is_image_stack(path)
    except DataError:
        return False
