"""Reference spectra: where they come from, whether they can be trusted, their values at a scan's energies."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import Akima1DInterpolator

from xanesmap.errors import DataError
from xanesmap.spectra.absorption import EDGE_ENERGY_EV, VALID_RANGE_EV, Phase, normalised_absorption
from xanesmap.spectra.normalisation import normalise_spectrum
from xanesmap.spectra.spectrum_file import Spectrum, read_spectrum

FloatArray = NDArray[np.floating[Any]]

logger = logging.getLogger(__name__)

MINIMUM_POINTS: Final = 5
"""Fewest points of a reference spectrum."""

_ALIASES: Final[dict[str, Phase]] = {"lifepo4": "LiFePO4", "lfp": "LiFePO4", "fepo4": "FePO4", "fp": "FePO4"}

_SMALLEST_EDGE: Final = 0.1
_PRE_EDGE_TOLERANCE: Final = 0.25
_POST_EDGE_TOLERANCE: Final = 0.35
# Spectra of unknown state are taken as normalised within these, and normalised outside them.
_NORMALISED_BELOW: Final = 0.05
_NORMALISED_ABOVE: Final = 0.12
_PRE_EDGE_DISTANCE_EV: Final = 15.0
_POST_EDGE_DISTANCE_EV: Final = 30.0

# Energies converted from keV differ from the typed ones in the last digit.
_COVERAGE_TOLERANCE_EV: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """Edge-normalised absorption spectrum of a pure phase.

    Checked when made, so that a `Reference` that exists can be used.

    Parameters
    ----------
    name
        Name of the phase.
    energies_ev
        `(point,)` photon energies in eV, strictly increasing, at least five.
    values
        `(point,)` normalised absorption, unitless: 0 below the edge, 1 far above it.
    source
        Where the spectrum comes from: a file, with the column, or the description of a formula.
    notes
        What was done to it, such as a conversion from keV.

    Raises
    ------
    DataError
        If the energies are not finite and increasing, or the values are not an edge-normalised spectrum.
    """

    name: str
    energies_ev: FloatArray
    values: FloatArray
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("energies_ev", "values"):
            frozen = np.array(getattr(self, field), dtype=np.float64)
            frozen.flags.writeable = False
            object.__setattr__(self, field, frozen)
        problem = (
            _array_problem(self.energies_ev, self.values) or _energy_problem(self.energies_ev) or _shape_problem(self)
        )
        if problem:
            message = f"reference {self.name} ({self.source}) {problem}"
            raise DataError(message)


def bundled_reference(name: str) -> Reference:
    """Make the reference that comes with the package, from the analytic model of `absorption`.

    Parameters
    ----------
    name
        "LiFePO4" or "FePO4", or "LFP" or "FP"; upper and lower case alike.

    Returns
    -------
    The reference from 6912 to 7199 eV, named by its formula. Below 7092 eV it is 0, which is what normalised
    means so far below the edge; above 7199 eV nothing was measured and nothing is offered.

    Raises
    ------
    DataError
        If there is no such reference.
    """
    phase = _ALIASES.get(name.lower())
    if phase is None:
        message = (
            f"no reference named {name!r} comes with xanesmap (LiFePO4 and FePO4 do, at the Fe K edge); "
            "give a file with the energy and the normalised absorption."
        )
        raise DataError(message)
    start, stop = VALID_RANGE_EV
    below = np.arange(EDGE_ENERGY_EV - 200.0, start, 4.0)
    # Steps of 0.1 eV keep the interpolation within 1e-4 of the formula.
    energies = np.concatenate([below, np.linspace(start, stop, 1071)])
    return Reference(
        name=phase,
        energies_ev=energies,
        values=normalised_absorption(phase, energies),
        source="xanesmap analytic model (Fe K edge, 7092-7199 eV)",
    )


def load_reference(source: str | Path, *, name: str) -> Reference:
    """Read a reference spectrum from a text file (csv, txt, dat, xmu, XDI, Athena .nor) or an Athena project (.prj).

    Parameters
    ----------
    source
        Path of the file: energy in the first column, absorption in the second, unless the header names them.
        "path:column" takes the column of that name instead, "path:ifluor/i0" the ratio of two, "project.prj:name" one
        spectrum of a project; files with several spectra demand it.
    name
        Name of the phase.

    Returns
    -------
    The reference. Energies from 1000 to 60000 are taken as eV, from 2 to 30 as keV. Raw absorption (by the name of
    its column, or because it is not 0 below the edge and 1 above) is normalised by `normalise_spectrum`, every
    spectrum with the same windows about its edge. Whatever was done is logged and recorded in `notes`.

    Raises
    ------
    DataError
        If the file cannot be read, the column is missing or ambiguous, the unit of the energy is neither, or
        the numbers are no absorption edge.
    """
    spectrum = read_spectrum(source)
    label = f"reference {name} ({spectrum.source})"
    problem = _array_problem(spectrum.energies_ev, spectrum.values) or _energy_problem(spectrum.energies_ev)
    if problem:
        message = f"{label} {problem}"
        raise DataError(message)
    energies, values, notes = spectrum.energies_ev, spectrum.values, spectrum.notes
    if _is_raw(spectrum):
        normalised = normalise_spectrum(energies, values, name=label)
        energies, values, notes = normalised.energies_ev, normalised.values, (*notes, normalised.note)
    for note in notes:
        logger.info("%s: %s", label, note)
    return Reference(name=name, energies_ev=energies, values=values, source=spectrum.source, notes=notes)


def sample_references(
    references: Sequence[Reference], energies_ev: ArrayLike, *, energy_offset_ev: float = 0.0
) -> FloatArray:
    """Values of reference spectra at the energies of a scan.

    Modified Akima interpolation: continuous slope, and no ringing next to a sharp edge. There is no
    extrapolation.

    Parameters
    ----------
    references
        One reference per phase.
    energies_ev
        `(energy,)` recorded photon energies in eV.
    energy_offset_ev
        What is added to the recorded energies to put them on the references' scale, in eV. A white line
        recorded 1 eV below that of the reference asks for +1.

    Returns
    -------
    `(phase, energy)` float64 normalised absorption, unitless.

    Raises
    ------
    DataError
        If two references share a name, or a reference does not cover every energy.
    """
    names = [reference.name for reference in references]
    if not names or len(set(names)) < len(names):
        message = f"references with different names are needed, found {names or 'none'}; name each phase once."
        raise DataError(message)
    energies = np.asarray(energies_ev, dtype=np.float64) + energy_offset_ev
    for reference in references:
        _check_coverage(reference, energies, energy_offset_ev=energy_offset_ev)
    return np.stack([_interpolate(reference, energies) for reference in references])  # (phase, energy)


def sample_slopes(references: Sequence[Reference], energies_ev: ArrayLike) -> FloatArray:
    """Slopes of reference spectra: the derivative of what `sample_references` gives.

    Parameters
    ----------
    references
        One reference per phase.
    energies_ev
        `(energy,)` photon energies on the references' scale, in eV.

    Returns
    -------
    `(phase, energy)` float64, 1/eV.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    return np.stack([_interpolate(reference, energies, derivative=1) for reference in references])


def covered_energies(
    references: Sequence[Reference], energies_ev: ArrayLike, *, first_ev: float, last_ev: float
) -> NDArray[np.bool_]:
    """Recorded energies that every reference covers, wherever in a range the energy offset is.

    Parameters
    ----------
    references
        One reference per phase.
    energies_ev
        `(energy,)` recorded photon energies in eV.
    first_ev, last_ev
        Lowest and highest energy offset, eV.

    Returns
    -------
    `(energy,)` true where the energy can be used.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    start = max(reference.energies_ev[0] for reference in references) - _COVERAGE_TOLERANCE_EV
    stop = min(reference.energies_ev[-1] for reference in references) + _COVERAGE_TOLERANCE_EV
    return np.asarray((energies + first_ev >= start) & (energies + last_ev <= stop))


def _interpolate(reference: Reference, energies_ev: FloatArray, *, derivative: int = 0) -> FloatArray:
    curve = Akima1DInterpolator(reference.energies_ev, reference.values, method="makima")
    inside = np.clip(energies_ev, reference.energies_ev[0], reference.energies_ev[-1])
    return np.asarray(curve(inside, nu=derivative))


def _check_coverage(reference: Reference, energies_ev: FloatArray, *, energy_offset_ev: float) -> None:
    start, stop = reference.energies_ev[[0, -1]]
    low, high = start - _COVERAGE_TOLERANCE_EV, stop + _COVERAGE_TOLERANCE_EV
    outside = energies_ev[~((energies_ev >= low) & (energies_ev <= high))]  # NaN is outside too
    if outside.size == 0:
        return
    listed = ", ".join(f"{energy:.2f}" for energy in outside[:5]) + (", ..." if outside.size > 5 else "")
    message = (
        f"reference {reference.name} ({reference.source}) covers {start:.2f}-{stop:.2f} eV, the scan "
        f"{energies_ev.min():.2f}-{energies_ev.max():.2f} eV (energy offset {energy_offset_ev:+g} eV included); "
        f"{outside.size} of {energies_ev.size} energies are outside ({listed}). Give a reference that covers "
        "them, or leave those energies out: xanesmap does not extrapolate."
    )
    raise DataError(message)


def _is_raw(spectrum: Spectrum) -> bool:
    if spectrum.state != "unknown":
        return spectrum.state == "raw"
    below, above = _levels(spectrum.energies_ev, spectrum.values)
    far_below = below is not None and abs(below) > _NORMALISED_BELOW
    far_above = above is not None and abs(above - 1.0) > _NORMALISED_ABOVE
    return bool(np.ptp(spectrum.values) > 0) and (far_below or far_above)


def _array_problem(energies: FloatArray, values: FloatArray) -> str | None:
    if energies.ndim != 1 or energies.shape != values.shape:
        return f"has energies {energies.shape} and values {values.shape}; give one value per energy."
    if energies.size < MINIMUM_POINTS:
        return f"has {energies.size} points; a spectrum needs at least {MINIMUM_POINTS}."
    bad = np.flatnonzero(~(np.isfinite(energies) & np.isfinite(values)))
    if bad.size:
        return f"has {bad.size} points that are not finite, the first at index {bad[0]}; remove those rows."
    return None


def _energy_problem(energies_ev: FloatArray) -> str | None:
    steps = np.diff(energies_ev)
    bad = np.flatnonzero(steps <= 0)
    if bad.size == 0:
        return None
    first = bad[0]
    kind = "repeats" if steps[first] == 0 else "falls after"
    return (
        f"must have increasing energies; {energies_ev[first + 1]:.3f} eV at index {first + 1} {kind} "
        f"{energies_ev[first]:.3f} eV. Sort the rows and keep one per energy."
    )


def _shape_problem(reference: Reference) -> str | None:
    """Say why the values are not edge-normalised, judged only where the range allows."""
    energies, values = reference.energies_ev, reference.values
    if np.ptp(values) < _SMALLEST_EDGE:
        return f"changes by only {np.ptp(values):.2g}, which is no absorption edge; check the column."
    below, above = _levels(energies, values)
    if below is not None and abs(below) > _PRE_EDGE_TOLERANCE:
        return f"is {below:.3g} below the edge, not 0: {_NORMALISE}"
    if above is not None and abs(above - 1.0) > _POST_EDGE_TOLERANCE:
        return f"is {above:.3g} above the edge, not 1: {_NORMALISE}"
    return None


def _levels(energies: FloatArray, values: FloatArray) -> tuple[float | None, float | None]:
    """Median well below and well above the edge; None where nothing was measured there."""
    first, last = values[0], float(np.median(values[-max(values.size // 4, 1) :]))
    edge_ev = energies[np.argmax((values - first) * (last - first) >= 0.5 * (last - first) ** 2)]
    below = values[energies < edge_ev - _PRE_EDGE_DISTANCE_EV]
    above = values[energies > edge_ev + _POST_EDGE_DISTANCE_EV]
    return (float(np.median(below)) if below.size else None, float(np.median(above)) if above.size else None)


_NORMALISE: Final = "normalise it (pre-edge line to 0, post-edge to 1) with `normalise_spectrum`, Athena or Larch."
