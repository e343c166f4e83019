"""A tomogram made of single frames, each with a place of its own: Xradia images, pages of TIFF files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.scan import CountArray, Frames, require_rows

NO_FLATS = "No flats were recorded (ones are used in their place)."
NO_DARKS = "No darks were recorded (zeros are used in their place)."


class Frame(Protocol):
    """One image in a file."""

    @property
    def source(self) -> Path:
        """File of the image."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of a pixel."""

    def read_into(self, rows: CountArray, start: int) -> None:
        """Read as many rows as an array `(v, u)` has, from row `start` on; safe in threads."""


def read_one_by_one(stack: CountArray, frames: Sequence[Any], start: int) -> None:
    """Fill a stack `(frame, v, u)` from frames, from row `start` on, each for itself.

    Raises
    ------
    DataError
        A file that cannot be read.
    """
    for rows, frame in zip(stack, frames, strict=True):
        frame.read_into(rows, start)


Filling = Callable[[CountArray, Sequence[Any], int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameTomogram:
    """One energy of a scan whose frames are kept one by one.

    The attributes that are not listed are those of :class:`~xanesmap.reconstruct.scan.Tomogram`.

    Attributes
    ----------
    projections, flats, darks
        The frames. Without flats or darks, one frame of ones or zeros is delivered and a note says so.
    flat_scale
        What flats are multiplied with, where their exposure differs from that of the projections.
    datasets
        What projections, flats and darks are called in messages.
    fill
        Fills a stack `(frame, v, u)` from frames, from a row on; safe in threads. Frames that share a file may be read
        faster together than one by one.
    """

    source: Path
    energy_ev: float
    angles_rad: NDArray[np.float64]
    projections: tuple[Frame, ...]
    flats: tuple[Frame, ...] = ()
    darks: tuple[Frame, ...] = ()
    flat_scale: float = 1.0
    pixel_size_nm: float | None = None
    time_s: float | None = None
    binning: int | None = None
    notes: tuple[str, ...] = ()
    datasets: tuple[str, str, str] = ("projections", "flats", "darks")
    fill: Filling = read_one_by_one

    def __post_init__(self) -> None:
        missing = [note for frames, note in ((self.flats, NO_FLATS), (self.darks, NO_DARKS)) if not frames]
        object.__setattr__(self, "notes", tuple(dict.fromkeys([*self.notes, *missing])))
        first = self.projections[0]
        for frame in (*self.projections, *self.flats, *self.darks):
            if frame.shape != first.shape:
                message = (
                    f"{frame.source}: its image has {frame.shape[0]} x {frame.shape[1]} pixels, that of "
                    f"{first.source.name} {first.shape[0]} x {first.shape[1]}. Leave the odd one out, or record "
                    "projections, flats and darks with one region and binning."
                )
                raise DataError(message)

    @property
    def n_rows(self) -> int:
        """Number of detector rows (axis v)."""
        return self.projections[0].shape[0]

    @property
    def n_columns(self) -> int:
        """Number of detector columns (axis u)."""
        return self.projections[0].shape[1]

    @property
    def n_flats(self) -> int:
        """Number of flat frames; 1 for the frame of ones that stands for missing flats."""
        return max(len(self.flats), 1)

    @property
    def n_darks(self) -> int:
        """Number of dark frames; 1 for the frame of zeros that stands for missing darks."""
        return max(len(self.darks), 1)

    def read_rows(self, start: int, stop: int) -> Frames:
        """Read the values of some detector rows from every projection, flat and dark; safe in threads.

        Parameters
        ----------
        start, stop
            First detector row, and the one after the last.

        Returns
        -------
        Frames, axes `(angle, v, u)`, in the data type of the files.

        Raises
        ------
        DataError
            Rows outside the detector, or a file that cannot be read.
        """
        require_rows(start, stop, n_rows=self.n_rows, source=self.source)
        flats, darks = self._references(start, stop)
        return Frames(
            projections=self._read_stack(self.projections, start, stop),
            flats=flats,
            darks=darks,
            source=str(self.source),
            datasets=self.datasets,
            first_row=start,
        )

    def read_references(self) -> tuple[CountArray, CountArray]:
        """Read the flats `(flat, v, u)` and darks `(dark, v, u)` of the whole detector.

        Raises
        ------
        DataError
            A file that cannot be read.
        """
        return self._references(0, self.n_rows)

    def read_projection(self, index: int) -> CountArray:
        """Read one raw projection, `(v, u)`.

        Raises
        ------
        DataError
            No such projection, or a file that cannot be read.
        """
        if not 0 <= index < len(self.projections):
            message = f"{self.source}: projection {index} asked of {len(self.projections)}."
            raise DataError(message)
        image: CountArray = self._read_stack(self.projections[index : index + 1], 0, self.n_rows)[0]  # (v, u)
        return image

    def _references(self, start: int, stop: int) -> tuple[CountArray, CountArray]:
        one_frame = (1, stop - start, self.n_columns)
        dtype = self.projections[0].dtype.newbyteorder("=")
        flats = self._read_stack(self.flats, start, stop) if self.flats else np.ones(one_frame, dtype)
        darks = self._read_stack(self.darks, start, stop) if self.darks else np.zeros(one_frame, dtype)
        if self.flat_scale != 1.0:
            dark = darks.mean(axis=0, dtype=np.float32)
            flats = (flats - dark) * np.float32(self.flat_scale) + dark
        return flats, darks

    def _read_stack(self, frames: Sequence[Frame], start: int, stop: int) -> CountArray:
        dtype = np.result_type(*(dtype.newbyteorder("=") for dtype in {frame.dtype for frame in frames}))
        stack = np.empty((len(frames), stop - start, frames[0].shape[1]), dtype)  # (frame, v, u)
        self.fill(stack, frames, start)
        return stack
