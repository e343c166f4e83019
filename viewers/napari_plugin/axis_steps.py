"""What the sliders of a viewer stand at, in words: photon energy in eV, places in um, angles in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AxisSteps:
    """Values of an axis that napari, which knows even steps only, cannot hold."""

    name: str
    """Of the axis, such as ``energy``."""
    values: NDArray[np.float64]
    """(step,) in the unit; NaN where a value is not known."""
    unit: str
    digits: int = 2
    """Behind the point."""

    def text(self, index: int) -> str:
        """The value of a step with its unit; of a step outside the axis that of its end."""
        index = min(max(index, 0), self.values.size - 1)
        value = self.values[index]
        return f"{value:.{self.digits}f} {self.unit}" if np.isfinite(value) else f"{self.name} {index + 1}"

    def place(self, index: int) -> str:
        """The value of a step and where it is among all."""
        index = min(max(index, 0), self.values.size - 1)
        return f"{self.text(index)} ({index + 1} of {self.values.size})"


def energy_steps(energies_ev: NDArray[np.float64]) -> AxisSteps:
    """Steps of an axis of photon energies in eV."""
    return AxisSteps(name="energy", values=np.asarray(energies_ev, dtype=np.float64), unit="eV")


def angle_steps(angles_rad: NDArray[np.float64]) -> AxisSteps:
    """Steps of an axis of rotation angles, told in degrees."""
    return AxisSteps(name="angle", values=np.rad2deg(angles_rad), unit="°")


def length_text(name: str, position_um: float) -> str:
    """A place along an axis of the volume."""
    return f"{name} {position_um:.2f} µm"
