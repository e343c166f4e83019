"""The chain of pages in a TIFF file, walked once so that a damaged one cannot keep a reader going for ever.

Every page names the place of the next. tifffile notices some chains that lead back to themselves and follows others
2^32 times; here every place is remembered.
"""

import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from xanesmap.errors import DataError

MAX_PAGES = 100_000
"""Longest chain that is followed: a tomogram has a few thousand frames."""

BIG = 43
"""Version of BigTIFF in the header; 42, and some numbers of other programs, is that of TIFF 6.0."""


def require_ending_chain(path: Path) -> None:
    """Refuse a file whose pages lead back to one another, or out of the file, or are too many for frames of a scan.

    Parameters
    ----------
    path
        The file; one that is no TIFF or cannot be read is left to the reader, which says so.

    Raises
    ------
    DataError
        The chain of pages has no end, or breaks off.
    """
    with suppress(OSError, struct.error), path.open("rb") as file:
        _walk(file, path)


def _walk(file: BinaryIO, path: Path) -> None:
    order = "<" if file.read(2) in (b"II", b"EP") else ">"
    is_big = struct.unpack(f"{order}H", file.read(2))[0] == BIG
    place, count, tag_bytes = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    size = path.stat().st_size
    seen: dict[int, int] = {}
    offset = _number_at(file, 8 if is_big else 4, f"{order}{place}")
    while offset:
        if offset in seen:
            _refuse_loop(path, page=len(seen), back_to=seen[offset])
        if len(seen) == MAX_PAGES:
            message = f"{path}: has more than {MAX_PAGES} pages. It is damaged, or no scan: leave it out."
            raise DataError(message)
        seen[offset] = len(seen) + 1
        n_tags = _number_at(file, offset, f"{order}{count}") if offset + struct.calcsize(count) <= size else size
        behind_tags = offset + struct.calcsize(count) + n_tags * tag_bytes
        if behind_tags + struct.calcsize(place) > size:
            _refuse_break(path, page=len(seen))
        offset = _number_at(file, behind_tags, f"{order}{place}")


def _number_at(file: BinaryIO, offset: int, format: str) -> int:
    file.seek(offset)
    number: int = struct.unpack(format, file.read(struct.calcsize(format)))[0]
    return number


def _refuse_break(path: Path, *, page: int) -> None:
    message = (
        f"{path}: cannot be read as TIFF (page {page} is not in the file). It is damaged, truncated or still being "
        "written: copy it again, or leave it out of the scan."
    )
    raise DataError(message)


def _refuse_loop(path: Path, *, page: int, back_to: int) -> None:
    message = (
        f"{path}: page {page} leads back to page {back_to}, so that its pages have no end. It is damaged: copy it "
        "again, or leave it out of the scan."
    )
    raise DataError(message)
