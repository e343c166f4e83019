"""Where every frame of a scan lies on the detector: the result of an alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Geometry of every frame.

    A point of the undisturbed image at detector position `x` (v, u) appears at `c + m R (x - c) + d`, with
    `c = (n - 1) / 2` the middle of the detector, `m` the magnification, `R` the roll and `d` the `displacement_px`.

    Parameters
    ----------
    shift_px
        `(energy, angle, 2)` displacement (v, u) of every frame without that of the rotation axis, pixels; NaN for
        frames left out, and beyond the last angle of an energy that has fewer than others.
    magnification
        `(energy,)` relative to the undisturbed image.
    roll_rad
        Rotation of the image in the plane of the detector, from u towards v, the same in all frames, radians.
    centre_px
        `(energy,)` detector column of the rotation axis, pixels.
    residual_px
        `(energy, angle)` standard error of each displacement, from what the prediction leaves unexplained, pixels.
    kept
        `(energy, angle)` False for frames that could not be matched and should be left out.
    air_level
        `(energy, angle)` line integral of the air around the object, the lamp against its flats: to be subtracted from
        every frame before anything else, unitless.
    pattern
        `(energy, v, u)` line integral that stays on the detector while the object turns, such as a flat that has
        changed: its fine structure, to be subtracted likewise, unitless.
    contrast
        `(energy,)` contrast of the frames over that of their prediction from the spectra; 1 where those are right.
    reaches_over_sides
        Whether the object does, at the left or right of the detector: what moves in and out of the field then leaves
        displacements that all energies share uncertain, more than `residual_px` says.
    """

    shift_px: NDArray[np.float64]
    magnification: NDArray[np.float64]
    roll_rad: float
    centre_px: NDArray[np.float64]
    residual_px: NDArray[np.float64]
    kept: NDArray[np.bool_]
    air_level: NDArray[np.float64]
    pattern: NDArray[np.float32]
    contrast: NDArray[np.float64]
    reaches_over_sides: bool = False

    def kept_frames(self, index: int, *, n_angles: int) -> NDArray[np.bool_]:
        """`(angle,)` True for the frames to use of an energy that has `n_angles`."""
        return self.kept[index, :n_angles]

    @property
    def displacement_px(self) -> NDArray[np.float64]:
        """`(energy, angle, 2)` displacement (v, u) of every frame, the rotation axis included, pixels."""
        total = self.shift_px.copy()
        total[..., 1] += (self.centre_px - (self.pattern.shape[-1] - 1) / 2)[:, None]
        return total


def without_gauge(difference_px: FloatArray, angles_rad: Sequence[FloatArray]) -> NDArray[np.float64]:
    """Differences of two displacement fields, less what only moves the object.

    An object moved by (z, x, y) appears displaced by z in v and by x cos t - y sin t in u, at all energies alike. That
    and a constant in u, which stands for the column taken as the axis, are fitted and taken off.

    Parameters
    ----------
    difference_px
        `(energy, angle, 2)` difference (v, u), pixels; NaN for frames left out.
    angles_rad
        For each energy `(angle,)` radians, as many for all.

    Returns
    -------
    `(energy, angle, 2)` pixels.
    """
    left = np.array(difference_px, np.float64)
    left[..., 0] -= np.nanmean(left[..., 0])
    angles = np.concatenate([np.asarray(a, np.float64) for a in angles_rad])
    design = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)], axis=1)
    along_u = left[..., 1].ravel()
    known = np.isfinite(along_u)
    moved = design @ np.linalg.lstsq(design[known], along_u[known], rcond=None)[0]
    left[..., 1] = (along_u - moved).reshape(left.shape[:2])
    return left
