"""`ScanInfo_*.txt`: what SSRL 6-2c records beside the single frames of a scan.

Lines of a key and a whole number (`ENERGY 1`, `TOMO 2`, `MOSAIC 0`), then a line `FILES` and the names of all frames.
"""

from collections.abc import Sequence
from pathlib import Path

from xanesmap.errors import DataError

MAX_BYTES = 1 << 24
"""Larger files are no list of frames."""


def read_scan_info(paths: Sequence[Path]) -> tuple[str, ...]:
    """Compare the frames found with those that `ScanInfo_*.txt` in their folders lists.

    Parameters
    ----------
    paths
        The frames found.

    Returns
    -------
    A note where listed frames are missing; nothing where there is no such file.

    Raises
    ------
    DataError
        The scan is a mosaic, whose tiles have to be stitched first.
    """
    folders = dict.fromkeys(path.parent for path in paths)
    found = {path.name for path in paths}
    infos = [info for folder in folders for info in sorted(folder.glob("ScanInfo_*.txt")) if info.is_file()]
    return tuple(note for info in infos for note in _compare(info, found))


def _compare(info: Path, found: set[str]) -> tuple[str, ...]:
    settings, listed = _parse(info)
    if settings.get("MOSAIC", "0") not in ("0", ""):
        message = (
            f"{info}: the scan is a mosaic (MOSAIC {settings['MOSAIC']}); its tiles are not stitched here. Stitch them "
            "with the software of the beamline, and give the result."
        )
        raise DataError(message)
    missing = [name for name in listed if name.lower().endswith("xrm") and name not in found]
    if not missing:
        return ()
    return (f"{info.name} lists {len(listed)} frames, and {len(missing)} of them are not here ({missing[0]} ...).",)


def _parse(info: Path) -> tuple[dict[str, str], list[str]]:
    """Settings, and the names of the frames without their folders."""
    if info.stat().st_size > MAX_BYTES:
        return {}, []
    lines = [line.strip() for line in info.read_text(encoding="utf-8", errors="replace").splitlines()]
    starts = [number for number, line in enumerate(lines) if line.upper().startswith("FILES")]
    head = starts[0] if starts else len(lines)
    pairs = [line.split(maxsplit=1) for line in lines[:head] if line]
    settings = {pair[0].upper(): pair[1] if len(pair) > 1 else "" for pair in pairs}
    return settings, [line.replace("\\", "/").rsplit("/", 1)[-1] for line in lines[head + 1 :] if line]
