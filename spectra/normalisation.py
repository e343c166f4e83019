"""Raw absorption spectra brought to unit edge step: pre-edge line to 0, post-edge line to 1.

The edge energy E0 is where the spectrum passes half its step. The windows are fixed relative to it, so that every
reference, whatever its range, goes through one operator: a line through E0 - 150 to E0 - 15 eV and a line through
E0 + 40 to E0 + 200 eV. They are narrow enough for XANES scans and end before a straight line stops describing the
background. Above the edge the post-edge line is levelled to 1 ("flattened"), as Athena does (Ravel, Newville 2005,
doi:10.1107/S0909049505012719).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

PRE_EDGE_EV: Final = (-150.0, -15.0)
POST_EDGE_EV: Final = (40.0, 200.0)
"""Windows of the two lines, relative to the edge energy."""
DESCRIBED_EV: Final = (-200.0, 250.0)
"""Points outside this range about the edge are left out: the lines do not describe the background there."""

_DERIVATIVE_STEP_EV: Final = 0.25
_DERIVATIVE_SMOOTHING_EV: Final = 1.0
_FEWEST_POINTS: Final = 4
_REFINEMENTS: Final = 3
_LEAST_STEP_OVER_NOISE: Final = 5.0
_FOR_LINE_EV: Final = 8.0
"""A window with points over less than this gets a level instead of a line: the slope would be noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalisedSpectrum:
    """A spectrum of unit edge step, and how it was made.

    Attributes
    ----------
    energies_ev
        `(point,)` photon energies in eV: those within -200 to 250 eV of the edge.
    values
        `(point,)` normalised absorption, unitless.
    edge_ev
        Edge energy E0 in eV: where the normalised spectrum passes one half, or that given.
    edge_step
        Edge step of the raw spectrum, in its unit.
    pre_edge_ev, post_edge_ev
        First and last energy of the points used below and above the edge, in eV.
    """

    energies_ev: FloatArray
    values: FloatArray
    edge_ev: float
    edge_step: float
    pre_edge_ev: tuple[float, float]
    post_edge_ev: tuple[float, float]

    @property
    def note(self) -> str:
        """What was done, in one sentence."""
        return (
            f"normalised from raw absorption: E0 {self.edge_ev:.2f} eV, edge step {self.edge_step:.4g}, pre-edge line "
            f"{self.pre_edge_ev[0]:.1f} to {self.pre_edge_ev[1]:.1f} eV, post-edge line {self.post_edge_ev[0]:.1f} to "
            f"{self.post_edge_ev[1]:.1f} eV, flattened"
        )


def edge_energy_ev(energies_ev: ArrayLike, absorption: ArrayLike) -> float:
    """Energy at which a spectrum rises fastest: a first guess, as metals rise twice with nearly the same slope.

    Parameters
    ----------
    energies_ev
        `(point,)` increasing photon energies in eV.
    absorption
        `(point,)` absorption in any unit.

    Returns
    -------
    Energy in eV of the maximum of the derivative, smoothed by a Gaussian of 1 eV standard deviation.
    """
    energies, values = np.asarray(energies_ev, dtype=np.float64), np.asarray(absorption, dtype=np.float64)
    grid = np.arange(energies[0], energies[-1], _DERIVATIVE_STEP_EV)
    sampled = np.interp(grid, energies, values)
    slope = gaussian_filter1d(np.gradient(sampled, _DERIVATIVE_STEP_EV), _DERIVATIVE_SMOOTHING_EV / _DERIVATIVE_STEP_EV)
    return float(grid[np.argmax(slope)])


def normalise_spectrum(
    energies_ev: ArrayLike, absorption: ArrayLike, *, name: str, edge_ev: float | None = None
) -> NormalisedSpectrum:
    """Normalise a raw spectrum to unit edge step.

    Parameters
    ----------
    energies_ev
        `(point,)` increasing photon energies in eV.
    absorption
        `(point,)` absorption in any unit, with any background.
    name
        What the spectrum is called in messages.
    edge_ev
        Edge energy in eV; where the spectrum passes half its edge step when not given.

    Returns
    -------
    Values that are 0 on the pre-edge line and 1 on the post-edge line, within -200 to 250 eV of the edge, and the
    numbers used.

    Raises
    ------
    DataError
        Too few points below or above the edge, or no step upwards that stands out of the noise.
    """
    energies, values = np.asarray(energies_ev, dtype=np.float64), np.asarray(absorption, dtype=np.float64)
    if energies.size < 2 * _FEWEST_POINTS:
        message = f"{name} has {energies.size} points; {2 * _FEWEST_POINTS} or more are needed to normalise a spectrum."
        raise DataError(message)
    edge = edge_energy_ev(energies, values) if edge_ev is None else edge_ev
    found = _normalise_about(energies, values, edge, name=name)
    if edge_ev is None:
        for _ in range(_REFINEMENTS):
            found = _normalise_about(energies, values, _half_step_ev(found), name=name)
    return found


def _normalise_about(energies: FloatArray, values: FloatArray, edge_ev: float, *, name: str) -> NormalisedSpectrum:
    below = _window(energies, edge_ev, PRE_EDGE_EV, name=name, side="below")
    above = _window(energies, edge_ev, POST_EDGE_EV, name=name, side="above")
    pre_edge, post_edge = _line(energies, values, below, edge_ev), _line(energies, values, above, edge_ev)
    step = float(post_edge[0] - pre_edge[0])  # both at E0
    baseline = np.polynomial.polynomial.polyval(energies - edge_ev, pre_edge)
    ceiling = np.polynomial.polynomial.polyval(energies - edge_ev, post_edge)
    noise = float(np.std(values[below] - baseline[below]))
    if not step > _LEAST_STEP_OVER_NOISE * noise:
        message = (
            f"{name} has an edge step of {step:.3g} at {edge_ev:.1f} eV and scatters by {noise:.3g} below it: no "
            "absorption edge stands out. Choose the column of the absorption, or of two intensities (file:ifluor/i0)."
        )
        raise DataError(message)
    normalised = np.where(energies < edge_ev, (values - baseline) / step, (values - ceiling) / step + 1.0)
    kept = (energies >= edge_ev + DESCRIBED_EV[0]) & (energies <= edge_ev + DESCRIBED_EV[1])
    return NormalisedSpectrum(
        energies_ev=energies[kept],
        values=normalised[kept],
        edge_ev=edge_ev,
        edge_step=step,
        pre_edge_ev=(float(energies[below][0]), float(energies[below][-1])),
        post_edge_ev=(float(energies[above][0]), float(energies[above][-1])),
    )


def _half_step_ev(spectrum: NormalisedSpectrum) -> float:
    """Energy where the normalised spectrum passes one half, nearest to the edge it was normalised about."""
    energies, above = spectrum.energies_ev, spectrum.values >= 0.5
    upper = np.flatnonzero(~above[:-1] & above[1:]) + 1
    if upper.size == 0:
        return spectrum.edge_ev
    low, high = spectrum.values[upper - 1], spectrum.values[upper]
    crossings = energies[upper - 1] + (0.5 - low) / (high - low) * (energies[upper] - energies[upper - 1])
    return float(crossings[np.argmin(np.abs(crossings - spectrum.edge_ev))])


def _window(
    energies_ev: FloatArray, edge_ev: float, limits: tuple[float, float], *, name: str, side: str
) -> NDArray[np.bool_]:
    inside = (energies_ev >= edge_ev + limits[0]) & (energies_ev <= edge_ev + limits[1])
    if np.count_nonzero(inside) < _FEWEST_POINTS:
        message = (
            f"{name} runs from {energies_ev[0]:.1f} to {energies_ev[-1]:.1f} eV and rises at {edge_ev:.1f} eV: "
            f"{np.count_nonzero(inside)} points lie {limits[0]:+g} to {limits[1]:+g} eV from there, and normalising "
            f"takes {_FEWEST_POINTS} {side} the edge. Measure further, or give a normalised spectrum."
        )
        raise DataError(message)
    return inside


def _line(energies_ev: FloatArray, values: FloatArray, window: NDArray[np.bool_], edge_ev: float) -> FloatArray:
    """Coefficients, constant first, of the line (or level) through a window, about the edge."""
    distance = energies_ev[window] - edge_ev
    order = 1 if np.ptp(distance) >= _FOR_LINE_EV else 0
    found: FloatArray = np.polynomial.polynomial.polyfit(distance, values[window], order)
    return found
