"""Frames of a scan as one array over energy and angle, of which nothing is read before it is looked at."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.scan import Scan
from xanesmap.viewers.napari_plugin.axis_steps import AxisSteps, angle_steps, energy_steps

_SAME_ANGLE_RAD = np.deg2rad(0.05)


class ScanFrames:
    """Raw counts `(energy, angle, v, u)`, float32; NaN where an energy has fewer projections than others.

    Parameters
    ----------
    scan
        The scan.
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        n_angles = max(len(tomogram.angles_rad) for tomogram in scan.tomograms)
        self.shape = (len(scan.tomograms), n_angles, scan.n_rows, scan.n_columns)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        """Read the frames of an index of energies and angles, then cut them.

        Parameters
        ----------
        index
            Whole numbers, slices or arrays of numbers, one for each axis or fewer.
        """
        whole = (*(index if isinstance(index, tuple) else (index,)), ...)
        asked = [*itertools.takewhile(lambda part: part is not Ellipsis, whole), *[slice(None)] * 4][:4]
        energies, angles = (np.arange(n)[part] for n, part in zip(self.shape[:2], asked[:2], strict=True))
        stack = [
            [self._frame(energy, angle)[tuple(asked[2:])] for angle in angles.ravel()] for energy in energies.ravel()
        ]
        frames = np.array(stack, dtype=np.float32)
        return frames.reshape(*energies.shape, *angles.shape, *frames.shape[2:])

    def _frame(self, energy: int, angle: int) -> NDArray[np.float32]:
        tomogram = self.scan.tomograms[energy]
        if angle >= len(tomogram.angles_rad):
            return np.full(self.shape[2:], np.nan, np.float32)
        return np.asarray(tomogram.read_projection(int(angle)), dtype=np.float32)


def frame_steps(scan: Scan) -> tuple[AxisSteps, AxisSteps]:
    """What the sliders of a scan stand at: energies in eV, and angles in degrees where all energies share them.

    Parameters
    ----------
    scan
        The scan.
    """
    angles = [tomogram.angles_rad for tomogram in scan.tomograms]
    longest = max(angles, key=len)
    shared = np.array(longest, dtype=np.float64)
    for recorded in angles:
        differs = np.abs(recorded - longest[: len(recorded)]) > _SAME_ANGLE_RAD
        shared[: len(recorded)][differs] = np.nan
    return energy_steps(scan.energies_ev), angle_steps(shared)
