"""Where an imperfect microscope puts the image: shift and magnification of line integrals on the detector.

A point of the undisturbed image at detector position `x` appears at

    x' = c + m (x - c) + d,        c = (n - 1) / 2 the middle of the detector,

in v and in u: magnified by `m` about the middle of the detector, then displaced by `d` pixels.

The image is sampled once, by cubic splines through the line integrals of the fine grid, and each detector
pixel is the mean of its `s` samples per axis; undisturbed, that is the plain block average. Line integrals
are averaged, not intensities, which keeps the image linear in the object; averaging the transmission would
differ in second order of the change of the line integral within one pixel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.floating[Any]]


def spline_coefficients(images: FloatArray) -> FloatArray:
    """Coefficients of the cubic spline through images.

    Parameters
    ----------
    images
        `(..., v, u)`, any unit.

    Returns
    -------
    `(..., v, u)` float32, same unit, for `place_image`. Mirrored at the edges.

    References
    ----------
    Unser, IEEE Signal Process. Mag. 16, 22 (1999), doi:10.1109/79.799930.
    """
    along_v = ndimage.spline_filter1d(images, order=3, axis=-2, output=np.float32, mode="mirror")
    coefficients: FloatArray = ndimage.spline_filter1d(along_v, order=3, axis=-1, output=np.float32, mode="mirror")
    return coefficients


def place_image(
    coefficients: FloatArray, *, supersampling: int, shift_px: tuple[float, float], magnification: float
) -> FloatArray:
    """Frames as the detector sees them, all displaced alike.

    Parameters
    ----------
    coefficients
        `(..., s v, s u)` spline coefficients of undisturbed images on the fine grid.
    supersampling
        Fine pixels per detector pixel, `s`.
    shift_px
        Displacement of the images in v and in u, detector pixels.
    magnification
        Relative to the undisturbed image, about the middle of the detector.

    Returns
    -------
    `(..., v, u)` float32 mean over each detector pixel; 0 where the detector looks past the fine grid.
    """
    rows, columns = (
        pixel_weights(n // supersampling, supersampling=supersampling, shift_px=d, magnification=magnification)
        for n, d in zip(coefficients.shape[-2:], shift_px, strict=True)
    )
    image: FloatArray = rows @ coefficients @ columns.T  # (v, s v) (s v, s u) (s u, u)
    return image


def pixel_weights(n: int, *, supersampling: int, shift_px: float, magnification: float) -> FloatArray:
    """Weight of each spline coefficient in each detector pixel along one axis.

    Parameters
    ----------
    n
        Detector pixels along the axis.
    supersampling
        Fine pixels per detector pixel, `s`: fine pixel `j` is centred at `(j + 1/2) / s - 1/2`.
    shift_px
        Displacement of the image, detector pixels.
    magnification
        Relative to the undisturbed image, about `(n - 1) / 2`.

    Returns
    -------
    `(n, s n)` float32.
    """
    n_fine = n * supersampling
    centre = (n - 1) / 2
    on_detector = (np.arange(n_fine) + 0.5) / supersampling - 0.5  # the s samples of every pixel
    undisturbed = centre + (on_detector - centre - shift_px) / magnification
    position = (undisturbed + 0.5) * supersampling - 0.5  # (sample,) on the fine grid
    taps = np.floor(position).astype(int) + np.arange(-1, 3)[:, None]  # (tap, sample)
    values = _cubic_b_spline(position - taps) / supersampling
    values[:, (position < -0.5) | (position > n_fine - 0.5)] = 0.0
    weights = np.zeros((n, n_fine), dtype=np.float32)
    pixel = np.broadcast_to(np.arange(n_fine) // supersampling, taps.shape)
    np.add.at(weights, (pixel, _mirrored(taps, n_fine)), values)
    return weights


def _cubic_b_spline(distance: FloatArray) -> FloatArray:
    """Cubic B-spline at distances of at most two knots."""
    x = np.abs(distance)
    value: FloatArray = np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.maximum(2 - x, 0.0) ** 3 / 6)
    return value


def _mirrored(index: NDArray[np.int_], n: int) -> NDArray[np.int_]:
    """Index into an array of n continued as its mirror image on both sides; far outside, the nearest end."""
    folded = np.abs(index)
    folded = np.where(folded > n - 1, 2 * (n - 1) - folded, folded)
    return np.clip(folded, 0, n - 1)
