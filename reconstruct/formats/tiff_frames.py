"""Frames in TIFF files: pages found without reading them, and rows of them read on request."""

import io
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_chain import require_ending_chain
from xanesmap.reconstruct.scan import CountArray

# What is wrong with a file is told by its error; a handler keeps tifffile's own remarks from the terminal, where a
# program has not asked for them.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

TIFF_SUFFIXES = (".tif", ".tiff")
LARGEST_PIXELS = 1 << 26
"""No detector has more pixels; a damaged header may claim any number."""
LARGEST_FRAMING = 1 << 16
"""Bytes beside the pixels that are compared with those of the first file of a folder."""
LARGEST_RATIO = 1032
"""Deflate, the strongest of the usual compressions, makes data no smaller than this (RFC 1951)."""

_DAMAGED = (
    OSError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
)
"""What tifffile and its decoders raise on damaged files."""


FileState = tuple[int, int, int]
"""Inode, size in bytes and time of the last write in ns."""


@dataclass(slots=True)
class PixelPlace:
    """Where the pixels of a page start, as far as that was looked up, in a file of some state.

    Attributes
    ----------
    found
        State of the file, and the offset of the first pixel in it: None where they do not follow each other
        uncompressed.
    """

    found: tuple[FileState, int | None] | None = None


@dataclass(frozen=True, slots=True)
class FirstFile:
    """A file with a single page that others are alike: all its bytes but the pixels decide about where these are.

    Attributes
    ----------
    size
        Size of the file in bytes.
    offset
        Where its pixels start.
    head, tail
        Bytes before and behind the pixels.
    """

    size: int
    offset: int
    head: bytes
    tail: bytes

    def is_alike(self, file: io.FileIO, size: int) -> bool:
        """Whether an open file of `size` bytes differs in nothing but the pixels."""
        if size != self.size or file.seek(0) or file.read(len(self.head)) != self.head:
            return False
        file.seek(size - len(self.tail))
        return file.read(len(self.tail)) == self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffFrame:
    """One page of a TIFF file.

    Attributes
    ----------
    source
        The file.
    page
        Number of the page, from 0.
    shape
        Rows and columns expected of it.
    dtype
        Data type expected of a pixel, in the byte order of the file.
    place
        Where its pixels start, or nothing to look that up on the first reading.
    first
        The first file of the folder, where that spares looking.
    """

    source: Path
    page: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    place: PixelPlace = field(default_factory=PixelPlace, compare=False)
    first: FirstFile | None = field(default=None, compare=False)

    def read_rows(self, start: int, stop: int) -> CountArray:
        """Read rows `start` to `stop - 1`.

        Returns
        -------
        `(v, u)` values in the data type of the file.

        Raises
        ------
        DataError
            The file cannot be read, or its page is not what was expected.
        """
        rows = np.empty((stop - start, self.shape[1]), self.dtype.newbyteorder("="))
        self.read_into(rows, start)
        return rows

    def read_into(self, rows: CountArray, start: int) -> None:
        """Read as many rows as an array has, from row `start` on.

        Parameters
        ----------
        rows
            `(v, u)` array to fill.
        start
            First row.

        Raises
        ------
        DataError
            The file cannot be read, or its page is not what was expected.
        """
        try:
            with io.FileIO(self.source) as file:
                offset = self._find_offset(file)
                n_read = None if offset is None else self._fill(rows, file, offset, start)
        except OSError as error:
            message = f"{self.source}: cannot be read ({error.strerror}). Check that the file is still there."
            raise DataError(message) from error
        if n_read is None:
            rows[:] = self._decode()[start : start + rows.shape[0]]
        elif n_read != rows.size * self.dtype.itemsize:
            message = f"{self.source}: ends within page {self.page + 1}. The file is truncated: copy it again."
            raise DataError(message)

    def _fill(self, rows: CountArray, file: io.FileIO, offset: int, start: int) -> int:
        """Number of bytes that were there."""
        file.seek(offset + start * self.shape[1] * self.dtype.itemsize)
        if rows.dtype == self.dtype and rows.flags.c_contiguous:
            return file.readinto(rows.data) or 0
        own = np.zeros(rows.shape, self.dtype)
        n_read = file.readinto(own.data.cast("B")) or 0
        rows[:] = own
        return n_read

    def _find_offset(self, file: io.FileIO) -> int | None:
        """Where the pixels start in the open file; None where they have to be decoded."""
        seen = os.fstat(file.fileno())
        state = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
        found = self.place.found
        if found is not None and found[0] == state:
            return found[1]
        if self.first is not None and self.first.is_alike(file, seen.st_size):
            offset: int | None = self.first.offset
        else:
            offset = self._look()
        if offset is not None and offset + self.shape[0] * self.shape[1] * self.dtype.itemsize > seen.st_size:
            message = f"{self.source}: ends within page {self.page + 1}. The file is truncated: copy it again."
            raise DataError(message)
        self.place.found = state, offset
        return offset

    def _look(self) -> int | None:
        with self._open_page() as page:
            return int(page.dataoffsets[0]) if page.is_contiguous and page.dataoffsets else None

    def _decode(self) -> CountArray:
        """The whole page."""
        with self._open_page() as page:
            _require_data(page, self.dtype, self.source)
            return np.asarray(page.asarray(maxworkers=1))

    @contextmanager
    def _open_page(self) -> Iterator[Any]:
        with _open_tiff(self.source) as file:
            page = file.pages[self.page]
            shape, dtype = _layout(page, file.byteorder, self.source)
            if (shape, dtype) != (self.shape, self.dtype):
                message = (
                    f"{self.source}: page {self.page + 1} has {shape[0]} x {shape[1]} pixels of {dtype}; "
                    f"{self.shape[0]} x {self.shape[1]} pixels of {self.dtype} are expected. Leave the odd file out."
                )
                raise DataError(message)
            yield page


def find_tiffs(folder: Path) -> list[Path]:
    """TIFF files directly in a folder, hidden ones left out, in no order."""
    entries = [entry for entry in folder.iterdir() if entry.suffix.lower() in TIFF_SUFFIXES]
    return [entry for entry in entries if entry.is_file() and not entry.name.startswith(".")]


def find_frames(path: Path) -> list[TiffFrame]:
    """Pages of a TIFF file, without reading their pixels.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    One frame per page; all of the shape and data type of the first.

    Raises
    ------
    DataError
        The file cannot be read as TIFF, its pages have no end, or a page is no grey-scale image of numbers.
    """
    require_ending_chain(path)
    with _open_tiff(path) as file:
        seen = os.fstat(file.filehandle.fileno())
        first = file.pages[0]
        shape, dtype = _layout(first, file.byteorder, path)
        offsets = list(_page_offsets(file, shape, dtype, path))
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    size = seen.st_size
    for page, offset in enumerate(offsets):
        if offset is not None and offset + n_bytes > size:
            message = f"{path}: ends within page {page + 1} of {len(offsets)}. The file is truncated: copy it again."
            raise DataError(message)
    state = (seen.st_ino, size, seen.st_mtime_ns)
    return [
        TiffFrame(source=path, page=page, shape=shape, dtype=dtype, place=PixelPlace((state, offset)))
        for page, offset in enumerate(offsets)
    ]


def find_frames_alike(paths: Sequence[Path]) -> list[TiffFrame]:
    """Frames of many files, of which only the first is opened where it holds a single page.

    Parameters
    ----------
    paths
        Files, in order.

    Returns
    -------
    All their pages. Files after a first one with a single page are taken to hold one page of the same shape and data
    type, which is checked when they are read.

    Raises
    ------
    DataError
        A file that was opened cannot be read.
    """
    first = find_frames(paths[0])
    if len(first) > 1:
        return first + [frame for path in paths[1:] for frame in find_frames(path)]
    shape, dtype = first[0].shape, first[0].dtype
    alike = _first_file(first[0]) if len(paths) > 1 else None
    later = [TiffFrame(source=path, page=0, shape=shape, dtype=dtype, first=alike) for path in paths[1:]]
    return first + later


def _first_file(frame: TiffFrame) -> FirstFile | None:
    """The first file of many; None where its pixels do not follow each other, or more than they are kept with them."""
    found = frame.place.found
    offset = None if found is None else found[1]
    if found is None or offset is None:
        return None
    size = found[0][1]
    end = offset + frame.shape[0] * frame.shape[1] * frame.dtype.itemsize
    if offset + size - end > LARGEST_FRAMING:
        return None
    try:
        with io.FileIO(frame.source) as file:
            head = file.read(offset)
            file.seek(end)
            return FirstFile(size=size, offset=offset, head=head or b"", tail=file.read(size - end) or b"")
    except OSError:
        return None  # the reading will say so


@contextmanager
def _open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except DataError:
        raise
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        message = (
            f"{path}: cannot be read as TIFF ({reason}). The file is damaged, truncated or still being written: copy "
            "it again, or leave it out of the scan."
        )
        raise DataError(message) from error


def _require_data(page: Any, dtype: np.dtype[Any], path: Path) -> None:
    """Refuse a page whose compressed data are not in the file, or are too few for its pixels."""
    size = path.stat().st_size
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    n_bytes = page.shape[0] * page.shape[1] * dtype.itemsize
    if max(ends, default=0) > size or n_bytes > LARGEST_RATIO * sum(page.databytecounts):
        message = f"{path}: page {page.index + 1} is not all in the file, which is truncated or damaged: copy it again."
        raise DataError(message)


def _layout(page: Any, byteorder: str, path: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    dtype = page.dtype
    shape = tuple(int(length) for length in page.shape)
    if len(shape) != 2 or min(shape, default=0) < 1 or dtype is None or dtype.kind not in "uif":
        message = (
            f"{path}: its image has shape {shape} of {dtype}; grey-scale (row, column) is expected. "
            "Export the frames as grey-scale TIFF of 8, 16 or 32 bits."
        )
        raise DataError(message)
    if shape[0] * shape[1] > LARGEST_PIXELS:
        message = (
            f"{path}: claims an image of {shape[0]} x {shape[1]} pixels, more than any detector has. It is damaged."
        )
        raise DataError(message)
    return (shape[0], shape[1]), np.dtype(dtype).newbyteorder(byteorder)


def _page_offsets(
    file: tifffile.TiffFile, shape: tuple[int, int], dtype: np.dtype[Any], path: Path
) -> Iterator[int | None]:
    """Offset of the pixels of every page; None for pages that have to be decoded."""
    n_hidden = _hidden_images(file, shape)
    for number, page in enumerate(file.pages):
        if _layout(page, file.byteorder, path) != (shape, dtype):
            message = (
                f"{path}: page {number + 1} has shape {tuple(page.shape)} of {page.dtype}, page 1 {shape} of {dtype}. "
                "Export frames of one size and data type."
            )
            raise DataError(message)
        offset = int(page.dataoffsets[0]) if page.is_contiguous and page.dataoffsets else None
        yield offset
        for image in range(1, n_hidden):
            yield None if offset is None else offset + image * shape[0] * shape[1] * dtype.itemsize


def _hidden_images(file: tifffile.TiffFile, shape: tuple[int, int]) -> int:
    """Images behind a single page: ImageJ writes stacks of more than 4 GB with one page for all of them."""
    if not file.is_imagej or len(file.pages) > 1:
        return 1
    stack = tuple(file.series[0].shape)
    return int(stack[0]) if len(stack) == 3 and stack[1:] == shape else 1
