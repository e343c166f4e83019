"""One number per energy for how much everything in the beam attenuates: the total spectrum of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

FloatArray = NDArray[np.floating[Any]]

_SMOOTHING_PX = 3.0
# Share of the squared weights that has to move with the angle.
_LEAST_MOVING = 0.1


def total_contrast(projections: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> NDArray[np.float64]:
    """Attenuation of every energy, summed with the image of the object as weights.

    Every frame is weighted with what the mean of all energies shows at its angle, smoothed, less its mean over the
    frame and less its mean over the angles. So pixels count by what they hold; the level of a frame, which the lamp
    changes, does not count, and neither does anything fixed in the detector, such as the noise of the flats. The
    weights are the same at all energies: the result is one linear combination of the spectra in the object.

    Parameters
    ----------
    projections
        For each energy `(angle, v, u)` line integrals, the same angles at all energies, in their places to a pixel or
        two; or slices of volumes, `(energy, z, y, x)`.

    Returns
    -------
    `(energy,)` relative attenuation, unitless; the mean over the energies is 1. An object of which nearly nothing moves
    with the angle (a ball on the axis, or a volume, which has no angles) is weighted without the mean over the angles
    taken away. Zeros where frames of different energies do not correspond, or show nothing.
    """
    if any(frames.shape != projections[0].shape for frames in projections):
        return np.zeros(len(projections))
    mean = np.zeros(projections[0].shape, np.float32)
    for frames in projections:
        mean += frames / np.float32(len(projections))
    weights = gaussian_filter(mean, (0, _SMOOTHING_PX, _SMOOTHING_PX))
    weights -= weights.mean(axis=(1, 2), keepdims=True)
    moving = weights - weights.mean(axis=0)
    if len(mean) > 2 and np.vdot(moving, moving) > _LEAST_MOVING * np.vdot(weights, weights):
        weights = moving
    size = float(np.vdot(weights, mean))
    if not size > 0:
        return np.zeros(len(projections))
    return np.array([float(np.vdot(weights, frames)) / size for frames in projections])
