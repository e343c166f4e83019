"""Recorded energies, angles, pixel sizes and times in eV, radians, nm and s; units are never guessed in silence."""

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

MIN_PROJECTIONS = 8
"""Fewer projections than this make no tomogram."""

KEV_RANGE = (2.0, 30.0)
EV_RANGE = (1000.0, 60000.0)
PIXEL_SIZE_NM_RANGE = (1.0, 20000.0)

LARGEST_BINNING = 64

RADIAN_SPAN = 2.0 * np.pi * 1.01
"""No tomogram turns by so few degrees, and lists in radians seldom span more."""

ELEMENTARY_CHARGE_C = 1.602176634e-19
"""Exact since the SI of 2019 (CODATA 2018, doi:10.1103/RevModPhys.93.025010): joules per eV."""

_LENGTHS_NM = {"nm": 1.0, "um": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9}
_LENGTH_NAMES = {"µm": "um", "μm": "um", "micron": "um", "micrometer": "um", "micrometre": "um", "nanometer": "nm"}


def energy_ev_from(value: Any, *, name: str, unit: str | None = "keV") -> tuple[float, tuple[str, ...]]:
    """Photon energy in eV from a recorded value.

    Parameters
    ----------
    value
        2 to 30 can only be keV and 1000 to 60000 only eV, whatever the stated unit.
    name
        File and dataset, for messages.
    unit
        Unit the file or its format states: keV, eV or J; None where it states none.

    Returns
    -------
    Energy in eV, and notes on what had to be assumed.

    Raises
    ------
    DataError
        The value is no photon energy in either unit.
    """
    energy = number_from(value)
    stated = (unit or "").strip().lower()
    if stated in ("j", "joule", "joules"):
        energy, stated = energy / ELEMENTARY_CHARGE_C, "ev"
    if KEV_RANGE[0] <= energy <= KEV_RANGE[1]:
        # Rounded to 1e-6 eV: 7.112 keV is 7112 eV, not 7112.000000000001.
        return round(energy * 1000.0, 6), _energy_notes(stated, "keV")
    if EV_RANGE[0] <= energy <= EV_RANGE[1]:
        return energy, _energy_notes(stated, "eV")
    message = (
        f"{name} is {value}; a photon energy of {KEV_RANGE[0]:g} to {KEV_RANGE[1]:g} keV, or {EV_RANGE[0]:g} to "
        f"{EV_RANGE[1]:g} eV, is expected. Correct the value in the file, or give energies_ev."
    )
    raise DataError(message)


def angles_rad_from(
    recorded: NDArray[Any], *, n_projections: int, name: str, unit: str | None = "degrees"
) -> NDArray[np.float64]:
    """Rotation angles in radians from those recorded.

    Parameters
    ----------
    recorded
        `(angle,)` recorded angles; any start, any direction, past 180 degrees as well.
    n_projections
        Number of projections they belong to.
    name
        File and dataset, for messages.
    unit
        Unit the file or its format states: degrees or radians; None where it states none, which means degrees.

    Returns
    -------
    `(angle,)` angles in radians, float64, not wrapped.

    Raises
    ------
    DataError
        Not one finite angle per projection, fewer than 8 of them, or a span that denies the unit.
    """
    if recorded.shape != (n_projections,) or recorded.dtype.kind not in "iuf":
        message = (
            f"{name} has shape {recorded.shape} ({recorded.dtype}) for {n_projections} projections; one angle "
            "per projection is expected. Export the scan again, or cut the longer of the two."
        )
        raise DataError(message)
    angles = recorded.astype(np.float64)
    _require_finite(angles, name)
    _require_number(angles, name)
    if means_radians(unit):
        _require_span_of_radians(angles, name)
        return angles
    _require_span_of_degrees(angles, name)
    return np.deg2rad(angles)


def means_radians(unit: str | None) -> bool:
    """Whether the name of a unit stands for radians: `rad`, `radian`, `Radians`."""
    return (unit or "").strip().lower().startswith("rad")


def pixel_size_nm_from(value: Any, *, unit: str | None = None) -> float | None:
    """Pixel size in nm from a number or from text with a unit.

    Parameters
    ----------
    value
        Number, or text such as `20.3`, `20.3nm` or `0.0203 um`.
    unit
        Unit of a value without one; None for nm.

    Returns
    -------
    Size in nm, or None where the value is no size from 1 nm to 20 um: a bare 0.0203 may well be um, and is
    not guessed at.
    """
    match = re.fullmatch(r"\s*([-+.\deE]+?)\s*([a-zµμ]+)?\s*", str(value))
    if match is None:
        return None
    stated = (match[2] or unit or "nm").strip().lower().removesuffix("s")
    scale = _LENGTHS_NM.get(_LENGTH_NAMES.get(stated, stated), float("nan"))
    size = number_from(match[1]) * scale
    return size if PIXEL_SIZE_NM_RANGE[0] <= size <= PIXEL_SIZE_NM_RANGE[1] else None


def binning_from(value: Any) -> int | None:
    """Binning of a camera from a recorded value.

    Parameters
    ----------
    value
        Number, or text such as `2`, `2x2` or `2 x 2`.

    Returns
    -------
    1 to 64, or None where the value is no such number.
    """
    first = str(value).lower().split("x")[0]
    number = number_from(first)
    return int(number) if 1 <= number <= LARGEST_BINNING and number == int(number) else None


def time_s_from(value: Any) -> float | None:
    """Seconds since 1970 from an ISO 8601 time.

    Parameters
    ----------
    value
        Text such as `2024-01-02T03:04:05+01:00`; a time without zone counts as UTC.

    Returns
    -------
    Seconds since 1970, or None where the text is no such time.
    """
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


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


def _energy_notes(stated: str, taken: str) -> tuple[str, ...]:
    if stated == taken.lower():
        return ()
    if not stated:
        return (f"The recorded energy has no unit; it is taken as {taken}.",)
    usual = "keV is usual" if stated == "kev" else f"the file says {stated}"
    return (f"The recorded energy is taken as {taken}; {usual}.",)


def _require_finite(angles: NDArray[np.float64], name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(angles))
    if bad.size:
        message = (
            f"{name} holds {angles[bad[0]]} at index {bad[0]} ({bad.size} such values). "
            "Drop these projections, or fill their angles in."
        )
        raise DataError(message)


def _require_number(angles: NDArray[np.float64], name: str) -> None:
    if angles.size < MIN_PROJECTIONS:
        message = (
            f"{name} holds {angles.size} projections; a tomogram needs {MIN_PROJECTIONS} or more. "
            "If the scan was stopped early, leave this energy out."
        )
        raise DataError(message)


def _require_span_of_degrees(angles: NDArray[np.float64], name: str) -> None:
    span = float(np.ptp(angles))
    if span <= RADIAN_SPAN:
        message = (
            f"{name} spans {span:.4g} over {angles.size} projections: too little for degrees, and it looks "
            f"like radians ({np.rad2deg(span):.0f} degrees). Store the angles in degrees, or give angles_deg."
        )
        raise DataError(message)


def _require_span_of_radians(angles: NDArray[np.float64], name: str) -> None:
    span = float(np.ptp(angles))
    if span > 2.0 * RADIAN_SPAN or span == 0.0:
        message = (
            f"{name} spans {span:.4g} and is said to be in radians, {np.rad2deg(span):.0f} degrees. Correct the unit "
            "in the file, or give angles_deg."
        )
        raise DataError(message)
