"""Fourier shell correlation: down to which size two half data sets show the same object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.alignment.cross_spectrum import cross_spectrum

FloatArray = NDArray[np.floating[Any]]

ONE_SEVENTH = 1 / 7
"""Correlation of the halves at which that of the whole data with a perfect map is 1/2: Rosenthal and Henderson, J. Mol.
Biol. 333, 721 (2003), doi:10.1016/j.jmb.2003.07.013."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCorrelation:
    """Correlation of two half volumes, shell by shell of Fourier space.

    Parameters
    ----------
    frequency_per_um
        `(shell,)` spatial frequency, 1/um.
    correlation
        `(shell,)` from -1 to 1.
    n_voxels
        `(shell,)` voxels of Fourier space in each shell.
    half_bit
        `(shell,)` threshold above which the whole data carry half a bit per voxel of Fourier space.
    voxel_um
        Edge of a voxel, um.
    """

    frequency_per_um: NDArray[np.float64]
    correlation: NDArray[np.float64]
    n_voxels: NDArray[np.int64]
    half_bit: NDArray[np.float64]
    voxel_um: float

    @property
    def finest_um(self) -> float:
        """Size of two voxels, the finest a correlation can be known for, um."""
        return 2 * self.voxel_um

    @property
    def resolution_um(self) -> float | None:
        """Size at which the correlation falls below half a bit, um.

        None where it stays above down to `finest_um`: the resolution is no worse, how much better is not known.
        Infinity where it is never above.
        """
        return _crossing_um(self.frequency_per_um, self.correlation - self.half_bit)

    @property
    def resolution_one_seventh_um(self) -> float | None:
        """Size at which the correlation falls below 1/7, um; None and infinity as in `resolution_um`."""
        return _crossing_um(self.frequency_per_um, self.correlation - ONE_SEVENTH)


def fourier_shell_correlation(
    first: FloatArray, second: FloatArray, *, voxel_um: float, window: FloatArray | None = None
) -> ShellCorrelation:
    """Correlate two half volumes.

    What both halves share counts as signal, true or not: rings of a fixed pattern, which are in both, raise the
    correlation, and a displacement common to both halves does not lower it.

    Parameters
    ----------
    first, second
        `(z, y, x)` from two halves of the frames, any unit; sides may differ in length.
    voxel_um
        Edge of a voxel, um.
    window
        `(z, y, x)` smooth and wider than the object; None: `cross_spectrum.soft_window`.

    Returns
    -------
    ShellCorrelation. For signal and noise of power S and N in each half it is S / (S + N); without signal it varies by
    `1 / sqrt(2 n)` about 0, `n` independent voxels in a shell.

    Raises
    ------
    DataError
        Volumes that differ in shape, are not three-dimensional, or hold values that are not finite.

    References
    ----------
    Harauz and van Heel, Optik 73, 146 (1986); van Heel and Schatz, J. Struct. Biol. 151, 250 (2005),
    doi:10.1016/j.jsb.2005.05.009.
    """
    spectrum = cross_spectrum(first, second, voxel_um=voxel_um, window=window)
    norm = np.sqrt(spectrum.first * spectrum.second)
    correlation = np.divide(spectrum.cross, norm, out=np.zeros_like(norm), where=norm > 0)
    return ShellCorrelation(
        frequency_per_um=spectrum.frequency_per_um,
        correlation=correlation,
        n_voxels=spectrum.n_voxels,
        half_bit=information_threshold(spectrum.n_effective, bits=0.5),
        voxel_um=voxel_um,
    )


def information_threshold(n_effective: FloatArray, *, bits: float) -> NDArray[np.float64]:
    """Correlation of two halves when the whole data carry so much information per voxel of Fourier space.

    Parameters
    ----------
    n_effective
        Independent voxels of each shell.
    bits
        Information `log2(1 + SNR)` of the whole data; of it each half has half the signal-to-noise ratio.

    Returns
    -------
    Correlation, same shape. One bit gives 1/3 and half a bit 0.17 in shells of many voxels; in shells of few it is
    higher, by what chance may add.

    References
    ----------
    van Heel and Schatz, J. Struct. Biol. 151, 250 (2005), equations 11 to 17, doi:10.1016/j.jsb.2005.05.009.
    """
    snr = (2.0**bits - 1) / 2
    chance = 1 / np.sqrt(np.asarray(n_effective, np.float64))
    common = snr + 2 * np.sqrt(snr) * chance
    threshold: NDArray[np.float64] = (common + chance) / (common + 1)
    return threshold


def _crossing_um(frequency_per_um: NDArray[np.float64], above: NDArray[np.float64]) -> float | None:
    """Reciprocal of the frequency at which `above`, once positive, first falls to 0; linear between shells."""
    if not (above > 0).any():
        return float("inf")
    start = int(np.argmax(above > 0))
    lost = above[start:] <= 0
    if not lost.any():
        return None
    after = start + int(np.argmax(lost))
    part = above[after - 1] / (above[after - 1] - above[after])
    crossing = frequency_per_um[after - 1] + part * (frequency_per_um[after] - frequency_per_um[after - 1])
    return float(1 / crossing)
