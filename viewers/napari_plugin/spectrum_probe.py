"""Spectrum of a voxel or a region of a result, with its fit and the fractions it stands for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import Block, PhaseMap
from xanesmap.viewers.label_spectra import SpectrumFit, fit_spectrum

FloatArray = NDArray[np.float64]

_READERS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProbedSpectrum:
    """Mean spectrum of a region."""

    name: str
    n_voxels: int
    """Voxels averaged; those outside the mask of the sample are left out of a region."""
    energies_ev: FloatArray
    measured: FloatArray
    """(energy,) attenuation, 1/um."""
    fit: SpectrumFit | None
    """None where the result does not hold the curves of its fit."""
    phases: tuple[str, ...]
    fractions: FloatArray
    """(phase,) from the stored maps, weighted as the spectrum; NaN outside the sample."""
    sigma: FloatArray
    """(phase,) one standard deviation, statistical, as if voxels were independent. Neighbouring voxels of a tomogram
    share noise, so that of a region is a lower bound."""

    @property
    def residual(self) -> FloatArray | None:
        """(energy,) measured minus fitted, 1/um."""
        return None if self.fit is None else self.measured - self.fit.curve


def probe_voxel(result: PhaseMap, z: int, y: int, x: int) -> ProbedSpectrum:
    """Spectrum of one voxel.

    Parameters
    ----------
    result
        A result in which mu was kept.
    z, y, x
        Index of the voxel.

    Raises
    ------
    DataError
        mu was not kept, or the voxel lies outside the volume.
    """
    _require_inside(result, (z, y, x))
    block = (slice(z, z + 1), slice(y, y + 1), slice(x, x + 1))
    one = np.ones((1, 1, 1))
    return _probe(result, block, one, name=f"voxel {z}, {y}, {x}")


def probe_region(result: PhaseMap, chosen: NDArray[np.bool_], *, corner: tuple[int, int, int]) -> ProbedSpectrum:
    """Mean spectrum of a region, weighted by the inverse variance of the amount in each voxel.

    Parameters
    ----------
    result
        A result in which mu was kept.
    chosen
        (z, y, x) True in the voxels of the region; a box is all True.
    corner
        Index (z, y, x) in the volume of the first voxel of `chosen`.

    Raises
    ------
    DataError
        mu was not kept, the region leaves the volume or holds no voxel of the sample.
    """
    last = tuple(start + n - 1 for start, n in zip(corner, chosen.shape, strict=True))
    _require_inside(result, corner)
    _require_inside(result, last)
    z, y, x = (slice(start, start + n) for start, n in zip(corner, chosen.shape, strict=True))
    variance = np.asarray(result.levels("amount_sigma")[0][z, y, x], dtype=np.float64) ** 2
    used = chosen & np.isfinite(variance) & (variance > 0)
    if not used.any():
        message = f"the region from {tuple(corner)} to {last} holds no voxel of the sample of '{result.path}'; move it."
        raise DataError(message)
    weights = np.where(used, 1 / np.where(used, variance, 1), 0)
    return _probe(result, (z, y, x), weights, name=f"{int(used.sum())} voxels from {', '.join(map(str, corner))}")


def _require_inside(result: PhaseMap, index: tuple[int, ...]) -> None:
    if not all(0 <= i < n for i, n in zip(index, result.shape, strict=True)):
        message = f"voxel (z, y, x) = {tuple(index)} lies outside the volume {result.shape} of '{result.path}'"
        raise DataError(message)


def _probe(result: PhaseMap, block: Block, weights: FloatArray, *, name: str) -> ProbedSpectrum:
    measured = _mean_spectrum(result.levels("mu")[0], block, weights)
    fractions, sigma = _mean_fractions(result, block, weights)
    return ProbedSpectrum(
        name=name,
        n_voxels=int(np.count_nonzero(weights)),
        energies_ev=result.energies_ev,
        measured=measured,
        fit=fit_spectrum(result, measured),
        phases=result.phases,
        fractions=fractions,
        sigma=sigma,
    )


def _mean_spectrum(mu: zarr.Array[Any], block: Block, weights: FloatArray) -> FloatArray:
    total, used = weights.sum(), weights > 0

    def at(energy: int) -> float:
        values = np.asarray(mu[(energy, *block)], dtype=np.float64)
        return float(np.dot(values[used], weights[used]) / total)

    with ThreadPoolExecutor(_READERS) as threads:
        return np.array(list(threads.map(at, range(mu.shape[0]))))


def _mean_fractions(result: PhaseMap, block: Block, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fractions of the mean spectrum, and their standard deviations.

    The amounts of a weighted mean are the weighted means of the amounts, so the fractions of the voxels count with
    weight times amount; a voxel's variance then enters with that share squared.
    """
    used = weights > 0
    amount = np.asarray(result.levels("amount")[0][block], dtype=np.float64)[used]
    share = weights[used] * amount
    share = share / share.sum()
    read = (result.levels(name)[0] for name in ("fraction", "fraction_sigma"))
    fraction, sigma = (np.asarray(layer[(slice(None), *block)], dtype=np.float64)[:, used] for layer in read)
    return fraction @ share, np.sqrt(sigma**2 @ share**2)
