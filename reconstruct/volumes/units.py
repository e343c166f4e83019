"""Units of the attenuation in volumes that other programs reconstructed."""

import re
from typing import Final, Literal, get_args

VolumeUnit = Literal["1/um", "1/mm", "1/cm", "1/m", "1/pixel"]
AttenuationUnit = VolumeUnit | Literal["1"]
"""Unit of the values of a series: that of attenuation, or `1` for optical depth, its integral along the beam."""

OPTICAL_DEPTH: Final = "1"
VOLUME_UNITS: Final[tuple[VolumeUnit, ...]] = get_args(VolumeUnit)

_UM_PER_LENGTH: Final = {"1/um": 1.0, "1/mm": 1e3, "1/cm": 1e4, "1/m": 1e6}
_NAMES: Final = {"µm": "um", "μm": "um", "micron": "um", "micrometer": "um", "px": "pixel", "voxel": "pixel"}
_RECIPROCAL = re.compile(r"(?:1\s*/|per|/)\s*([a-zµμ]+)|([a-zµμ]+)\s*(?:\^|\*\*)?\s*[{(]?-1[)}]?")


def volume_unit_from(text: str) -> VolumeUnit | None:
    """Unit that a text names.

    Parameters
    ----------
    text
        Such as `1/um`, `cm^-1`, `per pixel` or `1/µm`.

    Returns
    -------
    The unit, or None where the text names none of those known.

    Examples
    --------
    >>> volume_unit_from("cm^-1")
    '1/cm'
    """
    match = _RECIPROCAL.fullmatch(text.strip().lower().rstrip("."))
    if match is None:
        return None
    length = match[1] or match[2]
    length = _NAMES.get(length, length.removesuffix("s") if len(length) > 2 else length)
    named = f"1/{_NAMES.get(length, length)}"
    return next((unit for unit in VOLUME_UNITS if unit == named), None)


def per_um_factor(unit: AttenuationUnit, *, pixel_size_um: float) -> float:
    """Number by which attenuation in a unit is multiplied to be in 1/um; optical depth stays what it is.

    Parameters
    ----------
    unit
        Unit of the volumes.
    pixel_size_um
        Edge of a voxel, um.
    """
    if unit == OPTICAL_DEPTH:
        return 1.0
    return 1.0 / (pixel_size_um if unit == "1/pixel" else _UM_PER_LENGTH[unit])
