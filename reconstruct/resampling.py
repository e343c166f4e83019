"""One interpolation of each frame: shift and magnification undone, or applied to a prediction.

A point of the undisturbed image at detector position `x` (v or u) appears in a frame at

    x' = c + m (x - c) + s,        c = (n - 1) / 2 the middle of the detector,

magnified by `m` about the middle of the detector, then displaced by `s` pixels. Frames are interpolated by the cubic
spline through their pixels; its coefficients come from `optics.spline_coefficients`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

HALO_PX = 8
"""Rows beyond those read by the spline that its coefficients still depend on: the dependence falls to a quarter with
every row, so to 3e-5 after eight."""


def undo_displacement(
    coefficients: NDArray[np.float32],
    *,
    shift_px: FloatArray,
    magnification: float,
    first_row: int = 0,
    n_rows: int | None = None,
    rows: slice | None = None,
) -> NDArray[np.float32]:
    """Frames as they would look without shift and magnification.

    Parameters
    ----------
    coefficients
        `(angle, v, u)` spline coefficients of measured frames, of all detector rows or of some.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, pixels.
    magnification
        Relative to the undisturbed image.
    first_row
        Detector row of the first row of `coefficients`.
    n_rows
        Rows of the whole detector; None: those of `coefficients`.
    rows
        Rows of the undisturbed image wanted; None: all of the detector.

    Returns
    -------
    `(angle, row, u)`. What lies beyond the frame continues as at its edge.

    Raises
    ------
    DataError
        Shifts that do not belong to the frames.
    """
    height = coefficients.shape[1] if n_rows is None else n_rows
    wanted = slice(0, height) if rows is None else rows
    offsets = _centres(height, coefficients.shape[2]) * (1 - magnification) + _checked(shift_px, coefficients)
    offsets[:, 0] += magnification * wanted.start - first_row
    shape = (len(coefficients), wanted.stop - wanted.start, coefficients.shape[2])
    return _read(coefficients, scale=magnification, offsets=offsets, shape=shape)


def apply_displacement(
    coefficients: NDArray[np.float32], *, shift_px: FloatArray, magnification: float
) -> NDArray[np.float32]:
    """Undisturbed frames as the detector would see them, shifted and magnified.

    Parameters
    ----------
    coefficients
        `(angle, v, u)` spline coefficients of undisturbed frames.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, pixels.
    magnification
        Relative to the undisturbed image.

    Returns
    -------
    `(angle, v, u)`.

    Raises
    ------
    DataError
        Shifts that do not belong to the frames.
    """
    centres = _centres(*coefficients.shape[1:])
    offsets = centres - (centres + _checked(shift_px, coefficients)) / magnification
    return _read(coefficients, scale=1 / magnification, offsets=offsets, shape=coefficients.shape)


def rows_needed(rows: slice, *, shift_px: FloatArray, magnification: float, n_rows: int) -> slice:
    """Detector rows that `undo_displacement` needs for some rows of the undisturbed image, halo included.

    Parameters
    ----------
    rows
        Rows of the undisturbed image.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, pixels.
    magnification
        Relative to the undisturbed image.
    n_rows
        Rows of the whole detector.
    """
    centre = (n_rows - 1) / 2
    ends = centre + magnification * (np.array([rows.start, rows.stop - 1]) - centre)
    lowest = int(np.floor(ends[0] + shift_px[:, 0].min())) - HALO_PX
    highest = int(np.ceil(ends[1] + shift_px[:, 0].max())) + HALO_PX
    start = min(max(lowest, 0), n_rows - 1)
    return slice(start, max(min(highest + 1, n_rows), start + 1))


def _centres(n_rows: int, n_columns: int) -> NDArray[np.float64]:
    return np.array([(n_rows - 1) / 2, (n_columns - 1) / 2])


def _checked(shift_px: FloatArray, frames: FloatArray) -> NDArray[np.float64]:
    shifts = np.asarray(shift_px, np.float64)
    if shifts.shape != (len(frames), 2) or not np.isfinite(shifts).all():
        message = (
            f"Displacements of shape {shifts.shape} were given for {len(frames)} frames; "
            f"give finite ones of shape ({len(frames)}, 2)."
        )
        raise DataError(message)
    return shifts


def _read(
    coefficients: NDArray[np.float32], *, scale: float, offsets: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Frames read at `scale x + offset`, several at the same time."""
    from xanesmap.reconstruct.resampling_kernel import read_frames  # numba takes half a second to import

    frames = np.empty(shape, np.float32)
    workers = min(os.cpu_count() or 1, len(frames))
    bounds = np.linspace(0, len(frames), workers + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        tasks = [
            pool.submit(read_frames, coefficients, float(scale), offsets, frames, start, stop)
            for start, stop in pairwise(bounds)
        ]
        for task in tasks:
            task.result()
    return frames
