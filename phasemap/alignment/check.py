"""Whether a kept alignment belongs to a scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.mapping.survey import detector_noise
from xanesmap.reconstruct.alignment.coarse import air_level, centres_of_mass
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.correction import attenuate
from xanesmap.reconstruct.scan import Scan, Tomogram, same_angles

_SAME_ENERGY_EV = 0.5
_ENERGIES_LOOKED_AT = 3
# A centre of mass is known to a few tenths of a pixel; an alignment that fits leaves no more than that of its motion.
_LARGEST_REST_PX = 0.8
_LARGEST_SHARE = 0.7


def check_same_frames(path: Path, arrays: Mapping[str, NDArray[Any]], scan: Scan) -> None:
    """Refuse an alignment of other energies, angles or frames.

    Parameters
    ----------
    path
        Of the alignment, for the message.
    arrays
        As stored.
    scan
        The scan.

    Raises
    ------
    DataError
        What differs, and how.
    """
    energies, shape = arrays["energies_ev"], arrays["pattern"].shape[1:]
    if shape != (scan.n_rows, scan.n_columns):
        _refuse(path, f"frames of {shape[0]} x {shape[1]} pixels", f"{scan.n_rows} x {scan.n_columns}")
    if len(energies) != len(scan.energies_ev):
        _refuse(path, f"{len(energies)} energies", str(len(scan.energies_ev)))
    off = np.abs(energies - scan.energies_ev)
    if off.max() > _SAME_ENERGY_EV:
        worst = int(off.argmax())
        _refuse(path, f"an energy of {energies[worst]:.2f} eV", f"{scan.energies_ev[worst]:.2f} eV in its place")
    for index, tomogram in enumerate(scan.tomograms):
        angles = arrays["angles_rad"][index]
        angles = angles[np.isfinite(angles)]
        if len(angles) != len(tomogram.angles_rad) or not same_angles(angles, np.asarray(tomogram.angles_rad)):
            _refuse(path, f"{len(angles)} angles at {energies[index]:.2f} eV", f"other ones in {tomogram.source}")


def _refuse(path: Path, found: str, scan: str) -> None:
    message = f"The alignment {path} is for {found}, but the scan has {scan}. Align this scan itself: xanesmap align."
    raise DataError(message)


def check_same_motion(path: Path, alignment: Alignment, scan: Scan) -> None:
    """Refuse an alignment by which the frames of some energies do not move.

    Raises
    ------
    DataError
        The centres of mass of the frames scatter about the alignment as much as by themselves.
    """
    chosen = np.unique(np.linspace(0, len(scan.tomograms) - 1, _ENERGIES_LOOKED_AT).astype(int))
    moved, left = np.mean([_motion(scan.tomograms[index], alignment, index) for index in chosen], axis=0)
    if left > _LARGEST_REST_PX and left > _LARGEST_SHARE * moved:
        message = (
            f"The alignment {path} does not describe how the frames of {scan.tomograms[0].source.parent} move: their "
            f"centres of mass scatter by {moved:.1f} pixels, and by {left:.1f} pixels about what it says. It belongs "
            "to another scan; align this one itself: xanesmap align."
        )
        raise DataError(message)


def _motion(tomogram: Tomogram, alignment: Alignment, index: int) -> tuple[float, float]:
    """Scatter of the centres of mass of one energy, as recorded and about the alignment, pixels."""
    frames = tomogram.read_rows(0, tomogram.n_rows)
    values = attenuate(frames, noise=detector_noise(frames)[0]).values
    centres = centres_of_mass(values - air_level(values)[:, None, None])
    kept = alignment.kept_frames(index, n_angles=len(centres)) & np.isfinite(centres[:, 0])
    angles = np.asarray(tomogram.angles_rad, np.float64)[kept]
    said = alignment.displacement_px[index, : len(centres)][kept]
    return _scatter(centres[kept], angles), _scatter(centres[kept] - said, angles)


def _scatter(positions: NDArray[np.float64], angles_rad: NDArray[np.float64]) -> float:
    """Rms of `(angle, 2)` positions, pixels, less their mean and the orbit of a point of the object."""
    orbit = np.stack([np.ones_like(angles_rad), np.cos(angles_rad), np.sin(angles_rad)], axis=1)
    across = positions[:, 1] - orbit @ np.linalg.lstsq(orbit, positions[:, 1], rcond=None)[0]
    return float(np.sqrt((positions[:, 0].var() + across.var()) / 2))
