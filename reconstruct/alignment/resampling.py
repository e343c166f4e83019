"""One interpolation of each frame: shift, magnification and roll undone, or applied to a prediction.

A point of the undisturbed image at detector position `x = (v, u)` appears in a frame at

    x' = c + m R (x - c) + s,        c = (n - 1) / 2 the middle of the detector,

turned by the roll in the plane of the detector (R, from u towards v), magnified by `m` about the middle of the
detector, then displaced by `s` pixels. Frames are interpolated by the cubic spline through their pixels; its
coefficients come from `optics.spline_coefficients`.
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

# To read fewer takes about as long as to start a thread.
_PIXELS_PER_THREAD = 2**17

HALO_PX = 8
"""Rows beyond those read by the spline that its coefficients still depend on: the dependence falls to a quarter with
every row, so to 3e-5 after eight."""


def undo_displacement(
    coefficients: NDArray[np.float32],
    *,
    shift_px: FloatArray,
    magnification: float,
    roll_rad: float = 0.0,
    first_row: int = 0,
    n_rows: int | None = None,
    rows: slice | None = None,
) -> NDArray[np.float32]:
    """Frames as they would look without shift, magnification and roll.

    Parameters
    ----------
    coefficients
        `(angle, v, u)` spline coefficients of measured frames, of all detector rows or of some.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, pixels.
    magnification
        Relative to the undisturbed image.
    roll_rad
        Rotation of the image in the plane of the detector, from u towards v, radians.
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
    turn = _turn(magnification, roll_rad)
    offsets = _offsets(
        _checked(shift_px, coefficients),
        turn,
        _middle(height, coefficients.shape[2]),
        first_row=first_row,
        wanted=wanted,
    )
    shape = (len(coefficients), wanted.stop - wanted.start, coefficients.shape[2])
    return _read(coefficients, turn=turn, offsets=offsets, shape=shape)


def reading_positions(
    *,
    shift_px: FloatArray,
    magnification: float,
    first_row: int,
    n_rows: int,
    rows: slice,
    n_columns: int,
    roll_rad: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where `undo_displacement` reads the frames, along v in their middle column and along u in their middle row.

    Parameters
    ----------
    shift_px, magnification, first_row, n_rows, rows, roll_rad
        As in `undo_displacement`.
    n_columns
        Detector columns.

    Returns
    -------
    `(angle, row)` positions along v, counted from `first_row`, and `(angle, u)` along u, pixels.
    """
    turn = _turn(magnification, roll_rad)
    middle = _middle(n_rows, n_columns)
    offsets = _offsets(np.asarray(shift_px, np.float64), turn, middle, first_row=first_row, wanted=rows)
    inside = np.array([middle[0] - rows.start, middle[1]])
    along_v = turn[0, 0] * np.arange(rows.stop - rows.start) + turn[0, 1] * inside[1] + offsets[:, :1]
    along_u = turn[1, 1] * np.arange(n_columns) + turn[1, 0] * inside[0] + offsets[:, 1:]
    return along_v, along_u


def apply_displacement(
    coefficients: NDArray[np.float32], *, shift_px: FloatArray, magnification: float, roll_rad: float = 0.0
) -> NDArray[np.float32]:
    """Undisturbed frames as the detector would see them, turned, magnified and shifted.

    Parameters
    ----------
    coefficients
        `(angle, v, u)` spline coefficients of undisturbed frames.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, pixels.
    magnification
        Relative to the undisturbed image.
    roll_rad
        Rotation of the image in the plane of the detector, from u towards v, radians.

    Returns
    -------
    `(angle, v, u)`.

    Raises
    ------
    DataError
        Shifts that do not belong to the frames.
    """
    middle = _middle(*coefficients.shape[1:])
    back = np.asarray(np.linalg.inv(_turn(magnification, roll_rad)), np.float64)
    offsets = np.asarray(middle - (middle + _checked(shift_px, coefficients)) @ back.T, np.float64)
    return _read(coefficients, turn=back, offsets=offsets, shape=coefficients.shape)


def rows_needed(
    rows: slice, *, shift_px: FloatArray, magnification: float, n_rows: int, n_columns: int, roll_rad: float = 0.0
) -> slice:
    """Detector rows that `undo_displacement` needs for some rows of the undisturbed image, halo included.

    Parameters
    ----------
    rows
        Rows of the undisturbed image.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, pixels.
    magnification
        Relative to the undisturbed image.
    n_rows, n_columns
        Rows and columns of the whole detector.
    roll_rad
        Rotation of the image in the plane of the detector, radians.
    """
    turn = _turn(magnification, roll_rad)
    middle = (n_rows - 1) / 2
    ends = middle + turn[0, 0] * (np.array([rows.start, rows.stop - 1]) - middle)
    aside = abs(turn[0, 1]) * (n_columns - 1) / 2
    lowest = int(np.floor(ends[0] + shift_px[:, 0].min() - aside)) - HALO_PX
    highest = int(np.ceil(ends[1] + shift_px[:, 0].max() + aside)) + HALO_PX
    start = min(max(lowest, 0), n_rows - 1)
    return slice(start, max(min(highest + 1, n_rows), start + 1))


def _turn(magnification: float, roll_rad: float) -> NDArray[np.float64]:
    """`(2, 2)` matrix m R on (v, u)."""
    cosine, sine = np.cos(roll_rad), np.sin(roll_rad)
    return np.asarray(magnification * np.array([[cosine, sine], [-sine, cosine]]))


def _offsets(
    shift_px: NDArray[np.float64],
    turn: NDArray[np.float64],
    middle: NDArray[np.float64],
    *,
    first_row: int,
    wanted: slice,
) -> NDArray[np.float64]:
    """`(angle, 2)` where the first pixel wanted of every frame is read."""
    first = np.array([wanted.start, 0.0])
    offsets: NDArray[np.float64] = shift_px + middle + turn @ (first - middle)
    offsets[:, 0] -= first_row
    return offsets


def _middle(n_rows: int, n_columns: int) -> NDArray[np.float64]:
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
    coefficients: NDArray[np.float32],
    *,
    turn: NDArray[np.float64],
    offsets: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Frames read at `turn x + offset`, several at the same time."""
    # numba takes half a second to import
    from xanesmap.reconstruct.alignment.resampling_kernel import read_frames, read_turned_frames

    frames = np.empty(shape, np.float32)
    workers = max(1, min(os.cpu_count() or 1, len(frames), frames.size // _PIXELS_PER_THREAD))
    along, across = float(turn[0, 0]), float(turn[0, 1])

    def read(start: int, stop: int) -> None:
        if across == 0:
            read_frames(coefficients, along, offsets, frames, start, stop)
        else:
            read_turned_frames(coefficients, along, across, offsets, frames, start, stop)

    if workers == 1:
        read(0, len(frames))
        return frames
    bounds = np.linspace(0, len(frames), workers + 1).astype(int)
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(read, start, stop) for start, stop in pairwise(bounds)]:
            done.result()
    return frames
