"""The truth of a simulated scan where its map has the object: an aligned map has it where the detector showed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift

from xanesmap.phasemap.truth import Truth

FloatArray = NDArray[np.floating[Any]]


def position_of_object(displacement_px: FloatArray, truth: Truth) -> NDArray[np.float64]:
    """How far an alignment has moved the object.

    Parameters
    ----------
    displacement_px
        `(energy, angle, 2)` displacement (v, u) as found, pixels; NaN for frames left out.
    truth
        The truth.

    Returns
    -------
    `(3,)` motion along z, y and x, voxels: the part of found less true displacement that is `z` in v and
    `x cos t - y sin t` in u.
    """
    difference = np.asarray(displacement_px, np.float64) - truth.displacement_px
    angles = np.broadcast_to(np.deg2rad(truth.angles_deg), difference.shape[:2])
    known = np.isfinite(difference[..., 1])
    design = np.stack([np.ones(known.sum()), np.cos(angles[known]), -np.sin(angles[known])], axis=1)
    _, x, y = np.linalg.lstsq(design, difference[..., 1][known], rcond=None)[0]
    # a frame displaced by more than it really is shows the object that much less displaced
    return np.array([-np.nanmean(difference[..., 0]), -y, -x])


def moved_truth(truth: Truth, motion: FloatArray) -> Truth:
    """Truth with the object moved.

    Parameters
    ----------
    truth
        The truth.
    motion
        `(3,)` along z, y and x, voxels.
    """

    def moved(volume: NDArray[Any], order: int) -> NDArray[Any]:
        return np.asarray(shift(volume, motion, order=order, mode="nearest"))

    amount = moved(truth.amount, 1)
    iron = np.stack([moved(np.nan_to_num(fraction) * truth.amount, 1) for fraction in truth.fraction])
    occupancy = np.stack([moved(phase, 1) for phase in truth.occupancy])
    mask = moved(truth.mask.astype(np.float32), 1) >= 0.5
    fraction = np.where(mask, iron / np.maximum(amount, np.finfo(np.float32).tiny), np.nan)
    return replace(
        truth,
        fraction=fraction.astype(np.float32),
        amount=amount,
        occupancy=occupancy,
        particle=moved(truth.particle, 0),
        mask=mask,
    )
