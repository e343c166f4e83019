"""Which parts of an HDF5 dataset are frames, and whether flats and darks fit the projections."""

from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5 import find_dataset
from xanesmap.reconstruct.formats.hdf5_tomogram import StoredFrames, UniformFrame, read_frames

Kind = Literal["flats", "darks"]
PLACEHOLDERS: dict[Kind, float] = {"flats": 1.0, "darks": 0.0}
"""Value of the single frame that FXI writes for frames which were not recorded."""


def projection_frames(file: h5py.File, name: str, *, path: Path, notes: list[str]) -> StoredFrames:
    """Projections of a dataset `(angle, row, column)`.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Raises
    ------
    DataError
        The dataset is missing, or holds no numbers, or no stack of frames.
    """
    images = find_dataset(file, name, path=path)
    require_numbers(images, name, path=path)
    frames = _stack_of(images, name, notes=notes)
    if frames is None:
        message = (
            f"{path}: dataset '{name}' has shape {images.shape}; (angle, row, column) is expected. "
            "Export the scan again with one frame per angle."
        )
        raise DataError(message)
    return frames


def reference_frames(
    file: h5py.File, name: str, *, kind: Kind, like: StoredFrames, path: Path, notes: list[str]
) -> StoredFrames:
    """Flats or darks of a dataset `(frame, row, column)`.

    Parameters
    ----------
    file
        Open file.
    name
        Name of the dataset.
    kind
        What they are.
    like
        The projections, whose frame shape they must have.
    path
        Where the file is, for messages.
    notes
        Collects what had to be assumed.

    Raises
    ------
    DataError
        The dataset is missing, or holds no numbers, or frames of another shape.
    """
    images = find_dataset(file, name, path=path)
    require_numbers(images, name, path=path)
    frames = _stack_of(images, name, notes=notes)
    if frames is None or frames.frame_shape != like.frame_shape:
        message = (
            f"{path}: dataset '{name}' has shape {images.shape}; (frame, {like.frame_shape[0]}, "
            f"{like.frame_shape[1]}) is expected from '{like.dataset}'. Record flats and darks with the region of "
            "the projections."
        )
        raise DataError(message)
    if frames.n_frames == 1 and np.all(read_frames(images, frames, slice(0, 1)) == PLACEHOLDERS[kind]):
        held = "ones" if kind == "flats" else "zeros"
        notes.append(f"No {kind} were recorded ('{name}' holds {held}).")
    return frames


def missing_frames(name: str, *, kind: Kind, like: StoredFrames, notes: list[str]) -> UniformFrame:
    """Stand-in for flats or darks that a file does not hold, with a note that says so.

    Parameters
    ----------
    name
        Where they were looked for.
    kind
        What they are.
    like
        The projections, whose frame shape it takes.
    notes
        Collects what had to be assumed.
    """
    held = "ones" if kind == "flats" else "zeros"
    notes.append(f"No {kind} were recorded (there is no '{name}'); {held} are used in their place.")
    return UniformFrame(dataset=name, frame_shape=like.frame_shape, value=PLACEHOLDERS[kind])


def require_numbers(images: h5py.Dataset, name: str, *, path: Path) -> None:
    """Refuse a dataset of anything but plain numbers.

    Parameters
    ----------
    images
        The dataset.
    name
        Its name.
    path
        Where the file is, for messages.

    Raises
    ------
    DataError
        Text, compounds, references or nothing.
    """
    if images.dtype.kind not in "iuf" or images.shape is None:
        message = f"{path}: dataset '{name}' holds {images.dtype}, not counts. Export the scan again."
        raise DataError(message)


def _stack_of(images: h5py.Dataset, name: str, *, notes: list[str]) -> StoredFrames | None:
    """Frames along the one leading axis that is longer than 1; None where there is no such axis."""
    shape = tuple(int(length) for length in images.shape)
    surplus = len(shape) - 3
    ignored = [axis for axis in range(len(shape) - 2) if shape[axis] == 1][: max(surplus, 0)]
    if surplus < 0 or len(ignored) < surplus or min(shape) < 1:
        return None
    if ignored:
        notes.append(f"'{name}' has an extra axis of length 1, which is ignored.")
    axis = next(axis for axis in range(len(shape)) if axis not in ignored)
    return StoredFrames(
        dataset=name,
        shape=shape,
        axes=(axis, len(shape) - 2, len(shape) - 1),
        fixed=tuple((axis, 0) for axis in ignored),
        runs=((0, shape[axis]),),
    )
