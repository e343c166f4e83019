"""Probed spectra written to files: a table of everything, or a reference that a refit takes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.spectrum_probe import ProbedSpectrum


def write_spectra(spectra: Sequence[ProbedSpectrum], path: str | Path) -> Path:
    """Write spectra to a CSV file: energy, then for each measured, fit, residual and components.

    Parameters
    ----------
    spectra
        Spectra of one result.
    path
        The file.

    Raises
    ------
    DataError
        No spectrum was given, or the file cannot be written.
    """
    if not spectra:
        message = f"there is no spectrum to write to '{path}'; probe a voxel first."
        raise DataError(message)
    columns = {"energy (eV)": spectra[0].energies_ev}
    for number, spectrum in enumerate(spectra, start=1):
        head = f"{number}: {spectrum.name}"
        columns[f"{head} measured (1/um)"] = spectrum.measured
        if spectrum.fit is not None and spectrum.residual is not None:
            columns[f"{head} fit (1/um)"] = spectrum.fit.curve
            columns[f"{head} residual (1/um)"] = spectrum.residual
            for name, part in zip(spectrum.fit.columns, spectrum.fit.contributions, strict=True):
                columns[f"{head} {name} (1/um)"] = part
    rows = zip(*columns.values(), strict=True)
    return _write(path, [list(columns), *[[f"{value:.9g}" for value in row] for row in rows]])


def write_reference(spectrum: ProbedSpectrum, path: str | Path) -> Path:
    """Write a spectrum as a two-column file, which ``--reference PHASE=FILE`` takes.

    The background that was fitted is taken off and the edge step scaled to 1. Energies are those recorded: a fit of the
    same scan with this reference needs the energy offset 0.

    Parameters
    ----------
    spectrum
        The spectrum; without a fit it is written as measured, and normalised when it is read.
    path
        The file, ending in ``.csv``.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    pairs = zip(spectrum.energies_ev, _unit_step(spectrum), strict=True)
    rows = [[f"{energy:.9g}", f"{value:.9g}"] for energy, value in pairs]
    return _write(path, [["# energy_ev", "absorption"], *rows])


def _unit_step(spectrum: ProbedSpectrum) -> NDArray[np.float64]:
    if spectrum.fit is None:
        return spectrum.measured
    background = spectrum.fit.contributions[len(spectrum.phases) :].sum(axis=0)
    scaled: NDArray[np.float64] = (spectrum.measured - background) / spectrum.fit.amount
    return scaled


def _write(path: str | Path, rows: Sequence[Sequence[str]]) -> Path:
    path = Path(path)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        message = f"spectra cannot be written to '{path}': {error.strerror}. Choose another place."
        raise DataError(message) from error
    return path
