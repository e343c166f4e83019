"""Mean spectrum of each phase label and its fit with the references of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.result import Block, PhaseMap

MAX_BLOCKS = 128
"""Blocks read at most; in a larger volume they are spread evenly over those that hold labelled voxels."""

_BLOCK_EDGE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpectrum:
    """Mean spectrum over the voxels of one label."""

    name: str
    n_voxels: int
    """Voxels averaged."""
    mean: NDArray[np.float64]
    """(energy,) in 1/um."""
    spread: NDArray[np.float64]
    """(energy,) standard deviation between the voxels, in 1/um."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumFit:
    """Fit of one spectrum: what each column of the design contributes."""

    columns: tuple[str, ...]
    """Names of the columns, phases first."""
    contributions: NDArray[np.float64]
    """(column, energy) in 1/um; their sum is the fitted curve."""
    fractions: NDArray[np.float64]
    """(phase,)"""
    amount: float
    """Sum of the amounts of the phases in 1/um."""
    r_factor: float
    """Sum of squared residuals over sum of squared data."""

    @property
    def curve(self) -> NDArray[np.float64]:
        """(energy,) fitted curve in 1/um."""
        total: NDArray[np.float64] = self.contributions.sum(axis=0)
        return total


def label_spectra(result: PhaseMap) -> list[LabelSpectrum]:
    """Average mu over the voxels of each phase label that has any.

    Parameters
    ----------
    result
        A result in which mu was kept.

    Raises
    ------
    DataError
        mu was not kept.
    """
    mu, labels = result.levels("mu")[0], result.levels("phase_labels")[0]
    n_labels = len(result.label_names) + 1
    counts = np.zeros(n_labels)
    sums = np.zeros((2, result.energies_ev.size, n_labels))
    for block in _labelled_blocks(result):
        label = np.asarray(labels[block])
        inside = label > 0
        label = label[inside]
        counts += np.bincount(label, minlength=n_labels)
        for energy in range(result.energies_ev.size):
            values = np.asarray(mu[(energy, *block)])[inside].astype(np.float64)
            sums[0, energy] += np.bincount(label, values, minlength=n_labels)
            sums[1, energy] += np.bincount(label, values**2, minlength=n_labels)
    return [
        _spectrum(name, int(counts[value]), sums[:, :, value])
        for value, name in enumerate(result.label_names, start=1)
        if counts[value]
    ]


def _labelled_blocks(result: PhaseMap) -> list[Block]:
    labels = result.levels("phase_labels")[0]
    holding = [
        block for block in result.blocks(rows=_BLOCK_EDGE, columns=_BLOCK_EDGE) if np.asarray(labels[block]).any()
    ]
    step = max(1, -(-len(holding) // MAX_BLOCKS))
    return holding[::step]


def _spectrum(name: str, count: int, sums: NDArray[Any]) -> LabelSpectrum:
    mean, square = sums / count
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return LabelSpectrum(name=name, n_voxels=count, mean=mean, spread=spread)


def as_fitted(result: PhaseMap, spectra: Sequence[LabelSpectrum]) -> list[LabelSpectrum]:
    """Spectra as the run fitted them: normalised where it normalised.

    Parameters
    ----------
    result
        A result; its root attribute ``fit`` holds the normalisation, if any.
    spectra
        Mean spectra of `label_spectra`.
    """
    matrix = result.attributes.get("fit", {}).get("matrix")
    if matrix is None:
        return list(spectra)
    normalise = np.asarray(matrix, dtype=np.float64)
    # the spread as if the energies scattered independently
    return [replace(one, mean=normalise @ one.mean, spread=np.sqrt(normalise**2 @ one.spread**2)) for one in spectra]


def fit_spectrum(result: PhaseMap, spectrum: NDArray[np.float64]) -> SpectrumFit | None:
    """Fit a spectrum with the curves of the run, as the run fitted its voxels when unconstrained.

    Parameters
    ----------
    result
        A result; its root attribute ``fit`` holds the curves.
    spectrum
        (energy,) in 1/um, as fitted.

    Returns
    -------
    SpectrumFit or None
        None where the result does not hold the curves.
    """
    fit = result.attributes.get("fit")
    if not fit:
        return None
    design = np.asarray(fit["design"], dtype=np.float64)  # (energy, column)
    root = np.sqrt(np.asarray(fit.get("weights", np.ones(len(design))), dtype=np.float64))
    amounts = np.linalg.lstsq(design * root[:, np.newaxis], spectrum * root, rcond=None)[0]
    contributions = (design * amounts).T
    n_phases = len(result.phases)
    misfit = spectrum - contributions.sum(axis=0)
    return SpectrumFit(
        columns=tuple(fit["columns"]),
        contributions=contributions,
        fractions=amounts[:n_phases] / amounts[:n_phases].sum(),
        amount=float(amounts[:n_phases].sum()),
        r_factor=float((misfit**2).sum() / (spectrum**2).sum()),
    )
