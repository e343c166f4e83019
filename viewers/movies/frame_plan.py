"""Frames of a movie: how many, and what each of them shows."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

LARGEST_FRAME = 4096
"""Pixels along a side of a frame or a picture that every encoder and canvas can take."""
_SMALLEST_FRAME = 64
_MOST_FRAMES = 10_000


def frame_count(seconds: float, fps: float) -> int:
    """Number of frames of a movie.

    Parameters
    ----------
    seconds
        Its length.
    fps
        Frames per second.

    Raises
    ------
    DataError
        Fewer than two frames, or more than anybody wants.
    """
    count = round(seconds * fps) if seconds > 0 and fps > 0 and np.isfinite(seconds * fps) else 0
    if not 2 <= count <= _MOST_FRAMES:
        message = (
            f"a movie of {seconds:g} s at {fps:g} frames per second has {max(count, 0)} frames; give --seconds and "
            f"--fps that make 2 to {_MOST_FRAMES}."
        )
        raise DataError(message)
    return count


def turn_angles_deg(count: int) -> NDArray[np.float64]:
    """(frame,) angles of a full turn in even steps, degrees; the last is one step before the first, so it can loop."""
    return np.arange(count) * 360.0 / count


def spread_evenly(first: int, last: int, count: int) -> NDArray[np.intp]:
    """(frame,) whole numbers from `first` to `last`, both included, each shown for as long as the others.

    Parameters
    ----------
    first, last
        Ends, such as indices of slices.
    count
        Frames; where there are fewer frames than numbers, some are left out.
    """
    numbers = last - first + 1
    if count < numbers:
        return np.rint(np.linspace(first, last, count)).astype(np.intp)
    return np.asarray(first + np.arange(count) * numbers // count, dtype=np.intp)


def frame_size(text: str) -> tuple[int, int]:
    """Size (height, width) from a text such as ``1280x960``, which has the width first; both even, as encoders ask.

    Raises
    ------
    DataError
        Another text, or a size nobody can draw.
    """
    found = re.fullmatch(r"\s*(\d+)\s*[x×,]\s*(\d+)\s*", text)
    width, height = map(int, found.groups()) if found else (0, 0)
    if not all(_SMALLEST_FRAME <= side <= LARGEST_FRAME for side in (width, height)):
        message = (
            f"--size '{text}' is no size of a frame; give width x height in pixels from {_SMALLEST_FRAME} to "
            f"{LARGEST_FRAME}, such as 1280x960."
        )
        raise DataError(message)
    return height + height % 2, width + width % 2
