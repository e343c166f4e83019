"""Zeiss/Xradia files: `.xrm` (one image) and `.txrm` (many), with energies, angles and pixel size of their own.

Both are OLE containers. The values used are in `ImageInfo` (energy, angle, exposure and date of every image, size and
data type of all), the images in `ImageData<k>/Image<i>` with a hundred images per `k`, and the frame without the
sample, where one was recorded with the file, in `ReferenceData/Image`. All numbers are little-endian.
"""

import io
from calendar import timegm
from dataclasses import dataclass
from pathlib import Path
from time import strptime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import EV_RANGE, binning_from, energy_ev_from, pixel_size_nm_from
from xanesmap.reconstruct.formats.ole import (
    OleContainer,
    StreamExtent,
    find_extent,
    has_stream,
    is_ole,
    open_ole,
    read_bytes,
    read_values,
)
from xanesmap.reconstruct.scan import CountArray, FloatArray

DATA_TYPES: dict[float | int | None, np.dtype[Any]] = {5: np.dtype("<u2"), 10: np.dtype("<f4")}
"""`DataType` of an image: 5 are counts of 16 bits, 10 numbers of 32 bits."""

IMAGES_PER_FOLDER = 100
DATE_LENGTH = 17
"""Characters of a date such as `11/08/15 11:58:08`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XrmFrame:
    """Where one image is, and what was recorded with it.

    Attributes
    ----------
    source
        File of the image.
    extent
        Its bytes in the file.
    dtype
        Data type of a pixel.
    shape
        Rows and columns.
    energy_ev
        Photon energy in eV; NaN where the file does not say.
    angle_deg
        Rotation angle in degrees; NaN where the file does not say.
    exposure_s
        Exposure time in seconds; NaN where the file does not say.
    """

    source: Path
    extent: StreamExtent
    dtype: np.dtype[Any]
    shape: tuple[int, int]
    energy_ev: float
    angle_deg: float
    exposure_s: float

    def read_rows(self, start: int, stop: int) -> CountArray:
        """Read detector rows `start` to `stop - 1`.

        Returns
        -------
        `(v, u)` values in the data type of the file; rows in the order of the file.

        Raises
        ------
        DataError
            The file cannot be read or has become shorter.
        """
        rows = np.empty((stop - start, self.shape[1]), self.dtype.newbyteorder("="))
        self.read_into(rows, start)
        return rows

    def read_into(self, rows: CountArray, start: int) -> None:
        """Read as many rows as an array has, from row `start` on.

        Parameters
        ----------
        rows
            `(v, u)` array to fill, rows in the order of the file.
        start
            First row.

        Raises
        ------
        DataError
            The file cannot be read or has become shorter.
        """
        is_direct = rows.dtype == self.dtype and rows.flags.c_contiguous
        own: CountArray = rows if is_direct else np.empty(rows.shape, self.dtype)
        content = own.data.cast("B")
        row_bytes = self.shape[1] * self.dtype.itemsize
        position = 0
        try:
            with io.FileIO(self.source) as file:
                for offset, length in self.extent.pieces(start * row_bytes, (start + rows.shape[0]) * row_bytes):
                    file.seek(offset)
                    position += file.readinto(content[position : position + length]) or 0
        except OSError as error:
            message = f"{self.source}: cannot be read ({error.strerror}). Check that the file is still there."
            raise DataError(message) from error
        if position != len(content):
            message = f"{self.source}: became shorter since it was opened. Open the scan again when it is complete."
            raise DataError(message)
        if not is_direct:
            rows[:] = own


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XrmFile:
    """What an `.xrm` or `.txrm` file holds, without its images.

    Attributes
    ----------
    source
        The file.
    frames
        Its images.
    reference
        The image without the sample that was recorded with the file, or None.
    pixel_size_nm
        Pixel size in the sample in nm, or None where the file does not say.
    time_s
        Date of the first image, seconds since 1970 on the clock of the microscope, or None.
    binning
        Pixels of the camera added up along a row, or None where the file does not say; `pixel_size_nm` is that of the
        sum.
    reference_corrected
        Whether the images were divided by the reference already.
    notes
        What had to be assumed, one sentence each.
    """

    source: Path
    frames: tuple[XrmFrame, ...]
    reference: XrmFrame | None
    pixel_size_nm: float | None
    time_s: float | None
    binning: int | None
    reference_corrected: bool
    notes: tuple[str, ...]


def is_xrm(path: str | Path) -> bool:
    """Whether a file is an OLE container; no other container format is read.

    Parameters
    ----------
    path
        File to look at.

    Returns
    -------
    True for `.xrm` and `.txrm` files, whatever their name.
    """
    return is_ole(path)


def open_xrm(path: str | Path) -> XrmFile:
    """Metadata of an `.xrm` or `.txrm` file, without reading its images.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Energies in eV and angles in degrees of every image, and where the images are.

    Raises
    ------
    DataError
        The file is unreadable or damaged, or holds an image size, data type or energy that cannot be.
    """
    path = Path(path)
    with open_ole(path) as container:
        if not has_stream(container, "ImageInfo/ImageWidth"):
            held = ", ".join(container.names()[:6]) or "nothing"
            message = f"{path}: not an Xradia image; the container holds {held}. Check the path."
            raise DataError(message)
        return _read_file(container, path)


def _read_file(container: OleContainer, path: Path) -> XrmFile:
    _require_no_mosaic(container, path)
    dtype, shape = _image_layout(container, path)
    names = _image_names(container, path)
    energies, energy_notes = _energies(container, len(names), path=path)
    angles = _per_image(container, "ImageInfo/Angles", len(names))
    exposures = _per_image(container, "ImageInfo/ExpTimes", len(names))
    frames = [
        XrmFrame(
            source=path,
            extent=_image_extent(container, name, dtype, shape, path=path),
            dtype=dtype,
            shape=shape,
            energy_ev=float(energy),
            angle_deg=float(angle),
            exposure_s=float(exposure),
        )
        for name, energy, angle, exposure in zip(names, energies, angles, exposures, strict=True)
    ]
    size_um = _first(container, "ImageInfo/PixelSize", "<f4")
    size_nm = None if size_um is None else pixel_size_nm_from(f"{size_um:.9g} um")
    missing = () if size_nm is not None else ("No usable 'ImageInfo/PixelSize' is recorded.",)
    return XrmFile(
        source=path,
        frames=tuple(frames),
        reference=_reference(container, shape, energy_ev=float(energies[0]), path=path),
        pixel_size_nm=size_nm,
        time_s=_time(container),
        binning=binning_from(_first(container, "ImageInfo/HorizontalBin", "<i4")),
        reference_corrected=_first(container, "ImageInfo/OriginalDataRefCorrected", "<i4") == 1,
        notes=(*energy_notes, *missing),
    )


def _require_no_mosaic(container: OleContainer, path: Path) -> None:
    # The streams are misspelt by the Xradia software itself.
    mode, columns, rows = (_first(container, f"ImageInfo/Mosiac{name}", "<i4") for name in ("Mode", "Columns", "Rows"))
    if mode and columns and rows and columns * rows > 1:
        message = (
            f"{path}: a mosaic of {columns} x {rows} images, not a tomogram. Stitch its tiles with the Xradia "
            "software, and give the stitched projections."
        )
        raise DataError(message)


def _image_layout(container: OleContainer, path: Path) -> tuple[np.dtype[Any], tuple[int, int]]:
    names = ("DataType", "ImageHeight", "ImageWidth")
    kind, height, width = (_first(container, f"ImageInfo/{name}", "<i4") for name in names)
    if kind not in DATA_TYPES or not height or not width or min(height, width) < 1:
        message = (
            f"{path}: 'ImageInfo' records images of {height} x {width} pixels of data type {kind}; a size and "
            "data type 5 (16 bit counts) or 10 (32 bit numbers) are expected. Export it again from the Xradia software."
        )
        raise DataError(message)
    return DATA_TYPES[kind], (int(height), int(width))


def _image_names(container: OleContainer, path: Path) -> list[str]:
    recorded = _first(container, "ImageInfo/NoOfImages", "<i4")
    taken = _first(container, "ImageInfo/ImagesTaken", "<i4")
    wanted = [int(n) for n in (recorded, taken) if n is not None and n > 0]
    n_images = min(wanted) if wanted else 0
    # As many as are there: the count of a damaged file may be anything.
    names: list[str] = []
    while len(names) < n_images:
        name = f"ImageData{len(names) // IMAGES_PER_FOLDER + 1}/Image{len(names) + 1}"
        if not has_stream(container, name):
            break
        names.append(name)
    if len(names) < max(n_images, 1):
        message = (
            f"{path}: holds {len(names)} images where 'ImageInfo/NoOfImages' records {recorded}. The scan was stopped "
            "early or the file is damaged: copy it again, or leave it out."
        )
        raise DataError(message)
    return names


def _image_extent(
    container: OleContainer, name: str, dtype: np.dtype[Any], shape: tuple[int, int], *, path: Path
) -> StreamExtent:
    extent = find_extent(container, name, path=path)
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    if extent.n_bytes < n_bytes:
        message = (
            f"{path}: stream '{name}' has {extent.n_bytes} bytes, and {shape[0]} x {shape[1]} pixels of {dtype} take "
            f"{n_bytes}. The file is damaged: copy it again, or leave it out."
        )
        raise DataError(message)
    return extent


def _energies(container: OleContainer, n_images: int, *, path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """`(image,)` energies in eV, NaN where none is recorded; some files record that of the first image only."""
    recorded = _per_image(container, "ImageInfo/Energy", n_images)
    known = np.flatnonzero(np.isfinite(recorded) & (recorded != 0.0))
    if known.size == 0:
        return np.full(n_images, np.nan), ()
    values = np.unique(recorded[known])
    converted = [energy_ev_from(round(float(value), 4), name=f"{path}: 'ImageInfo/Energy'")[0] for value in values]
    energies = np.full(n_images, np.nan)
    energies[known] = np.array(converted)[np.searchsorted(values, recorded[known])]
    last_known = np.maximum.accumulate(np.where(np.isfinite(energies), np.arange(n_images), known[0]))
    notes = ("The recorded energy is taken as keV; Xradia files usually have eV.",) if values[0] < EV_RANGE[0] else ()
    return energies[last_known], notes


def _per_image(container: OleContainer, name: str, n_images: int) -> NDArray[np.float64]:
    """`(image,)` values of a stream of 32 bit numbers that may hold more or fewer than there are images."""
    found = read_values(container, name, "<f4")[:n_images].astype(np.float64)
    found[~np.isfinite(found)] = np.nan
    return np.concatenate([found, np.full(n_images - found.size, np.nan)])


def _first(container: OleContainer, name: str, dtype: str) -> float | int | None:
    values = read_values(container, name, dtype)
    value: float | int | None = values[0].item() if values.size else None
    return value


def _reference(container: OleContainer, shape: tuple[int, int], *, energy_ev: float, path: Path) -> XrmFrame | None:
    kind = _first(container, "ReferenceData/DataType", "<i4")
    if kind not in DATA_TYPES or not has_stream(container, "ReferenceData/Image"):
        return None
    dtype = DATA_TYPES[kind]
    exposure = _first(container, "ReferenceData/ExpTime", "<f4")
    return XrmFrame(
        source=path,
        extent=_image_extent(container, "ReferenceData/Image", dtype, shape, path=path),
        dtype=dtype,
        shape=shape,
        energy_ev=energy_ev,
        angle_deg=float("nan"),
        exposure_s=float("nan") if exposure is None else float(exposure),
    )


def _time(container: OleContainer) -> float | None:
    text = read_bytes(container, "ImageInfo/Date")[:DATE_LENGTH].decode("ascii", errors="replace")
    try:
        return float(timegm(strptime(text, "%m/%d/%y %H:%M:%S")))
    except ValueError:
        return None
