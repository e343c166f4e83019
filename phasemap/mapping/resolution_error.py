r"""What a fraction at a front differs from its true value because voxels are coarse: an error bar of the front itself.

Where composition changes within a voxel, no reconstruction knows the fraction of that voxel exactly. Detail finer than
two pixels is not in the projections, and what is left of it there appears as coarser detail (aliasing). The error is
the same in every repetition of the scan, but from voxel to voxel it changes with the place of the front between the
voxels, like noise.

A sharp plane front of height D has the spectrum `D / (2 pi k)` along its normal, at all frequencies. What is lost above
half a cycle per pixel therefore follows from what can be seen below: with transfer functions `T` of a voxel's mean and
`R` of its reconstruction, a unit of area of the front has the squared error

.. math:: E = 2 \int_0^\infty \frac{|T(k) - R(k)|^2 + A(k)}{(2 \pi k)^2} dk

(Parseval's theorem, the place of the front being random), `A` the aliased part, and the smoothed fraction has the
squared curvature

.. math:: C = 2 \int_0^\infty \frac{|R(k)|^2 S(k)^2 l(k)^2}{(2 \pi k)^2} dk

`S` being the smoothing and `l` the Laplacian of voxels. The share `E / C`, both averaged over all directions of fronts,
turns squared curvature of the map into the variance of the fraction. No scan has been used to find it. A gradual change
of composition has little curvature and is given little error.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xanesmap.reconstruct.engines import FilterName
from xanesmap.reconstruct.filters import apodisation

FloatArray = NDArray[np.floating[Any]]
Frames = Literal["as recorded", "interpolated"]

# Before the curvature is taken: noise, strongest at high frequencies, would hide it.
_SMOOTHING_PX = 1.0
# Over which the squared curvature is averaged: the error lies about as far from the front.
_SPREAD_PX = 1.0
_TRUNCATE = 3.0
_SPREAD_REACH = int(_TRUNCATE * _SPREAD_PX + 0.5)
_IN_PLANE_REACH = int(_TRUNCATE * _SMOOTHING_PX + 0.5) + 1 + _SPREAD_REACH
# Rows of a slice worked on at once: a dozen maps of a whole slab would take as much memory as its attenuation.
_BLOCK_ROWS = 64
_HIGHEST_FREQUENCY = 4.0  # cycles per pixel: beyond, voxels average all away
_FREQUENCIES = 1600
_POLAR, _AZIMUTHS = 24, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionLoss:
    """What one reconstruction loses at fronts.

    Parameters
    ----------
    share
        Variance of the fraction over squared curvature of the smoothed fraction, pixels^4.
    noise
        Squared curvature of the smoothed fraction, 1/pixel^4, that unit variance of the voxels makes.
    frames
        Whether detail was lost along the rotation axis too, by interpolation.
    """

    share: float
    noise: float
    frames: Frames

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes of `(z, y, x)` along which detail was lost."""
        return (1, 2) if self.frames == "as recorded" else (0, 1, 2)

    @property
    def reach(self) -> int:
        """Slices on either side that the error of a voxel depends on."""
        return _SPREAD_REACH if self.frames == "as recorded" else _IN_PLANE_REACH


@functools.lru_cache(maxsize=16)
def resolution_loss(filter_name: FilterName, *, frames: Frames, misplaced_px: float = 0.0) -> ResolutionLoss:
    """What filtered back-projection loses at fronts.

    Parameters
    ----------
    filter_name
        Apodisation of the ramp filter.
    frames
        Whether they were interpolated on their way; by the cubic spline, at places between the pixels that differ from
        frame to frame.
    misplaced_px
        Standard deviation of the error of their places, pixels.

    References
    ----------
    Bracewell, Aust. J. Phys. 9, 198 (1956), doi:10.1071/PH560198 (central slice); Unser, IEEE Signal Process. Mag. 16,
    22 (1999), doi:10.1109/79.799930 (spectrum of the interpolating spline).
    """
    normal, weight = _directions()
    frequency = (np.arange(_FREQUENCIES) + 0.5) * (_HIGHEST_FREQUENCY / _FREQUENCIES)
    place = normal[:, :, None] * frequency  # (axis, direction, frequency), cycles per pixel
    radial = np.hypot(place[1], place[2])
    voxel = np.prod(np.sinc(place), axis=0)
    moved = frames == "interpolated"
    in_plane = _window(radial, filter_name) * (_reading(radial, misplaced_px) if moved else 1)
    along_axis = np.sinc(place[0]) * (_reading(place[0], misplaced_px) if moved else 1)
    seen = np.where(radial < 0.5, np.sinc(radial) * in_plane, 0) * along_axis
    aliased = 0 if moved else _aliased(radial, filter_name) * along_axis**2
    axes = (0, 1, 2) if moved else (1, 2)
    spectrum = weight[:, None] / frequency**2  # constants are common to both sums
    error = np.sum(spectrum * ((voxel - seen) ** 2 + aliased))
    curvature = np.sum(spectrum * seen**2 * _curvature(place, axes))
    return ResolutionLoss(
        share=float(error / curvature),
        noise=_curvature_of_noise(filter_name, frames, axes),
        frames=frames,
    )


def resolution_variance(
    fraction: FloatArray,
    fraction_sigma: FloatArray,
    amount: FloatArray,
    inside: NDArray[np.bool_],
    *,
    loss: ResolutionLoss,
) -> NDArray[np.float32]:
    """Squared error of each fraction by what is lost at fronts.

    Parameters
    ----------
    fraction, fraction_sigma
        `(phase, z, y, x)` fraction and its standard deviation by noise.
    amount
        `(z, y, x)` edge step of all phases; voxels count by what they hold.
    inside
        `(z, y, x)` voxels of the sample; nothing outside is looked at.
    loss
        From `resolution_loss`.

    Returns
    -------
    `(phase, z, y, x)` variance, unitless; 0 outside. It depends on slices up to `loss.reach` away.
    """
    variance = np.zeros(fraction.shape, np.float32)
    for start in range(0, inside.shape[1], _BLOCK_ROWS):
        first, stop = max(0, start - _IN_PLANE_REACH), start + _BLOCK_ROWS + _IN_PLANE_REACH
        rows = (Ellipsis, slice(first, stop), slice(None))
        if not inside[rows].any():
            continue
        found = _variance_of_block(fraction[rows], fraction_sigma[rows], amount[rows], inside[rows], loss)
        own = variance[..., start : start + _BLOCK_ROWS, :]
        own[...] = found[..., start - first : start - first + own.shape[-2], :]
    return variance


def _variance_of_block(
    fraction: FloatArray,
    fraction_sigma: FloatArray,
    amount: FloatArray,
    inside: NDArray[np.bool_],
    loss: ResolutionLoss,
) -> NDArray[np.float32]:
    weight = np.where(inside, np.maximum(amount, 0), 0).astype(np.float32)
    total = _smooth(weight, loss.axes)
    squared_weight = np.where(weight > 0, weight**2, 1)
    variance = np.zeros(fraction.shape, np.float32)
    # of two phases, one is the rest
    for phase in range(1 if len(fraction) == 2 else len(fraction)):
        held = _smooth(np.where(weight > 0, weight * fraction[phase], 0).astype(np.float32), loss.axes)
        smooth = np.divide(held, total, out=np.zeros_like(held), where=total > 0)
        curved = (_laplacian(smooth, loss.axes) * weight) ** 2
        spread = gaussian_filter(curved, _SPREAD_PX, truncate=_TRUNCATE, mode="constant") / squared_weight
        above_noise = np.maximum(spread - np.float32(loss.noise) * fraction_sigma[phase] ** 2, 0)
        variance[phase] = np.where(weight > 0, np.float32(loss.share) * above_noise, 0)
    if len(fraction) == 2:
        variance[1] = variance[0]
    return variance


def _directions() -> tuple[FloatArray, FloatArray]:
    """`(axis, direction)` normals (z, y, x) evenly over an octant, by symmetry all there are, and their weights."""
    polar = (np.arange(_POLAR) + 0.5) * (np.pi / 2 / _POLAR)
    azimuth = (np.arange(_AZIMUTHS) + 0.5) * (np.pi / 4 / _AZIMUTHS)
    polar, azimuth = (angle.ravel() for angle in np.meshgrid(polar, azimuth, indexing="ij"))
    across = np.sin(polar)
    return np.stack([np.cos(polar), across * np.sin(azimuth), across * np.cos(azimuth)]), across


def _window(frequency: FloatArray, filter_name: FilterName) -> FloatArray:
    return np.asarray(apodisation(np.minimum(frequency, 0.5), filter_name=filter_name))


def _reading(frequency: FloatArray, misplaced_px: float) -> FloatArray:
    """Transfer of frames read between their pixels by a cubic spline, at places that are a little wrong."""
    spline = np.sinc(frequency) ** 4 / ((2 + np.cos(2 * np.pi * frequency)) / 3)
    return np.asarray(spline * np.exp(-2 * (np.pi * frequency * misplaced_px) ** 2))


def _aliased(radial: FloatArray, filter_name: FilterName) -> FloatArray:
    """Squared transfer of detail that pixels are too coarse for, and that a reconstruction shows coarser than it is.

    A front seen along its face by one projection keeps its angle and its strength when a frequency `k` is taken for a
    lower one `q`; the area of the spectrum it fills shrinks as `q / k`. It may lie as a streak away from its front.
    """
    taken_for = np.abs(radial - np.rint(radial))
    strength = (np.sinc(radial) * _window(taken_for, filter_name)) ** 2 * taken_for / np.maximum(radial, 0.5)
    return np.where(radial < 0.5, 0, strength)


def _curvature(place: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """Squared transfer of smoothing and Laplacian at `(axis, ...)` frequencies."""
    along = place[list(axes)]
    laplacian = np.sum(2 * np.cos(2 * np.pi * along) - 2, axis=0)
    return np.asarray(laplacian**2 * np.exp(-np.sum((2 * np.pi * along * _SMOOTHING_PX) ** 2, axis=0)))


def _curvature_of_noise(filter_name: FilterName, frames: Frames, axes: tuple[int, ...]) -> float:
    """Mean of `_curvature` over the spectrum of the noise: a ramp in the plane of a slice, white along the axis."""
    n = 48
    radial = (np.arange(n) + 0.5) / (2 * n)
    z, r, turn = np.meshgrid(radial, radial, (np.arange(8) + 0.5) * np.pi / 32, indexing="ij")
    place = np.stack([z, r * np.sin(turn), r * np.cos(turn)])
    power = r**2 * _window(r, filter_name) ** 2  # the ramp, times the area of a ring
    if frames == "interpolated":
        power = power * _reading(r, 0.0) ** 2 * _reading(z, 0.0) ** 2
    return float(np.sum(power * _curvature(place, axes)) / np.sum(power))


def _smooth(volume: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
    sigma = [_SMOOTHING_PX if axis in axes else 0.0 for axis in range(3)]
    return np.asarray(gaussian_filter(volume, sigma, truncate=_TRUNCATE, mode="constant"), np.float32)


def _laplacian(volume: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
    found = np.zeros_like(volume)
    for axis in axes:
        moved, out = np.moveaxis(volume, axis, 0), np.moveaxis(found, axis, 0)
        out[1:-1] += moved[2:] - 2 * moved[1:-1] + moved[:-2]
    return found
