"""Spectrum of a voxel or a region of a result, with its fit and the fractions it stands for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology.voxel_noise import weighted_noise
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import Block, PhaseMap
from xanesmap.viewers.drawing.label_spectra import SpectrumFit, fit_spectrum
from xanesmap.viewers.napari_plugin.spectrum.probed_region import Region, box_region

FloatArray = NDArray[np.float64]

_ENERGIES_AT_ONCE = 4
_BLOCK_CHUNKS = 4
"""Chunks along y and x that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProbedSpectrum:
    """Mean spectrum of a region, or what is known of it without attenuation."""

    name: str
    centre: tuple[float, float, float]
    """(z, y, x) of the voxel, or mean over those of the region, voxels."""
    n_voxels: int
    """Voxels averaged; those outside the mask of the sample are left out of a region."""
    unit: str
    """Of the attenuation: ``1/um``, or ``1`` for optical depth."""
    energies_ev: FloatArray
    measured: FloatArray | None
    """(energy,) attenuation as it was fitted, so normalised where the run normalised; None where the result kept none.
    """
    fit: SpectrumFit | None
    """None where the result does not hold the curves of its fit, or no attenuation."""
    phases: tuple[str, ...]
    fractions: FloatArray
    """(phase,) from the stored maps, weighted as the spectrum; NaN outside the sample."""
    sigma: FloatArray
    """(phase,) one standard deviation, statistical, as if voxels were independent. Neighbouring voxels of a tomogram
    share noise, so that of a region is a lower bound."""

    @property
    def residual(self) -> FloatArray | None:
        """(energy,) measured minus fitted, in the unit of the attenuation."""
        return None if self.fit is None or self.measured is None else self.measured - self.fit.curve


def probe_voxel(result: PhaseMap, z: int, y: int, x: int) -> ProbedSpectrum:
    """Spectrum of one voxel.

    Parameters
    ----------
    result
        A result.
    z, y, x
        Index of the voxel.

    Raises
    ------
    DataError
        The voxel lies outside the volume.
    """
    _require_inside(result, (z, y, x))
    block = box_region((z, y, x), (1, 1, 1)).box
    measured = None
    if result.mu is not None:
        mu = result.levels("mu")[0]
        measured = _as_fitted(result, np.asarray(mu[(slice(None), *block)], np.float64).ravel())
    fraction, sigma = (
        np.asarray(result.levels(name)[0][(slice(None), *block)], np.float64).ravel()
        for name in ("fraction", "fraction_sigma")
    )
    return _spectrum(result, measured, name=f"voxel {z}, {y}, {x}", n_voxels=1, centre=(z, y, x), of=(fraction, sigma))


def probe_region(result: PhaseMap, region: Region, *, progress: Progress = no_progress) -> ProbedSpectrum:
    """Mean spectrum of a region, weighted by the inverse variance of the amount in each voxel.

    Parameters
    ----------
    result
        A result.
    region
        Its voxels outside the sample do not count.
    progress
        Called with stage, steps done and steps of the stage.

    Raises
    ------
    DataError
        The region leaves the volume or holds no voxel of the sample.
    """
    _require_inside(result, tuple(span.start for span in region.box))
    _require_inside(result, tuple(span.stop - 1 for span in region.box))
    sums = _Sums.of(result)
    blocks = list(_blocks(result, region.box))
    for number, block in enumerate(blocks):
        progress("Read spectra", number, len(blocks))
        chosen = region.inside(block)
        if chosen.any():
            sums.add(result, block, chosen)
    progress("Read spectra", len(blocks), len(blocks))
    if sums.n_voxels == 0:
        message = f"the region ({region.name}) holds no voxel of the sample of '{result.path}'; choose another."
        raise DataError(message)
    return _spectrum(
        result,
        None if sums.mu is None else _as_fitted(result, sums.mu / sums.weight),
        name=f"{region.name}, {sums.n_voxels:,} voxels",
        n_voxels=sums.n_voxels,
        centre=tuple(float(i) for i in sums.places / sums.n_voxels),
        of=(sums.fraction / sums.atoms, np.sqrt(sums.variance) / abs(sums.atoms)),
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Sums:
    """What adds up over the blocks of a region."""

    mu: FloatArray | None
    """(energy,) weight times attenuation."""
    fraction: FloatArray
    """(phase,) weight times amount times fraction. The amounts of a weighted mean are the weighted means of the
    amounts, so the fractions of the voxels count with weight times amount."""
    variance: FloatArray
    """(phase,) of that sum."""
    places: FloatArray
    """(3,) sum of the indices."""
    weight: float = 0.0
    atoms: float = 0.0
    """Weight times amount."""
    n_voxels: int = 0

    @classmethod
    def of(cls, result: PhaseMap) -> _Sums:
        n_phases = len(result.phases)
        mu = None if result.mu is None else np.zeros(result.energies_ev.size)
        return cls(mu=mu, fraction=np.zeros(n_phases), variance=np.zeros(n_phases), places=np.zeros(3))

    def add(self, result: PhaseMap, block: Block, chosen: NDArray[np.bool_]) -> None:
        """Add the voxels of a block."""
        amount, deviation = (
            np.asarray(result.levels(name)[0][block], np.float64) for name in ("amount", "amount_sigma")
        )
        used = chosen & np.isfinite(amount) & np.isfinite(deviation) & (deviation > 0)
        if not used.any():
            return
        weight, held = deviation[used] ** -2, amount[used]
        self.n_voxels += weight.size
        self.weight += float(weight.sum())
        self.atoms += float(weight @ held)
        self.places += np.argwhere(used).sum(axis=0) + weight.size * np.array([span.start for span in block])
        maps = (result.levels("fraction")[0], result.noise_levels()[0])
        for phase in range(len(result.phases)):
            fraction, sigma = (np.nan_to_num(np.asarray(one[(phase, *block)], np.float64)[used]) for one in maps)
            self.fraction[phase] += float((weight * held) @ fraction)
            self.variance[phase] += ((weight * weighted_noise(abs(held), sigma)) ** 2).sum()
        if self.mu is not None:
            self.mu += _weighted_mu(result, block, used, weight)


def _weighted_mu(result: PhaseMap, block: Block, used: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """`(energy,)` sums over the voxels used; zarr reads the chunks of a few energies at the same time."""
    mu, places = result.levels("mu")[0], np.flatnonzero(used)
    sums: list[FloatArray] = []
    for first in range(0, mu.shape[0], _ENERGIES_AT_ONCE):
        values = np.asarray(mu[(slice(first, first + _ENERGIES_AT_ONCE), *block)])
        sums.append(values.reshape(len(values), -1)[:, places].astype(np.float64) @ weight)
    return np.concatenate(sums)


def _blocks(result: PhaseMap, box: Block) -> Iterator[Block]:
    """Parts of a box along chunk borders, so that no chunk is read twice."""
    chunk = result.levels("mask")[0].chunks
    steps = (chunk[0], _BLOCK_CHUNKS * chunk[1], _BLOCK_CHUNKS * chunk[2])
    cuts = [range(span.start // step * step, span.stop, step) for span, step in zip(box, steps, strict=True)]
    for corner in itertools.product(*cuts):
        z, y, x = (
            slice(max(start, span.start), min(start + step, span.stop))
            for start, step, span in zip(corner, steps, box, strict=True)
        )
        yield z, y, x


def _as_fitted(result: PhaseMap, spectrum: FloatArray) -> FloatArray:
    """Spectrum normalised as the run did it, if it did."""
    matrix = result.attributes.get("fit", {}).get("matrix")
    return spectrum if matrix is None else np.asarray(matrix, dtype=np.float64) @ spectrum


def _require_inside(result: PhaseMap, index: tuple[int, ...]) -> None:
    if not all(0 <= i < n for i, n in zip(index, result.shape, strict=True)):
        message = f"voxel (z, y, x) = {tuple(index)} lies outside the volume {result.shape} of '{result.path}'"
        raise DataError(message)


def _spectrum(
    result: PhaseMap,
    measured: FloatArray | None,
    *,
    name: str,
    n_voxels: int,
    centre: Any,
    of: tuple[FloatArray, FloatArray],
) -> ProbedSpectrum:
    """What was read, fitted; `of` are fractions and their standard deviations."""
    return ProbedSpectrum(
        name=name,
        centre=centre,
        n_voxels=n_voxels,
        unit=result.attenuation_unit,
        energies_ev=result.energies_ev,
        measured=measured,
        fit=None if measured is None else fit_spectrum(result, measured),
        phases=result.phases,
        fractions=of[0],
        sigma=of[1],
    )
