"""Energy offset of a beamline from the spectrum of a metal foil."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from xanesmap.errors import DataError
from xanesmap.spectra.elements import Element
from xanesmap.spectra.spectrum_file import read_spectrum

FloatArray = NDArray[np.floating[Any]]

_STEP_EV: Final = 0.1
_SMOOTHING_EV: Final = 0.7
_REACH_EV: Final = 1.5
_FARTHEST_EV: Final = 25.0
_LEAST_SLOPE: Final = 0.4
"""Share of the steepest slope from which a rise is the edge; metals rise twice, the second time often more steeply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoilCalibration:
    """Offset that a foil tells.

    Parameters
    ----------
    offset_ev
        What is added to the recorded energies to put the first inflection of the foil at the tabulated edge, eV.
    sigma_ev
        Its standard error from the scatter of the points, eV.
    inflection_ev
        First inflection as recorded, eV.
    edge_ev
        Tabulated edge, eV.
    """

    offset_ev: float
    sigma_ev: float
    inflection_ev: float
    edge_ev: float


def calibrate_with_foil(energies_ev: ArrayLike, absorption: ArrayLike, *, element: Element) -> FoilCalibration:
    """Energy offset from the first inflection of a metal foil.

    Parameters
    ----------
    energies_ev
        `(point,)` increasing recorded photon energies in eV.
    absorption
        `(point,)` absorption of the foil in any unit, with any background.
    element
        Preset of the foil's element.

    Returns
    -------
    The offset. The first rise of at least 0.4 of the steepest slope is taken, its inflection from a cubic through the
    points within 1.5 eV of it.

    Raises
    ------
    DataError
        Too few points about the edge, or no inflection within 25 eV of it.

    References
    ----------
    J. A. Bearden and A. F. Burr, Rev. Mod. Phys. 39, 125 (1967), doi:10.1103/RevModPhys.39.125, for the convention of
    the first inflection.
    """
    energies, values = np.asarray(energies_ev, dtype=np.float64), np.asarray(absorption, dtype=np.float64)
    start = _first_rise(energies, values, element)
    inflection, sigma = _inflection(energies, values, start, element)
    return FoilCalibration(
        offset_ev=element.edge_ev - inflection, sigma_ev=sigma, inflection_ev=inflection, edge_ev=element.edge_ev
    )


def read_foil(source: str | Path, *, element: Element) -> FoilCalibration:
    """`calibrate_with_foil` of a spectrum file; "path:column" as for references.

    Raises
    ------
    DataError
        The file cannot be read or shows no edge of the element.
    """
    try:
        spectrum = read_spectrum(source)
        order = np.argsort(spectrum.energies_ev, kind="stable")
        energies, first = np.unique(spectrum.energies_ev[order], return_index=True)
        return calibrate_with_foil(energies, spectrum.values[order][first], element=element)
    except DataError as error:
        message = f"foil {source}: {error}"
        raise DataError(message) from error


def _first_rise(energies: FloatArray, values: FloatArray, element: Element) -> float:
    near = np.abs(energies - element.edge_ev) <= _FARTHEST_EV
    if np.count_nonzero(near) < 8:
        message = (
            f"{np.count_nonzero(near)} points lie within {_FARTHEST_EV:g} eV of the {element.symbol} K edge at "
            f"{element.edge_ev:.1f} eV; a calibration takes 8 or more. Give the foil of that element."
        )
        raise DataError(message)
    grid = np.arange(energies[near][0], energies[near][-1], _STEP_EV)
    smooth = gaussian_filter1d(np.interp(grid, energies, values), _SMOOTHING_EV / _STEP_EV, mode="nearest")
    slope = np.gradient(smooth, _STEP_EV)
    peaks = np.flatnonzero((slope[1:-1] > slope[:-2]) & (slope[1:-1] >= slope[2:])) + 1
    steep = peaks[slope[peaks] >= _LEAST_SLOPE * slope.max()]
    if steep.size == 0 or slope.max() <= 0:
        message = f"no rise within {_FARTHEST_EV:g} eV of the {element.symbol} K edge at {element.edge_ev:.1f} eV."
        raise DataError(message)
    return float(grid[steep[0]])


def _inflection(energies: FloatArray, values: FloatArray, start_ev: float, element: Element) -> tuple[float, float]:
    """Inflection of a cubic through the points about a rise, and its standard error."""
    near = np.abs(energies - start_ev) <= _REACH_EV
    distance = energies[near] - start_ev
    if distance.size < 5:
        message = (
            f"{distance.size} points lie within {_REACH_EV:g} eV of the rise of {element.symbol} at {start_ev:.1f} eV; "
            "a calibration takes 5. Scan the foil in finer steps."
        )
        raise DataError(message)
    powers = np.vander(distance, 4, increasing=True)
    cubic, *_ = np.linalg.lstsq(powers, values[near], rcond=None)
    residual = values[near] - powers @ cubic
    covariance = np.linalg.inv(powers.T @ powers) * (residual @ residual) / (distance.size - 4)
    if cubic[3] >= 0 or abs(shift := -cubic[2] / (3 * cubic[3])) > _REACH_EV:
        message = f"the rise of {element.symbol} at {start_ev:.1f} eV has no inflection; is this the foil's spectrum?"
        raise DataError(message)
    gradient = np.array([0, 0, -1 / (3 * cubic[3]), cubic[2] / (3 * cubic[3] ** 2)])
    return start_ev + float(shift), float(np.sqrt(gradient @ covariance @ gradient))
