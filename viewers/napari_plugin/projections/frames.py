"""Single projections of a scan, raw or corrected, read one at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.reconstruct.correction import dead_pixels, lasting_saturation
from xanesmap.reconstruct.inspection import find_edge
from xanesmap.reconstruct.scan import CountArray, Scan
from xanesmap.reconstruct.zingers import fill_from_neighbours

Shown = Literal["attenuation", "transmission", "counts"]
UNITS: dict[Shown, str] = {"attenuation": "1", "transmission": "1", "counts": "counts"}

REFERENCE_BYTES = 256 * 2**20
"""Of the mean flats and darks that are kept."""
_LEAST_COUNTS = 0.5  # what a pixel without counts is taken to hold, so that it has a logarithm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reference:
    """Mean dark and light of one energy."""

    dark: NDArray[np.float32]
    light: NDArray[np.float32]
    dead: NDArray[np.bool_]


class Projections:
    """Frames of a scan by energy and angle; flats and darks of the energies looked at last are kept.

    Frames are corrected as in a run, but for zingers and the counting noise of dark pixels, which need more than one
    frame. Safe in threads.

    Parameters
    ----------
    scan
        The scan.
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self._references: OrderedDict[int, _Reference] = OrderedDict()
        self._lock = threading.Lock()
        self._limits: dict[Shown, tuple[float, float]] = {}

    @property
    def n_energies(self) -> int:
        """Energies of the scan."""
        return len(self.scan.tomograms)

    def n_angles(self, energy: int) -> int:
        """Projections at one energy."""
        return len(self.scan.tomograms[energy].angles_rad)

    def angle_deg(self, energy: int, angle: int) -> float:
        """Rotation angle of a frame, degrees."""
        return float(np.rad2deg(self.scan.tomograms[energy].angles_rad[angle]))

    def nearest_angle(self, energy: int, angle_deg: float) -> int:
        """Number of the frame of an energy that is nearest to an angle in degrees."""
        return int(np.argmin(np.abs(np.rad2deg(self.scan.tomograms[energy].angles_rad) - angle_deg)))

    def frame(self, energy: int, angle: int, *, shown: Shown = "attenuation") -> NDArray[np.float32]:
        """`(v, u)` one projection.

        Raises
        ------
        DataError
            The file cannot be read.
        """
        counts = self.scan.tomograms[energy].read_projection(angle)
        return np.asarray(_corrected(counts[None], self._reference(energy), shown=shown)[0])

    def sinogram(self, energy: int, row: int, *, shown: Shown = "attenuation") -> NDArray[np.float32]:
        """`(angle, u)` one detector row at all angles, in the order they were recorded.

        Raises
        ------
        DataError
            The file cannot be read, or has no such row.
        """
        frames = self.scan.tomograms[energy].read_rows(row, row + 1)
        whole = self._reference(energy)
        rows = slice(row, row + 1)
        reference = _Reference(dark=whole.dark[rows], light=whole.light[rows], dead=whole.dead[rows])
        return np.asarray(_corrected(frames.projections, reference, shown=shown)[:, 0])

    def mean_over_energies(
        self, angle_deg: float, *, shown: Shown, progress: Progress = no_progress
    ) -> NDArray[np.float32]:
        """`(v, u)` mean of the frames of all energies that are nearest to an angle."""
        total = np.zeros((self.scan.n_rows, self.scan.n_columns), np.float64)
        for energy in range(self.n_energies):
            progress("Read frames", energy, self.n_energies)
            total += self.frame(energy, self.nearest_angle(energy, angle_deg), shown=shown)
        return np.asarray(total / self.n_energies, np.float32)

    def limits(self, shown: Shown) -> tuple[float, float]:
        """Values at the ends of one scale of grey for all frames, from three at the first, middle and last energy.

        Raises
        ------
        DataError
            A file cannot be read.
        """
        if shown not in self._limits:
            frames = []
            for energy in {0, self.n_energies // 2, self.n_energies - 1}:
                last = self.n_angles(energy) - 1
                frames += [self.frame(energy, angle, shown=shown) for angle in {0, last // 2, last}]
            self._limits[shown] = shown_limits(np.stack(frames))
        return self._limits[shown]

    def _reference(self, energy: int) -> _Reference:
        with self._lock:
            if energy in self._references:
                self._references.move_to_end(energy)
                return self._references[energy]
        found = _mean_reference(*self.scan.tomograms[energy].read_references())
        with self._lock:
            self._references[energy] = found
            size = found.dark.nbytes + found.light.nbytes + found.dead.nbytes
            while len(self._references) > max(1, REFERENCE_BYTES // size):
                self._references.popitem(last=False)
        return found


def _mean_reference(flats: CountArray, darks: CountArray) -> _Reference:
    dark = darks.mean(axis=0, dtype=np.float32)
    light = flats.mean(axis=0, dtype=np.float32) - dark
    dead = dead_pixels(light) | lasting_saturation(flats)
    return _Reference(dark=dark, light=light, dead=dead)


def _corrected(counts: CountArray, reference: _Reference, *, shown: Shown) -> NDArray[np.float32]:
    """`(frame, v, u)` what is shown of raw counts; dead pixels as their neighbours."""
    if shown == "counts":
        return np.asarray(counts, np.float32)
    light = np.where(reference.dead, np.float32(1), reference.light)
    values = np.maximum(counts - reference.dark, np.float32(_LEAST_COUNTS)) / light
    if reference.dead.any() and not reference.dead.all():
        for frame in values:
            fill_from_neighbours(frame, reference.dead)
    if shown == "attenuation":
        values = -np.log(values)
    return np.asarray(values, np.float32)


def energy_label(scan: Scan, energy: int) -> str:
    """Photon energy in words, with its distance from the edge that the scan is about."""
    value = float(scan.energies_ev[energy])
    if not np.isfinite(value):
        return "energy not recorded"
    edge = find_edge(scan.energies_ev)
    return f"{value:.2f} eV" + ("" if edge is None else f" ({edge[0]} {value - edge[1]:+.0f} eV)")


def shown_limits(image: NDArray[Any]) -> tuple[float, float]:
    """Values at the ends of the grey scale: nearly the smallest and the largest."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite[:: max(1, finite.size // 100_000)], (0.5, 99.8))
    return float(low), float(max(high, low + 1e-6))
