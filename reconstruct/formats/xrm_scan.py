"""Scans of Xradia files: one `.txrm` per energy, or a folder of single `.xrm` frames as SSRL 6-2c writes them.

Frames belong to one energy by the energy in their names (`..._08333.00_eV_...`) where all names have one, and by the
energy they record elsewhere. Names with `ref_` are flats, names with `dark_` darks.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import EV_RANGE, MIN_PROJECTIONS
from xanesmap.reconstruct.formats.frame_tomogram import FrameTomogram
from xanesmap.reconstruct.formats.scan_info import read_scan_info
from xanesmap.reconstruct.formats.xrm import XrmFile, XrmFrame, open_xrm

SAME_ENERGY_EV = 0.2
"""Frames of one energy differ by the reading of the monochromator encoder; scans step by more."""

NAME_ENERGY_EV = 2.0
"""Recorded energies further than this from those in the names are told."""

EXPOSURE_TOLERANCE = 0.01

_ENERGY_IN_NAME = re.compile(
    r"(?:^|_)(?P<named>\d{4,5}(?:\.\d+)?)_?eV(?=_|$)|(?:^|_)(?P<padded>0\d{4}\.\d{2})(?=_|$)", re.IGNORECASE
)
_ANGLE_IN_NAME = re.compile(r"_([+\-0]\d{3}\.\d{2})(?=_|$)")
_FLAT_IN_NAME = re.compile(r"(?:^|_)(?:ref|flat)(?=_|\d|$)", re.IGNORECASE)
_DARK_IN_NAME = re.compile(r"(?:^|_)dark(?=_|\d|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A file and the frames of it that belong to one energy."""

    file: XrmFile
    frames: tuple[XrmFrame, ...]


def open_xrm_files(paths: Sequence[Path]) -> list[FrameTomogram]:
    """Tomograms of Xradia files, without reading an image.

    Parameters
    ----------
    paths
        Files of projections, and of flats (`ref_` in the name) and darks (`dark_`) where there are any.

    Returns
    -------
    One tomogram per energy, in order of energy.

    Raises
    ------
    DataError
        A file is unreadable, no energy is known, or the frames of an energy do not make one tomogram.
    """
    notes = read_scan_info(paths)
    files = [open_xrm(path) for path in paths]
    by_name = _energies_in_names(files)
    groups = _group_by_name(files, by_name) if by_name else _group_by_record(files)
    return [_tomogram(energy, placed, notes=notes) for energy, placed in groups.items()]


def _is_flat(file: XrmFile) -> bool:
    return _FLAT_IN_NAME.search(file.source.stem) is not None


def _is_dark(file: XrmFile) -> bool:
    return _DARK_IN_NAME.search(file.source.stem) is not None


def _energies_in_names(files: Sequence[XrmFile]) -> dict[Path, float]:
    """Energy in eV in the name of each file; empty unless the names of all projections and flats have one."""
    found = {file.source: energy for file in files if (energy := _name_energy(file.source)) is not None}
    needed = [file for file in files if not _is_dark(file)]
    return found if needed and all(file.source in found for file in needed) else {}


def _name_energy(path: Path) -> float | None:
    for match in _ENERGY_IN_NAME.finditer(path.stem):
        energy = float(match["named"] or match["padded"])
        if EV_RANGE[0] <= energy <= EV_RANGE[1]:
            return energy
    return None


def _group_by_name(files: Sequence[XrmFile], energies: Mapping[Path, float]) -> dict[float, list[_Placed]]:
    groups: dict[float, list[_Placed]] = {energy: [] for energy in sorted(set(energies.values()))}
    for file in files:
        placed = _Placed(file=file, frames=file.frames)
        for energy in [energies[file.source]] if file.source in energies else list(groups):
            groups[energy].append(placed)
    return groups


def _group_by_record(files: Sequence[XrmFile]) -> dict[float, list[_Placed]]:
    unknown = [file for file in files if not _is_dark(file) and not np.isfinite(file.frames[0].energy_ev)]
    if unknown:
        message = (
            f"{unknown[0].source}: neither 'ImageInfo/Energy' nor the file name says the photon energy. Rename the "
            "files like scan_07112.00_eV_001.xrm."
        )
        raise DataError(message)
    beam = [file for file in files if not _is_dark(file)]
    recorded = np.unique([frame.energy_ev for file in beam for frame in file.frames])
    bounds = np.split(recorded, np.flatnonzero(np.diff(recorded) > SAME_ENERGY_EV) + 1) if recorded.size else []
    groups: dict[float, list[_Placed]] = {}
    for cluster in bounds:
        placed = [_Placed(file=file, frames=_frames_within(file, cluster)) for file in files]
        groups[round(float(np.median(cluster)), 3)] = [item for item in placed if item.frames]
    return groups


def _frames_within(file: XrmFile, cluster: NDArray[np.float64]) -> tuple[XrmFrame, ...]:
    if _is_dark(file):
        return file.frames
    return tuple(frame for frame in file.frames if cluster[0] <= frame.energy_ev <= cluster[-1])


def _tomogram(energy_ev: float, placed: Sequence[_Placed], *, notes: tuple[str, ...]) -> FrameTomogram:
    sample = [item for item in placed if not _is_flat(item.file) and not _is_dark(item.file)]
    if not sample:
        message = (
            f"{placed[0].file.source}: only reference frames are found at {energy_ev:.2f} eV. Copy the projections "
            "of this energy as well, or leave its reference frames out."
        )
        raise DataError(message)
    projections = [frame for item in sample for frame in item.frames]
    flats = [frame for item in placed if _is_flat(item.file) for frame in item.frames]
    recorded = sample[0].file.reference
    if not flats and recorded is not None and not sample[0].file.reference_corrected:
        flats = [recorded]
    angles, angle_notes = _angles_deg(projections)
    scale, scale_notes = _flat_scale(projections, flats)
    sizes = [item.file.pixel_size_nm for item in sample if item.file.pixel_size_nm is not None]
    times = [item.file.time_s for item in sample if item.file.time_s is not None]
    file_notes = dict.fromkeys(note for item in sample for note in item.file.notes)
    return FrameTomogram(
        source=sample[0].file.source,
        energy_ev=energy_ev,
        angles_rad=np.deg2rad(angles),
        projections=tuple(projections),
        flats=tuple(flats),
        darks=tuple(frame for item in placed if _is_dark(item.file) for frame in item.frames),
        flat_scale=scale,
        pixel_size_nm=float(np.median(sizes)) if sizes else None,
        time_s=min(times) if times else None,
        binning=sample[0].file.binning,
        notes=(*notes, *file_notes, *angle_notes, *scale_notes, *_energy_note(energy_ev, projections)),
        datasets=("ImageData", "ReferenceData or ref_ files", "dark_ files"),
    )


def _angles_deg(projections: Sequence[XrmFrame]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """`(angle,)` recorded angles in degrees; those in the names where none or only one is recorded."""
    angles = np.array([frame.angle_deg for frame in projections])
    notes: tuple[str, ...] = ()
    named = [match[1] for frame in projections if (match := _ANGLE_IN_NAME.search(frame.source.stem))]
    is_constant = angles.size > 1 and np.ptp(angles) == 0
    if len(named) == angles.size and (is_constant or not np.all(np.isfinite(angles))):
        angles = np.array(named, dtype=np.float64)
        notes = ("The angles are those in the file names; the files record none, or only one.",)
    _require_angles(angles, projections)
    if angles.size < MIN_PROJECTIONS:
        notes += (f"Projections: {angles.size}, too few for a slice of use; {MIN_PROJECTIONS} are the least.",)
    return angles, notes


def _require_angles(angles: NDArray[np.float64], projections: Sequence[XrmFrame]) -> None:
    bad = np.flatnonzero(~np.isfinite(angles))
    if bad.size:
        message = (
            f"{projections[bad[0]].source}: neither 'ImageInfo/Angles' nor the file name says the angle of an image "
            f"({bad.size} such images). Rename the files like scan_+012.50_001.xrm, or leave them out."
        )
        raise DataError(message)


def _flat_scale(projections: Sequence[XrmFrame], flats: Sequence[XrmFrame]) -> tuple[float, tuple[str, ...]]:
    if not flats:
        return 1.0, ()
    exposure = float(np.median([frame.exposure_s for frame in projections]))
    flat_exposure = float(np.median([frame.exposure_s for frame in flats]))
    if not (exposure > 0 and flat_exposure > 0) or abs(exposure / flat_exposure - 1) <= EXPOSURE_TOLERANCE:
        return 1.0, ()
    note = f"Flats were exposed {flat_exposure:.4g} s, projections {exposure:.4g} s; the flats are scaled to match."
    return exposure / flat_exposure, (note,)


def _energy_note(energy_ev: float, projections: Sequence[XrmFrame]) -> tuple[str, ...]:
    recorded = np.array([frame.energy_ev for frame in projections])
    if not np.any(np.abs(recorded - energy_ev) > NAME_ENERGY_EV):
        return ()
    return (f"Energies are those in the file names; the files record others, by more than {NAME_ENERGY_EV:g} eV.",)
