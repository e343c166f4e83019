"""What tables of a segmentation share: from voxels to um, and titles of numbers with their errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Table = tuple[list[str], list[list[object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From voxels to um, with the names that titles need."""

    pixel_um: float
    blur_px: float
    core_phase: str
    first_phase: str
    axes: tuple[str, ...]


def with_error(name: str, unit: str) -> tuple[str, str]:
    """Title of a number and that of its standard error."""
    return f"{name} ({unit})", f"{name} error ({unit})"


def side_by_side(values: Iterable[float], errors: Iterable[float], unit: float = 1.0) -> list[float]:
    """Each value followed by its error, times a unit."""
    return [cell * unit for pair in zip(values, errors, strict=True) for cell in pair]
