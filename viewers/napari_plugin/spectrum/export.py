"""Probed spectra written to files: tables of everything, or a reference that a refit takes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.spectrum.probe import ProbedSpectrum


def write_spectra(spectra: Sequence[ProbedSpectrum], path: str | Path) -> Path:
    """Write spectra to a CSV file: energy, then for each measured, fit, residual and components.

    Parameters
    ----------
    spectra
        Spectra of one result. Those without attenuation are left out.
    path
        The file. Titles hold the unit of the attenuation.

    Raises
    ------
    DataError
        No spectrum was given, they are of results with other energies, or the file cannot be written.
    """
    with_mu = [spectrum for spectrum in spectra if spectrum.measured is not None]
    if not with_mu:
        message = f"there is no spectrum to write to '{path}'; probe a voxel of a result with attenuation first."
        raise DataError(message)
    if any(not np.array_equal(spectrum.energies_ev, with_mu[0].energies_ev) for spectrum in with_mu):
        message = (
            f"the spectra have other energies than one another and do not fit into '{path}'; save those of each scan."
        )
        raise DataError(message)
    columns = {"energy (eV)": with_mu[0].energies_ev}
    for number, spectrum in enumerate(with_mu, start=1):
        columns |= _columns(spectrum, head=f"{number}: {spectrum.name}")
    rows = zip(*columns.values(), strict=True)
    return _write(path, [list(columns), *([f"{value:.9g}" for value in row] for row in rows)])


def _columns(spectrum: ProbedSpectrum, *, head: str) -> dict[str, NDArray[np.float64]]:
    columns = {} if spectrum.measured is None else {f"{head}, measured ({spectrum.unit})": spectrum.measured}
    if spectrum.fit is not None and spectrum.residual is not None:
        columns[f"{head}, fit ({spectrum.unit})"] = spectrum.fit.curve
        columns[f"{head}, residual ({spectrum.unit})"] = spectrum.residual
        for name, part in zip(spectrum.fit.columns, spectrum.fit.contributions, strict=True):
            columns[f"{head}, {name} ({spectrum.unit})"] = part
    return columns


def write_fractions(spectra: Sequence[ProbedSpectrum], path: str | Path) -> Path:
    """Write the fractions of probed places to a CSV file, a row for each.

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
        message = f"there is nothing to write to '{path}'; probe a voxel first."
        raise DataError(message)
    titles = [title for phase in spectra[0].phases for title in (f"fraction {phase} (1)", f"sigma {phase} (1)")]
    header = ["name", "voxels", "z (voxel)", "y (voxel)", "x (voxel)", *titles]
    return _write(path, [header, *map(_fractions_row, spectra)])


def _fractions_row(spectrum: ProbedSpectrum) -> list[str]:
    pairs = zip(spectrum.fractions, spectrum.sigma, strict=True)
    numbers = [*spectrum.centre, *(value for pair in pairs for value in pair)]
    return [spectrum.name, str(spectrum.n_voxels), *(f"{number:.6g}" for number in numbers)]


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
        The result kept no attenuation, or the file cannot be written.
    """
    if spectrum.measured is None:
        message = f"'{spectrum.name}' has no spectrum to write to '{path}': the result was made without attenuation."
        raise DataError(message)
    values = _unit_step(spectrum, spectrum.measured)
    rows = [[f"{energy:.9g}", f"{value:.9g}"] for energy, value in zip(spectrum.energies_ev, values, strict=True)]
    return _write(path, [["# energy_ev", "absorption"], *rows])


def _unit_step(spectrum: ProbedSpectrum, measured: NDArray[np.float64]) -> NDArray[np.float64]:
    if spectrum.fit is None:
        return measured
    background = spectrum.fit.contributions[len(spectrum.phases) :].sum(axis=0)
    scaled: NDArray[np.float64] = (measured - background) / spectrum.fit.amount
    return scaled


def _write(path: str | Path, rows: Iterable[Sequence[str]]) -> Path:
    path = Path(path)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        message = f"spectra cannot be written to '{path}': {error.strerror}. Choose another place."
        raise DataError(message) from error
    return path
