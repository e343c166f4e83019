"""HDF5 files that take their name only when they are complete, and frames copied into them one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from xanesmap.errors import DataError
from xanesmap.reconstruct.scan import Tomogram


@contextmanager
def writing_hdf5(path: Path) -> Iterator[h5py.File]:
    """HDF5 file open for writing, which takes its name only when it is complete.

    Parameters
    ----------
    path
        File to write; an existing one is replaced at the end of the block.

    Yields
    ------
    The open file.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        try:
            with h5py.File(partial, "w") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        message = f"{path}: cannot be written ({error}). Check the folder, its permissions and the free space."
        raise DataError(message) from error


def write_projections(images: h5py.Dataset, tomogram: Tomogram, *, first: int = 0) -> None:
    """Copy all projections into a dataset, one frame at a time.

    Parameters
    ----------
    images
        Dataset `(frame, v, u)`.
    tomogram
        Gives the projections.
    first
        Frame of the dataset that takes the first projection.

    Raises
    ------
    DataError
        A projection cannot be read.
    """
    for index in range(tomogram.angles_rad.size):
        images[first + index] = tomogram.read_projection(index)
