"""OLE containers (compound files) read with care: named streams, and where in the file their bytes are.

Zeiss/Xradia microscopes write `.xrm` and `.txrm` files as OLE containers. A stream is a chain of sectors that need
not follow each other; the chain of an image is looked up once, so that single rows can be read later without it.
"""

import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import olefile
from numpy.typing import DTypeLike, NDArray

from xanesmap.errors import DataError

OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SMALL_STREAM_BYTES = 4096
"""Streams below this size are kept in a stream of their own kind and have no sectors in the file."""

METADATA_BYTES = 1 << 24
"""Largest stream taken for metadata: a value per image is a few bytes."""

SPARE_FAT_SECTORS = 109
"""As many parts of the table of sectors are named in the header, of any file."""

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

ENTRY = np.dtype(
    [
        ("name", "S64"),
        ("name_bytes", "<u2"),
        ("kind", "u1"),
        ("colour", "u1"),
        ("left", "<u4"),
        ("right", "<u4"),
        ("child", "<u4"),
        ("unused", "V36"),
        ("start", "<u4"),
        ("size", "<u8"),
    ]
)
"""Entry of a directory: Microsoft, Compound File Binary File Format [MS-CFB], section 2.6.1."""


class OleContainer(olefile.OleFileIO):  # type: ignore[misc]  # olefile has no types
    """A container of which only the entries on the way to a stream are looked at.

    Microscopes leave hundreds of streams in every file, most of them settings; to unpack the entries of all takes ten
    times as long as to read those that are needed.
    """

    def loadfat(self, header: bytes) -> None:
        """Load the table of sectors, unless it claims to be larger than the file has use for."""
        useful = 4 * self.nb_sect // self.sectorsize + SPARE_FAT_SECTORS
        if self.num_fat_sectors > 2 * useful:
            message = f"a table of {self.num_fat_sectors} sectors where {useful} would do"
            raise OSError(message)
        super().loadfat(header)

    def loadfat_sect(self, sect: Any) -> int | None:
        """Append a part of the table of sectors; olefile would copy all before it, for every part."""
        number = None
        for number in sect if isinstance(sect, array) else self.sect2array(sect):
            if number in (olefile.ENDOFCHAIN, olefile.FREESECT):
                break
            self.fat.extend(self.sect2array(self.getsect(number)))
        return number

    def _open(self, start: int, size: int = olefile.UNKNOWN_SIZE, force_FAT: bool = False) -> Any:
        """Open a stream that is no larger than the file: sectors that lead back to one another fill any size."""
        if size != olefile.UNKNOWN_SIZE and size > self._filesize:
            message = f"a stream of {size} bytes in a file of {self._filesize}"
            raise OSError(message)
        return super()._open(start, size, force_FAT=force_FAT)

    def loaddirectory(self, sect: int) -> None:
        """Load the directory as it is in the file, and unpack the entry of the root."""
        self.directory_fp = self._open(sect, force_FAT=True)
        self.direntries = [None] * (self.directory_fp.size // ENTRY.itemsize)
        self.root = self._load_direntry(0)
        self._table = np.frombuffer(self.directory_fp.getvalue(), ENTRY, count=len(self.direntries))
        self._members: dict[int, dict[str, int]] = {}

    def find(self, name: str) -> Any:
        """Entry of a stream or storage such as `ImageInfo/Energy`, or None."""
        number = 0
        for part in name.lower().split("/"):
            found = self._members_of(number).get(part)
            if found is None:
                return None
            number = found
        return self.direntries[number] or self._load_direntry(number)

    def names(self) -> list[str]:
        """Names of what the root holds, in order."""
        return sorted(map(self._name_of, self._members_of(0).values()))

    def stream_bytes(self, entry: Any) -> bytes:
        """Content of a stream."""
        content: bytes = self._open(entry.isectStart, entry.size).read()
        return content

    def _members_of(self, storage: int) -> dict[str, int]:
        """Numbers of the entries in a storage, by their names in lower case."""
        if storage not in self._members:
            found: dict[str, int] = {}
            waiting, seen = [int(self._table["child"][storage])], {storage}
            while waiting:
                number = waiting.pop()
                if number in seen or number >= len(self._table):
                    continue
                seen.add(number)
                entry = self._table[number]
                found[self._name_of(number).lower()] = number
                waiting += [int(entry["left"]), int(entry["right"])]
            self._members[storage] = found
        return self._members[storage]

    def _name_of(self, number: int) -> str:
        entry = self._table[number]
        # NumPy strips the zeros at the end; the last two bytes are not of the name.
        name = bytes(entry["name"]).ljust(64, b"\0")[: max(int(entry["name_bytes"]) - 2, 0)]
        return name.decode("utf-16-le", errors="replace")


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
        with OleContainer(path) as container:
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
    return container.find(name) is not None


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
    entry = container.find(name)
    if entry is None or entry.entry_type != olefile.STGTY_STREAM or not 0 < entry.size <= METADATA_BYTES:
        return b""
    return container.stream_bytes(entry)


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
    entry = container.find(name)
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
    # A chain that turns back on itself would give some bytes twice: it ends where it does.
    distinct = np.unique(np.array(chain, dtype=np.int64), return_index=True)[1]
    return np.array(chain[: distinct.size] if distinct.size < len(chain) else chain, dtype=np.int64)
