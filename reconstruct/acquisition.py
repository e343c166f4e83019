"""Recorded energies, angles and pixel sizes in eV, radians and nm; units are never guessed in silence."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

MIN_PROJECTIONS = 8
"""Fewer projections than this make no tomogram."""

KEV_RANGE = (2.0, 30.0)
EV_RANGE = (1000.0, 60000.0)
PIXEL_SIZE_NM_RANGE = (1.0, 20000.0)

RADIAN_SPAN = 2.0 * np.pi * 1.01
"""No tomogram turns by so few degrees, and lists in radians seldom span more."""


def energy_ev_from(value: Any, *, name: str) -> tuple[float, tuple[str, ...]]:
    """Photon energy in eV from a value recorded in keV.

    Parameters
    ----------
    value
        2 to 30 is keV; 1000 to 60000 is taken as eV, and told.
    name
        File and dataset, for messages.

    Returns
    -------
    Energy in eV, and notes on what had to be assumed.

    Raises
    ------
    DataError
        The value is no photon energy in either unit.
    """
    energy = number_from(value)
    if KEV_RANGE[0] <= energy <= KEV_RANGE[1]:
        # Rounded to 1e-6 eV: 7.112 keV is 7112 eV, not 7112.000000000001.
        return round(energy * 1000.0, 6), ()
    if EV_RANGE[0] <= energy <= EV_RANGE[1]:
        return energy, ("The recorded energy is taken as eV; keV is usual.",)
    message = (
        f"{name} is {value}; a photon energy of {KEV_RANGE[0]:g} to {KEV_RANGE[1]:g} keV is expected. "
        "Correct the value in the file."
    )
    raise DataError(message)


def angles_rad_from(degrees: NDArray[Any], *, n_projections: int, name: str) -> NDArray[np.float64]:
    """Rotation angles in radians from those recorded in degrees.

    Parameters
    ----------
    degrees
        `(angle,)` recorded angles; any start, any direction, past 180 as well.
    n_projections
        Number of projections they belong to.
    name
        File and dataset, for messages.

    Returns
    -------
    `(angle,)` angles in radians, float64, not wrapped.

    Raises
    ------
    DataError
        Not one finite angle per projection, fewer than 8 of them, or a list that looks like radians.
    """
    if degrees.shape != (n_projections,) or degrees.dtype.kind not in "iuf":
        message = (
            f"{name} has shape {degrees.shape} ({degrees.dtype}) for {n_projections} projections; one angle "
            "per projection is expected. Export the scan again, or cut the longer of the two."
        )
        raise DataError(message)
    angles = degrees.astype(np.float64)
    _require_finite(angles, name)
    _require_turn(angles, name)
    return np.deg2rad(angles)


def pixel_size_nm_from(value: Any) -> float | None:
    """Pixel size in nm from a number of nm or from text with a unit.

    Parameters
    ----------
    value
        Number in nm, or text such as `20.3`, `20.3nm` or `0.0203 um`.

    Returns
    -------
    Size in nm, or None where the value is no size from 1 nm to 20 um: a bare 0.0203 may well be um, and is
    not guessed at.
    """
    match = re.fullmatch(r"\s*([-+.\deE]+?)\s*(nm|[uµμ]m)?\s*", str(value))
    if match is None:
        return None
    size = number_from(match[1]) * (1000.0 if match[2] not in (None, "nm") else 1.0)
    return size if PIXEL_SIZE_NM_RANGE[0] <= size <= PIXEL_SIZE_NM_RANGE[1] else None


def number_from(value: Any) -> float:
    """Float of a number, or of text that spells one.

    Parameters
    ----------
    value
        Anything a file may hold.

    Returns
    -------
    The number, NaN where there is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _require_finite(angles: NDArray[np.float64], name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(angles))
    if bad.size:
        message = (
            f"{name} holds {angles[bad[0]]} at index {bad[0]} ({bad.size} such values). "
            "Drop these projections, or fill their angles in."
        )
        raise DataError(message)


def _require_turn(angles: NDArray[np.float64], name: str) -> None:
    if angles.size < MIN_PROJECTIONS:
        message = (
            f"{name} holds {angles.size} projections; a tomogram needs {MIN_PROJECTIONS} or more. "
            "If the scan was stopped early, leave this energy out."
        )
        raise DataError(message)
    span = float(np.ptp(angles))
    if span <= RADIAN_SPAN:
        message = (
            f"{name} spans {span:.4g} over {angles.size} projections: too little for degrees, and it looks "
            f"like radians ({np.rad2deg(span):.0f} degrees). Store the angles in degrees."
        )
        raise DataError(message)
