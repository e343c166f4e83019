"""OLE containers (compound files) read with care: named streams, and where in the file their bytes are.

Zeiss/Xradia microscopes write `.xrm` and `.txrm` files as OLE containers. A stream is a chain of sectors that need
not follow each other; the chain of an image is looked up once, so that single rows can be read later without it.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import olefile
from numpy.typing import DTypeLike, NDArray

from xanesmap.errors import DataError

OleContainer: TypeAlias = olefile.OleFileIO

OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SMALL_STREAM_BYTES = 4096
"""Streams below this size are kept in a stream of their own kind and have no sectors in the file."""

METADATA_BYTES = 1 << 24
"""Largest stream taken for metadata: a value per image is a few bytes."""

_DAMAGED = (
    OSError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    RecursionError,
    OverflowError,
    MemoryError,
    struct.error,
)
"""What olefile raises on damaged containers: it checks much, but not everything."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StreamExtent:
    """Where the bytes of a stream are.

    Attributes
    ----------
    runs
        `(run, 2)` offset in the file and number of bytes, in the order of the stream.
    n_bytes
        Size of the stream in bytes.
    """

    runs: NDArray[np.int64]
    n_bytes: int

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Offset in the file and length of the pieces that make up bytes `start` to `stop - 1` of the stream."""
        ends = np.cumsum(self.runs[:, 1])
        first = int(np.searchsorted(ends, start, side="right"))
        position = int(ends[first - 1]) if first else 0
        for offset, length in self.runs[first:].tolist():
            low, high = max(start, position), min(stop, position + length)
            if low >= high:
                return
            yield offset + low - position, high - low
            position += length


def is_ole(path: str | Path) -> bool:
    """Whether a file is an OLE container, judged by its first bytes.

    Parameters
    ----------
    path
        File to look at.

    Returns
    -------
    False as well for a file that cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return file.read(len(OLE_SIGNATURE)) == OLE_SIGNATURE
    except OSError:
        return False


@contextmanager
def open_ole(path: Path) -> Iterator[OleContainer]:
    """OLE container open for reading, closed on leaving the block.

    Parameters
    ----------
    path
        File to open.

    Yields
    ------
    The open container.

    Raises
    ------
    DataError
        The file does not exist, is no OLE container, is damaged, or fails while the block reads it.
    """
    if not path.is_file():
        message = f"{path}: there is no such file. Check the path."
        raise DataError(message)
    try:
        with olefile.OleFileIO(path) as container:
            yield container
    except DataError:
        raise
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        message = (
            f"{path}: cannot be read as an OLE container ({reason}). The file is damaged, truncated or still being "
            "written: copy it again, or leave it out of the scan."
        )
        raise DataError(message) from error


def has_stream(container: OleContainer, name: str) -> bool:
    """Whether a container has a stream of a name such as `ImageInfo/Energy`."""
    return _entry(container, name) is not None


def read_values(container: OleContainer, name: str, dtype: DTypeLike) -> NDArray[Any]:
    """Numbers of a stream of metadata.

    Parameters
    ----------
    container
        Open container.
    name
        Name of the stream, such as `ImageInfo/Energy`.
    dtype
        Type of the numbers; bytes that do not fill one at the end are left out.

    Returns
    -------
    `(value,)` the numbers; none where there is no such stream.
    """
    content = read_bytes(container, name)
    kind = np.dtype(dtype)
    return np.frombuffer(content, dtype=kind, count=len(content) // kind.itemsize)


def read_bytes(container: OleContainer, name: str) -> bytes:
    """Content of a stream of metadata; empty where there is none, or where it is too large for metadata."""
    entry = _entry(container, name)
    if entry is None or not 0 < entry.size <= METADATA_BYTES:
        return b""
    content: bytes = container.openstream(name.split("/")).read()
    return content


def find_extent(container: OleContainer, name: str, *, path: Path) -> StreamExtent:
    """Where in the file the bytes of a stream are, without reading them.

    Parameters
    ----------
    container
        Open container.
    name
        Name of the stream.
    path
        Where the file is, for messages.

    Returns
    -------
    Runs of bytes that follow each other; one run where the stream is not fragmented.

    Raises
    ------
    DataError
        There is no such stream, it is shorter than 4096 bytes, or its bytes are not all in the file.
    """
    entry = _entry(container, name)
    if entry is None or entry.size < SMALL_STREAM_BYTES:
        held = "missing" if entry is None else f"{entry.size} bytes long"
        message = f"{path}: stream '{name}' is {held}; an image is expected. Copy the file again, or leave it out."
        raise DataError(message)
    sectors = _sector_chain(container, entry.isectStart, -(-entry.size // container.sectorsize))
    size = container.sectorsize
    breaks = np.flatnonzero(np.diff(sectors) != 1) + 1
    starts = np.concatenate([[0], breaks])
    lengths = np.diff(np.append(starts, sectors.size)) * size
    offsets = (sectors[starts] + 1) * size
    lengths[-1] -= sectors.size * size - entry.size
    if sectors.size * size < entry.size or int((offsets + lengths).max()) > path.stat().st_size:
        message = (
            f"{path}: stream '{name}' of {entry.size} bytes is not all in the file. The file is truncated or damaged: "
            "copy it again, or leave it out of the scan."
        )
        raise DataError(message)
    return StreamExtent(runs=np.stack([offsets, lengths], axis=1), n_bytes=int(entry.size))


def _entry(container: OleContainer, name: str) -> Any:
    entry = container.root
    for part in name.lower().split("/"):
        entry = entry.kids_dict.get(part) if entry is not None else None
    return entry


def _sector_chain(container: OleContainer, first: int, n_sectors: int) -> NDArray[np.int64]:
    """`(sector,)` numbers of the sectors of a stream; fewer than asked for where the chain is broken."""
    table = np.asarray(container.fat, dtype=np.int64)
    if not 0 <= first < table.size or n_sectors > table.size:
        return np.zeros(1, dtype=np.int64)
    expected = np.arange(first, min(first + n_sectors, table.size), dtype=np.int64)
    if expected.size == n_sectors and np.array_equal(table[expected[:-1]], expected[1:]):
        return expected
    chain = [first]
    while len(chain) < n_sectors and 0 <= table[chain[-1]] < table.size:
        chain.append(int(table[chain[-1]]))
    return np.array(chain, dtype=np.int64)
