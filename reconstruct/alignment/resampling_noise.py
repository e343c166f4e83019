"""What an interpolation of the projections does to their noise.

A cubic spline read half-way between two pixels averages them, read on a pixel it leaves them as they are. Behind the
ramp filter, which lives on high frequencies, that halves the variance of a voxel or leaves it, so it has to be counted
frame by frame.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.engines import FilterName
from xanesmap.reconstruct.filters import filter_response

FloatArray = NDArray[np.floating[Any]]

_FREQUENCIES = 512
_FRACTIONS = 65


def variance_of_reading(positions: FloatArray) -> NDArray[np.float64]:
    """Variance of a cubic spline through white noise, relative to that of the pixels.

    Parameters
    ----------
    positions
        Where the spline is read, any shape, pixels.

    Returns
    -------
    As `positions`; 1 on a pixel, 0.54 half-way between two.

    Notes
    -----
    Response of the cardinal cubic spline: Unser, IEEE Signal Process. Mag. 16(6), 22 (1999), doi:10.1109/79.799930.
    """
    return _between(positions, _flat_table())


def variance_behind_ramp(positions: FloatArray, *, filter_name: FilterName) -> NDArray[np.float64]:
    """Variance behind the filter of a reconstruction of a cubic spline through white noise, relative to no reading.

    Parameters
    ----------
    positions
        Where the spline is read, any shape, pixels.
    filter_name
        Apodisation of the ramp filter.

    Returns
    -------
    As `positions`; 1 on a pixel.
    """
    return _between(positions, _ramp_table(filter_name))


def _between(positions: FloatArray, table: NDArray[np.float64]) -> NDArray[np.float64]:
    fraction = np.abs(np.asarray(positions, np.float64) - np.rint(positions))
    return np.asarray(np.interp(fraction, np.linspace(0, 0.5, _FRACTIONS), table))


@cache
def _flat_table() -> NDArray[np.float64]:
    power = _power()
    return np.asarray(power.mean(axis=1))


@cache
def _ramp_table(filter_name: FilterName) -> NDArray[np.float64]:
    weights = filter_response(2 * _FREQUENCIES, filter_name=filter_name)[:_FREQUENCIES] ** 2
    return np.asarray(_power() @ weights / weights.sum())


def _power() -> NDArray[np.float64]:
    """`(fraction, frequency)` squared response of the cubic spline read at a fraction of a pixel."""
    omega = np.pi * np.arange(_FREQUENCIES) / _FREQUENCIES
    t = np.linspace(0, 0.5, _FRACTIONS)[:, None]
    weights = [(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3]
    response = sum(weight * np.exp(1j * omega * (tap - 1)) for tap, weight in enumerate(weights))
    return np.asarray(np.abs(response / (4 + 2 * np.cos(omega))) ** 2)
