"""Power that two half volumes have in common, shell by shell of Fourier space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

_FLAT_SHARE = 0.6  # of the radius of the slices, within which the window is 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossSpectrum:
    """Sums over the voxels of each shell, from the lowest frequency above zero to the Nyquist frequency.

    Parameters
    ----------
    frequency_per_um
        `(shell,)` mean spatial frequency, 1/um.
    cross
        `(shell,)` real part of the product of one transform with the conjugate of the other. Its expectation is the
        power of what both have in common: independent noise adds nothing to it.
    first, second
        `(shell,)` power of either, same unit.
    n_voxels
        `(shell,)` voxels of Fourier space, both of each Hermitian pair.
    n_effective
        `(shell,)` those that are independent: half of them, less what the window correlates with its neighbours.
    """

    frequency_per_um: NDArray[np.float64]
    cross: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    n_voxels: NDArray[np.int64]
    n_effective: NDArray[np.float64]


def cross_spectrum(
    first: FloatArray, second: FloatArray, *, voxel_um: float, window: FloatArray | None = None
) -> CrossSpectrum:
    """Power spectrum of what two half volumes have in common.

    Parameters
    ----------
    first, second
        `(z, y, x)` of the same object with independent noise, any unit.
    voxel_um
        Edge of a voxel, um.
    window
        `(z, y, x)` from 0 to 1; None: `soft_window`. The mean within the window is taken off first, so the window's own
        shape does not count as something the volumes share. It should be smooth and must not follow the object: a tight
        mask is the same sharp structure in both volumes.

    Returns
    -------
    CrossSpectrum. Shells are as wide as the reciprocal of the longest side; independent noise varies the `cross` of a
    shell by `sqrt(first second / (2 n_effective))`.

    Raises
    ------
    DataError
        Volumes that differ in shape, are not three-dimensional, or hold values that are not finite.
    """
    _check(first, second, voxel_um)
    weight = soft_window(first.shape) if window is None else np.asarray(window, np.float32)
    transforms = [scipy.fft.rfftn(_windowed(volume, weight)) for volume in (first, second)]
    shell, frequency = _shells(first.shape)
    count = _hermitian_count(first.shape)
    inside = slice(1, max(first.shape) // 2 + 1)

    def summed(values: FloatArray) -> NDArray[np.float64]:
        return np.asarray(np.bincount(shell.ravel(), (values * count).ravel())[inside], np.float64)

    n_voxels = summed(np.ones_like(frequency))
    return CrossSpectrum(
        frequency_per_um=summed(frequency) / n_voxels / voxel_um,
        cross=summed((transforms[0] * transforms[1].conj()).real),
        first=summed(np.abs(transforms[0]) ** 2),
        second=summed(np.abs(transforms[1]) ** 2),
        n_voxels=np.rint(n_voxels).astype(np.int64),
        n_effective=n_voxels / 2 * _independent_share(weight, frequency, count),
    )


def soft_window(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Window that fades a stack of slices out towards its ends and the rim of the reconstructed circle.

    Along z it is Hann's: a slab cut out of a taller object ends in full contrast, and what a shorter taper leaves of
    that step would be detail that both halves share.

    Parameters
    ----------
    shape
        `(z, y, x)` voxels; sides may differ.

    Returns
    -------
    `(z, y, x)` from 0 to 1; 0 outside the ellipse inscribed in (y, x).
    """
    along_z = np.sin(np.pi * (np.arange(shape[0]) + 0.5) / shape[0]) ** 2 if shape[0] > 1 else np.ones(1)
    y, x = ((2 * np.arange(n) + 1) / n - 1 for n in shape[1:])
    outwards = (np.hypot(y[:, None], x) - _FLAT_SHARE) / (1 - _FLAT_SHARE)
    across = np.cos(np.pi / 2 * np.clip(outwards, 0, 1)) ** 2
    return np.asarray(along_z[:, None, None] * across, np.float32)


def _check(first: FloatArray, second: FloatArray, voxel_um: float) -> None:
    if first.shape != second.shape or first.ndim != 3 or max(first.shape) < 4:
        message = (
            f"Half volumes of shapes {first.shape} and {second.shape} cannot be correlated. "
            "Give two of one shape (z, y, x), 4 voxels or more along one side."
        )
        raise DataError(message)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        message = "The half volumes hold values that are not finite. Set what lies outside a mask to 0 first."
        raise DataError(message)
    if not voxel_um > 0:
        message = f"A voxel of {voxel_um} um was given. Give the edge of a voxel, above 0."
        raise DataError(message)


def _windowed(volume: FloatArray, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = float((volume * weight).sum(dtype=np.float64) / weight.sum(dtype=np.float64))
    return np.asarray((volume - np.float32(mean)) * weight, np.float32)


def _shells(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Shell number and frequency (1/voxel) of every voxel of a real transform."""
    axes = [scipy.fft.fftfreq(n) for n in shape[:-1]] + [scipy.fft.rfftfreq(shape[-1])]
    z, y, x = np.ix_(*axes)
    frequency = np.sqrt(z**2 + y**2 + x**2)
    return np.rint(frequency * max(shape)).astype(np.int64), frequency.astype(np.float32)


def _hermitian_count(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """`(x frequency,)` how often each column of a real transform stands in the full one."""
    count = np.full(shape[-1] // 2 + 1, 2, np.float32)
    count[0] = 1
    if shape[-1] % 2 == 0:
        count[-1] = 1
    return count


def _independent_share(weight: NDArray[np.float32], frequency: FloatArray, count: NDArray[np.float32]) -> float:
    """Share of the voxels of a shell that are independent under a window.

    Two voxels at a distance D have noise products correlated by `|W(D)|^2 / |W(0)|^2`, W the transform of the squared
    window. Of the neighbours at D, in all directions, those inside the same shell count: `1 - d / 2` of them if D is d
    shell widths and d < 1, `1 / (2 d)` if it is more (shells thin against their radius).
    """
    correlated = np.abs(scipy.fft.rfftn(weight.astype(np.float32) ** 2)) ** 2
    distance = frequency * max(weight.shape)
    inside = np.where(distance < 1, 1 - distance / 2, 0.5 / np.maximum(distance, 1))
    return float(correlated[0, 0, 0] / (correlated * inside * count).sum(dtype=np.float64))
