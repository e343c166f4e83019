"""What tells reference spectra apart: edge, white line, where they cross, where they differ most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.spectra.reference import Reference, sample_references

FloatArray = NDArray[np.floating[Any]]

_STEP_EV: Final = 0.1
_WHITE_LINE_REACH_EV: Final = 30.0
_LEAST_OVERLAP_EV: Final = 5.0
# Crossings where the spectra differ by less than this on either side are noise of the pre-edge.
_LEAST_CONTRAST: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumFeatures:
    """Features of one reference spectrum.

    Parameters
    ----------
    name
        Of the reference.
    points
        Number of points.
    range_ev
        First and last energy, eV.
    half_height_ev
        Last energy, before the white line, at which the spectrum passes one half, eV; NaN where it does not.
    steepest_ev
        Energy of the largest slope of its interpolation, eV.
    white_line_ev, white_line_height
        Energy, eV, and height of the highest point within 30 eV after the half-height.
    """

    name: str
    points: int
    range_ev: tuple[float, float]
    half_height_ev: float
    steepest_ev: float
    white_line_ev: float
    white_line_height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumComparison:
    """Two references against one another, over the energies both cover.

    Parameters
    ----------
    names
        The two.
    range_ev
        Energies compared, eV.
    correlation
        Pearson's, over the range, unitless.
    mean_square_difference
        Mean of the squared difference: for n energies over the range and a noise of one edge step at each, a fraction
        has a standard deviation of one over the root of n times this, unitless.
    isosbestic_ev
        Energies at which the two cross, eV.
    largest_ev, largest_difference
        Where the first exceeds the second most, eV, and by how much.
    smallest_ev, smallest_difference
        Where it falls short most.
    """

    names: tuple[str, str]
    range_ev: tuple[float, float]
    correlation: float
    mean_square_difference: float
    isosbestic_ev: tuple[float, ...]
    largest_ev: float
    largest_difference: float
    smallest_ev: float
    smallest_difference: float


def spectrum_features(reference: Reference) -> SpectrumFeatures:
    """Edge and white line of a reference spectrum.

    Parameters
    ----------
    reference
        A normalised spectrum.
    """
    start, stop = float(reference.energies_ev[0]), float(reference.energies_ev[-1])
    grid = np.arange(start, stop, _STEP_EV)
    values = sample_references([reference], grid)[0]
    half = _half_height(grid, values)
    line = (grid >= half) & (grid <= half + _WHITE_LINE_REACH_EV) if np.isfinite(half) else np.ones_like(grid, bool)
    top = int(np.flatnonzero(line)[np.argmax(values[line])])
    return SpectrumFeatures(
        name=reference.name,
        points=reference.energies_ev.size,
        range_ev=(start, stop),
        half_height_ev=half,
        steepest_ev=float(grid[np.argmax(np.gradient(values))]),
        white_line_ev=float(grid[top]),
        white_line_height=float(values[top]),
    )


def compare_references(first: Reference, second: Reference) -> SpectrumComparison:
    """Compare two references where both are known.

    Parameters
    ----------
    first, second
        Normalised spectra.

    Raises
    ------
    DataError
        If they share less than 5 eV.
    """
    start = max(first.energies_ev[0], second.energies_ev[0])
    stop = min(first.energies_ev[-1], second.energies_ev[-1])
    if stop - start < _LEAST_OVERLAP_EV:
        message = (
            f"{first.name} covers {first.energies_ev[0]:.1f}-{first.energies_ev[-1]:.1f} eV and {second.name} "
            f"{second.energies_ev[0]:.1f}-{second.energies_ev[-1]:.1f} eV: too little in common to compare them. Give "
            "spectra of one edge."
        )
        raise DataError(message)
    # The flat part before the edge says nothing and would only dilute the means.
    edges = [spectrum_features(reference).half_height_ev for reference in (first, second)]
    start = max(start, float(np.nanmin([*edges, stop])) - 20.0)
    grid = np.arange(start, stop, _STEP_EV)
    values = sample_references([_named(first, "first"), _named(second, "second")], grid)
    difference = values[0] - values[1]
    top, bottom = int(np.argmax(difference)), int(np.argmin(difference))
    return SpectrumComparison(
        names=(first.name, second.name),
        range_ev=(float(start), float(stop)),
        correlation=float(np.asarray(np.corrcoef(values))[0, 1]),
        mean_square_difference=float(np.mean(difference**2)),
        isosbestic_ev=_crossings(grid, difference),
        largest_ev=float(grid[top]),
        largest_difference=float(difference[top]),
        smallest_ev=float(grid[bottom]),
        smallest_difference=float(difference[bottom]),
    )


def _named(reference: Reference, name: str) -> Reference:
    """Reference under another name: two files may hold spectra of one name."""
    return Reference(name=name, energies_ev=reference.energies_ev, values=reference.values, source=reference.source)


def _half_height(grid: FloatArray, values: FloatArray) -> float:
    above = values >= 0.5
    rises = np.flatnonzero(~above[:-1] & above[1:])
    rises = rises[rises < np.argmax(values)]
    if rises.size == 0:
        return float("nan")
    low, high = values[rises[-1]], values[rises[-1] + 1]
    return float(grid[rises[-1]] + (0.5 - low) / (high - low) * _STEP_EV)


def _crossings(grid: FloatArray, difference: FloatArray) -> tuple[float, ...]:
    """Zeros between stretches that leave the noise, eV."""
    found: list[float] = []
    strong = np.flatnonzero(np.abs(difference) > _LEAST_CONTRAST)
    for before, after in _pairs(strong):
        if difference[before] * difference[after] < 0:
            part = slice(before, after + 1)
            order = np.argsort(difference[part])
            found.append(float(np.interp(0.0, difference[part][order], grid[part][order])))
    return tuple(found)


def _pairs(indices: NDArray[np.intp]) -> Sequence[tuple[int, int]]:
    return list(zip(indices[:-1].tolist(), indices[1:].tolist(), strict=True))
