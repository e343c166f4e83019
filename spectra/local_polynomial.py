"""Smooth curves through spectra by local polynomials, as matrices along the energies."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]

DEGREE: Final = 3
_NEIGHBOURS: Final = 7
_FEWEST_INSIDE: Final = 6
_STEP_EV: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalCurve:
    """Matrices from a spectrum to its smooth curve and derivatives.

    Parameters
    ----------
    energies_ev
        `(point,)` energies of the curve, eV, evenly spaced.
    value, slope, bend
        `(point, energy)` matrices to the curve, its first and second derivative: unitless, 1/eV, 1/eV^2.
    """

    energies_ev: FloatArray
    value: FloatArray
    slope: FloatArray
    bend: FloatArray


def local_curve(energies_ev: ArrayLike, *, first_ev: float, last_ev: float, reach_ev: float = 4.0) -> LocalCurve:
    """Local cubic regression over a window.

    Parameters
    ----------
    energies_ev
        `(energy,)` photon energies in eV, increasing; spacing may vary.
    first_ev, last_ev
        Ends of the curve, eV.
    reach_ev
        Distance up to which energies count, eV; more where it takes more to have seven.

    Returns
    -------
    Matrices every 0.25 eV, of cubics through the nearest energies under tricube weights.

    Raises
    ------
    DataError
        Fewer than six energies within the window, which cannot show a shape.

    References
    ----------
    W. S. Cleveland, J. Am. Stat. Assoc. 74, 829 (1979), doi:10.1080/01621459.1979.10481038.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    inside = np.count_nonzero((energies >= first_ev) & (energies <= last_ev))
    if inside < _FEWEST_INSIDE or energies.size < _NEIGHBOURS:
        message = (
            f"{inside} energies lie between {first_ev:.1f} and {last_ev:.1f} eV, and a curve through them takes "
            f"{_FEWEST_INSIDE}; measure more energies there, or use the linear combination fit, which takes fewer."
        )
        raise DataError(message)
    low, high = max(first_ev, energies[0]), min(last_ev, energies[-1])
    points = np.arange(low, high + _STEP_EV / 2, _STEP_EV)
    matrices = np.stack([_at(energies, point, reach_ev) for point in points])  # (point, derivative, energy)
    return LocalCurve(energies_ev=points, value=matrices[:, 0], slope=matrices[:, 1], bend=matrices[:, 2])


def _at(energies: FloatArray, point: float, reach_ev: float) -> FloatArray:
    """`(3, energy)` weights of value, slope and second derivative at one energy."""
    distance = np.abs(energies - point)
    reach = max(float(np.sort(distance)[_NEIGHBOURS - 1]) * 1.001, reach_ev)
    weights = np.where(distance < reach, (1 - (distance / reach) ** 3) ** 3, 0.0)
    root = np.sqrt(weights)
    scaled = (energies - point) / reach
    powers = np.vander(scaled, DEGREE + 1, increasing=True)
    coefficients = np.linalg.pinv(powers * root[:, np.newaxis]) * root  # (power, energy)
    return np.asarray(coefficients[:3] * np.array([1.0, 1 / reach, 2 / reach**2])[:, np.newaxis])
