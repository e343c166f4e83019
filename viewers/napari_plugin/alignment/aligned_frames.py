"""Frames of a scan as they were recorded and where alignment put them, in pairs to compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.check import check_same_frames
from xanesmap.phasemap.alignment.store import StoredAlignment, stored_alignment
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.scan_input import open_scan_input
from xanesmap.reconstruct.alignment.resampling import undo_displacement
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan import Scan
from xanesmap.reconstruct.simulator.optics import spline_coefficients
from xanesmap.viewers.napari_plugin.projections.frames import Projections, energy_label, shown_limits

State = Literal["recorded", "aligned"]


class AlignedFrames:
    """Line integrals of single frames, before and after alignment.

    Parameters
    ----------
    projections
        Of the scan that was aligned.
    stored
        Its alignment.
    """

    def __init__(self, projections: Projections, stored: StoredAlignment) -> None:
        self.projections = projections
        self.stored = stored

    def is_kept(self, energy: int, angle: int) -> bool:
        """Whether alignment found where a frame belongs."""
        return bool(self.stored.alignment.kept[energy, angle])

    def frame(self, energy: int, angle: int, *, state: State) -> NDArray[np.float32]:
        """`(v, u)` line integrals of one frame less its level of air; of a frame that was left out as recorded.

        Raises
        ------
        DataError
            The file cannot be read.
        """
        alignment = self.stored.alignment
        values = self.projections.frame(energy, angle) - np.float32(alignment.air_level[energy, angle])
        if state == "recorded" or not self.is_kept(energy, angle):
            return np.asarray(values, np.float32)
        placed = undo_displacement(
            np.asarray(spline_coefficients((values - alignment.pattern[energy])[None]), np.float32),
            shift_px=alignment.displacement_px[energy, angle][None],
            magnification=float(alignment.magnification[energy]),
            roll_rad=alignment.roll_rad,
        )
        return np.asarray(placed[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two images of one shape and scale, and what each is."""

    images: tuple[NDArray[np.float32], NDArray[np.float32]]
    texts: tuple[str, str]
    limits: tuple[float, float]
    """Of both images."""

    @property
    def difference(self) -> NDArray[np.float32]:
        """`(v, u)` second image minus the first."""
        return self.images[1] - self.images[0]

    @property
    def largest_difference(self) -> float:
        """Nearly the largest, of either sign."""
        return max(float(np.percentile(np.abs(self.difference), 99.5)), 1e-6)


def before_and_after(frames: AlignedFrames, energy: int, angle: int) -> Pair:
    """One frame as recorded, and where alignment put it.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    images = (frames.frame(energy, angle, state="recorded"), frames.frame(energy, angle, state="aligned"))
    at = f"{energy_label(frames.projections.scan, energy)}, {frames.projections.angle_deg(energy, angle):.2f}°"
    after = "aligned" if frames.is_kept(energy, angle) else "left out by the alignment"
    return Pair(images=images, texts=(f"as recorded: {at}", f"{after}: {at}"), limits=shown_limits(np.stack(images)))


def two_energies(frames: AlignedFrames, energy: int, other: int, angle: int, *, state: State) -> Pair:
    """Frames of two energies at one angle, both as recorded or both aligned.

    The second is scaled to the contrast of the first (by least squares), so that what is left of their difference is
    place, and the chemistry that no factor can take away.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    projections = frames.projections
    at_deg = projections.angle_deg(energy, angle)
    first = frames.frame(energy, angle, state=state)
    second = frames.frame(other, projections.nearest_angle(other, at_deg), state=state)
    power = float(np.vdot(second, second))
    factor = float(np.vdot(first, second)) / power if power > 0 else 1.0
    images = (first, np.asarray(factor * second, np.float32))
    told = "as recorded" if state == "recorded" else "aligned"
    names = (energy_label(projections.scan, energy), f"{energy_label(projections.scan, other)} times {factor:.2f}")
    return Pair(
        images=images,
        texts=(f"{told}: {names[0]}, {at_deg:.2f}°", f"{told}: {names[1]}, {at_deg:.2f}°"),
        limits=shown_limits(np.stack(images)),
    )


def open_aligned_frames(result: PhaseMap, *, scan: tuple[str, ...] = ()) -> AlignedFrames:
    """Frames that a result was made from, with their alignment.

    Parameters
    ----------
    result
        Whose frames were aligned.
    scan
        Where the scan is now; where the result says when not given.

    Raises
    ------
    DataError
        Frames were not aligned, the scan is not there any more, or it is another.
    """
    stored = stored_alignment(result.path)
    if stored is None:
        raise DataError(_not_aligned(result.path))
    opened = _open(result, scan)
    arrays: dict[str, NDArray[Any]] = {
        "energies_ev": stored.energies_ev,
        "angles_rad": stored.angles_rad,
        "pattern": stored.alignment.pattern,
    }
    check_same_frames(result.path, arrays, opened)
    return AlignedFrames(Projections(opened), stored)


def _open(result: PhaseMap, scan: tuple[str, ...]) -> Scan:
    settings = dict(result.attributes.get("configuration", {}))
    if not settings:
        return open_scan(scan if len(scan) != 1 else scan[0])
    config = make_config({**settings, **({"scan": list(scan)} if scan else {})}, source=f"Result {result.path}")
    return open_scan_input(config)


def _not_aligned(path: Path) -> str:
    return f"the frames of '{path}' were not aligned: they were at rest, or the run was told not to."
