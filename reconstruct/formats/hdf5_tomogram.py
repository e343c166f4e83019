"""A tomogram whose frames are parts of HDF5 datasets, opened for its metadata only and read by detector rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.checked_datasets import CheckedDatasets
from xanesmap.reconstruct.formats.hdf5 import open_hdf5
from xanesmap.reconstruct.scan import CountArray, Frames, require_rows

ALL = slice(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrames:
    """Where the frames of one kind are kept.

    Attributes
    ----------
    dataset
        Name of the dataset.
    shape
        Its shape on opening.
    axes
        Axes of the dataset along which frame number, detector row and detector column run.
    fixed
        Index along each further axis, by axis.
    runs
        First frame, and the one after the last, of each unbroken run of frames, in order.
    """

    dataset: str
    shape: tuple[int, ...]
    axes: tuple[int, int, int] = (0, 1, 2)
    fixed: tuple[tuple[int, int], ...] = ()
    runs: tuple[tuple[int, int], ...]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return sum(stop - start for start, stop in self.runs)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.shape[self.axes[1]], self.shape[self.axes[2]]

    def frame_number(self, index: int) -> int:
        """Number along the frame axis of the frame that is `index`-th of these."""
        return int(np.concatenate([np.arange(*run) for run in self.runs])[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformFrame:
    """One frame of a single value that stands for frames which were not recorded.

    Attributes
    ----------
    dataset
        What it stands for, for messages.
    frame_shape
        Rows and columns.
    value
        Counts of every pixel: 1 for flats, 0 for darks, as FXI itself writes for missing ones.
    """

    dataset: str
    frame_shape: tuple[int, int]
    value: float

    @property
    def n_frames(self) -> int:
        """One."""
        return 1


FrameSource = StoredFrames | UniformFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hdf5Tomogram:
    """One energy of a scan in HDF5 files.

    The attributes that are not listed are those of :class:`~xanesmap.reconstruct.scan.Tomogram`.

    Attributes
    ----------
    projections, flats, darks
        Where the frames are.
    """

    source: Path
    energy_ev: float
    angles_rad: NDArray[np.float64]
    projections: StoredFrames
    flats: FrameSource
    darks: FrameSource
    pixel_size_nm: float | None
    time_s: float | None
    notes: tuple[str, ...]
    binning: int | None = None
    _checked: CheckedDatasets = field(default_factory=CheckedDatasets, init=False, repr=False)

    @property
    def n_rows(self) -> int:
        """Number of detector rows (axis v)."""
        return self.projections.frame_shape[0]

    @property
    def n_columns(self) -> int:
        """Number of detector columns (axis u)."""
        return self.projections.frame_shape[1]

    @property
    def n_flats(self) -> int:
        """Number of flat frames."""
        return self.flats.n_frames

    @property
    def n_darks(self) -> int:
        """Number of dark frames."""
        return self.darks.n_frames

    def read_rows(self, start: int, stop: int) -> Frames:
        """Read the counts of some detector rows from every projection, flat and dark.

        The file is opened and closed inside the call, so threads may call it at the same time.

        Parameters
        ----------
        start, stop
            First detector row, and the one after the last.

        Returns
        -------
        Frames, axes `(angle, v, u)`, in the data type of the file.

        Raises
        ------
        DataError
            Rows outside the detector, or a file that cannot be read or has changed since it was opened.
        """
        require_rows(start, stop, n_rows=self.n_rows, source=self.source)
        sources = (self.projections, self.flats, self.darks)
        with open_hdf5(self.source) as file:
            images = self._find_all(file, sources)
            blocks = [_read(images, frames, slice(start, stop)) for frames in sources]
        return Frames(
            projections=blocks[0],
            flats=blocks[1],
            darks=blocks[2],
            source=str(self.source),
            datasets=(self.projections.dataset, self.flats.dataset, self.darks.dataset),
            first_row=start,
        )

    def read_references(self) -> tuple[CountArray, CountArray]:
        """Read the flats and darks of the whole detector, no projections.

        Returns
        -------
        `(flat, v, u)` and `(dark, v, u)` counts in the data type of the file.

        Raises
        ------
        DataError
            A file that cannot be read or has changed since it was opened.
        """
        with open_hdf5(self.source) as file:
            images = self._find_all(file, (self.flats, self.darks))
            return _read(images, self.flats, ALL), _read(images, self.darks, ALL)

    def read_projection(self, index: int) -> CountArray:
        """Read one raw projection.

        Parameters
        ----------
        index
            Number of the projection, from 0.

        Returns
        -------
        `(v, u)` counts in the data type of the file.

        Raises
        ------
        DataError
            No such projection, or a file that cannot be read or has changed since it was opened.
        """
        if not 0 <= index < self.projections.n_frames:
            message = f"{self.source}: projection {index} asked of {self.projections.n_frames}."
            raise DataError(message)
        number = self.projections.frame_number(index)
        with open_hdf5(self.source) as file:
            images = self._find(file, self.projections)
            return np.asarray(_read_run(images, self.projections, (number, number + 1), ALL)[0])  # (v, u)

    def _find_all(self, file: h5py.File, sources: Sequence[FrameSource]) -> dict[str, h5py.Dataset]:
        """Datasets by name, each found once: NXtomo keeps frames of all kinds in one."""
        stored = {frames.dataset: frames for frames in sources if isinstance(frames, StoredFrames)}
        return {name: self._find(file, frames) for name, frames in stored.items()}

    def _find(self, file: h5py.File, frames: StoredFrames) -> h5py.Dataset:
        images = self._checked.find(file, frames.dataset, path=self.source)
        if images.shape != frames.shape:
            message = (
                f"{self.source}: dataset '{frames.dataset}' has shape {images.shape} where {frames.shape} was there "
                "on opening. The file changed in between: open the scan again when it is complete."
            )
            raise DataError(message)
        return images


def read_frames(images: h5py.Dataset, frames: StoredFrames, rows: slice) -> CountArray:
    """Detector rows of all frames of one kind.

    Parameters
    ----------
    images
        The dataset.
    frames
        Which of its parts are the frames.
    rows
        Detector rows.

    Returns
    -------
    `(frame, v, u)` counts in the data type of the file, in the byte order of the machine.
    """
    if len(frames.runs) == 1:
        return _read_run(images, frames, frames.runs[0], rows)
    start, stop, _ = rows.indices(frames.frame_shape[0])
    shape = (frames.n_frames, stop - start, frames.frame_shape[1])
    stack = np.empty(shape, dtype=images.dtype.newbyteorder("="))
    first = 0
    for run in frames.runs:
        after = first + run[1] - run[0]
        stack[first:after] = _read_run(images, frames, run, rows)
        first = after
    return stack


def runs_of(numbers: Sequence[int] | NDArray[np.int_]) -> tuple[tuple[int, int], ...]:
    """Unbroken runs of increasing frame numbers: first, and the one after the last."""
    sorted_numbers = np.asarray(numbers, dtype=np.int_)
    if not sorted_numbers.size:
        return ()
    breaks = np.flatnonzero(np.diff(sorted_numbers) != 1) + 1
    return tuple((int(run[0]), int(run[-1]) + 1) for run in np.split(sorted_numbers, breaks))


def _read(images: Mapping[str, h5py.Dataset], frames: FrameSource, rows: slice) -> CountArray:
    if isinstance(frames, UniformFrame):
        n_rows, n_columns = frames.frame_shape
        start, stop, _ = rows.indices(n_rows)
        return np.full((1, stop - start, n_columns), frames.value, dtype=np.float32)
    return read_frames(images[frames.dataset], frames, rows)


def _read_run(images: h5py.Dataset, frames: StoredFrames, run: tuple[int, int], rows: slice) -> CountArray:
    selection: list[slice | int] = [ALL] * len(frames.shape)
    for axis, index in frames.fixed:
        selection[axis] = index
    selection[frames.axes[0]] = slice(*run)
    selection[frames.axes[1]] = rows
    block = np.asarray(images[tuple(selection)])
    block = np.asarray(block, dtype=block.dtype.newbyteorder("="))
    # The axes that are left keep their order in the dataset; the house order is frame, row, column.
    order = np.argsort(np.argsort(frames.axes))
    return np.ascontiguousarray(block.transpose(order))
