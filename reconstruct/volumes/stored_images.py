"""Images over photon energy in HDF5 datasets, and the optical depth that they make with their flats and darks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.hdf5 import find_dataset, open_hdf5
from xanesmap.reconstruct.volumes.series import Shape

Image = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImages:
    """Where the images of one kind are kept; an axis without a role has length 1, or is averaged.

    Attributes
    ----------
    dataset
        Name of the dataset.
    shape
        Its shape on opening.
    row, column
        Axes of detector row and column.
    energy
        Axis of photon energy; None where one image stands for all energies.
    averaged
        Axis of repeated frames; None where there is none.
    """

    dataset: str
    shape: tuple[int, ...]
    row: int
    column: int
    energy: int | None
    averaged: int | None = None

    @classmethod
    def along(cls, dataset: str, shape: tuple[int, ...], axes: Mapping[str, int]) -> "StoredImages":
        """Images with axes by role: `energy`, `row`, `column`."""
        return cls(dataset=dataset, shape=shape, row=axes["row"], column=axes["column"], energy=axes["energy"])

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return self.shape[self.row], self.shape[self.column]

    @property
    def n_images(self) -> int:
        """Number of energies."""
        return 1 if self.energy is None else self.shape[self.energy]

    def read(self, file: h5py.File, index: int, *, path: Path) -> Image:
        """Read the image `(row, column)` of one energy.

        Raises
        ------
        DataError
            The dataset is gone, or has another shape than on opening.
        """
        found = find_dataset(file, self.dataset, path=path)
        if found.shape != self.shape:
            message = f"{path}: dataset '{self.dataset}' changed since it was opened. Open it again."
            raise DataError(message)
        whole = [axis for axis in range(len(self.shape)) if axis in (self.row, self.column, self.averaged)]
        where = tuple(
            slice(None) if axis in whole else (index if axis == self.energy else 0) for axis in range(len(self.shape))
        )
        values: Image = np.asarray(found[where], np.float64)
        if self.averaged is not None:
            values = np.asarray(values.mean(axis=whole.index(self.averaged)))
        return values if self.row < self.column else values.T


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticalDepthImage:
    """Optical depth at one energy: -ln((image - dark) / (flat - dark)), a volume that is one slice thick.

    Attributes
    ----------
    source
        The file.
    images
        The images of all energies.
    index
        Energy of this one.
    flat
        Flats, or the intensity of a uniform one; None where the images are flat-corrected.
    dark
        Darks; None where they are zero.
    """

    source: Path
    images: StoredImages
    index: int
    flat: StoredImages | float | None
    dark: StoredImages | None

    @property
    def shape(self) -> Shape:
        """One slice, rows and columns."""
        return (1, *self.images.frame_shape)

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.source,)

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read the slice, `(z = 1, y, x)`; NaN where the transmission is not above zero, or not finite."""
        with open_hdf5(self.source) as file:
            image = self.images.read(file, self.index, path=self.source)
            dark = np.float64(0) if self.dark is None else self.dark.read(file, self.index, path=self.source)
            if isinstance(self.flat, StoredImages):
                flat = self.flat.read(file, self.index, path=self.source) - dark
            else:
                flat = np.broadcast_to(np.float64(1) if self.flat is None else self.flat - dark, image.shape)
        return optical_depth_of(image - dark, flat)[None][start:stop]


def optical_depth_of(image: Image, flat: Image) -> NDArray[np.float32]:
    """Optical depth, unit 1.

    Parameters
    ----------
    image, flat
        `(row, column)` intensity with and without the sample, over the dark.

    Returns
    -------
    `(row, column)` -ln(image / flat); NaN where either is not finite and above zero.
    """
    usable = np.isfinite(image) & np.isfinite(flat) & (image > 0) & (flat > 0)
    depth = np.full(image.shape, np.nan, np.float32)
    depth[usable] = np.log(flat[usable]) - np.log(image[usable])
    return depth
