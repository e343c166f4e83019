"""The lamp between frames, from the air on either side of the object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.alignment.coarse import touches_sides

FloatArray = NDArray[np.floating[Any]]

_SIDE_SHARE = 1 / 20
_LEAST_COLUMNS = 2
# Standard deviation of the level from frame to frame that the fractions do not notice: it leaves 0.001.
_STEADY = 0.002
_SIGNIFICANT = 3.0
# A mean level beyond this is no lamp against its flats but an object that fills the field.
_LARGEST = 0.1
_MEDIAN_ERROR = float(np.sqrt(np.pi / 2))  # of a median over that of a mean, of normal numbers


def lamp_level(values: NDArray[np.float32], *, variance: float) -> NDArray[np.float32] | None:
    """Line integral of the air in every frame of a tomogram: the lamp against that of its flats.

    Parameters
    ----------
    values
        `(angle, v, u)` line integrals of some rows.
    variance
        Mean variance of one of them.

    Returns
    -------
    `(angle,)` median over the outermost columns on both sides; None where the lamp was steady (within 0.2 % from one
    frame to the next, or within noise), and where the object reaches over the sides and leaves no air to tell. An
    object changes smoothly with the angle, which is not taken for a lamp.
    """
    columns = max(_LEAST_COLUMNS, round(_SIDE_SHARE * values.shape[2]))
    if values.shape[2] < 4 * columns or touches_sides(values):
        return None
    sides = np.concatenate([values[..., :columns], values[..., -columns:]], axis=-1).reshape(len(values), -1)
    level = np.median(sides, axis=1)
    noise = _MEDIAN_ERROR * np.sqrt(variance / sides.shape[1])
    flicker = np.diff(level).std() / np.sqrt(2)
    told = flicker > max(_STEADY, _SIGNIFICANT * noise) and abs(level.mean()) < _LARGEST
    return np.asarray(level, np.float32) if told else None
