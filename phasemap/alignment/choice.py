"""Which alignment a run uses: a kept one, a new one, or none because the scan was at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xanesmap.errors import DataError, MismatchError
from xanesmap.phasemap.alignment.scan_alignment import align_scan
from xanesmap.phasemap.alignment.store import read_alignment
from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.progress import Progress
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.scan import Scan
from xanesmap.spectra.reference import Reference

# What may be left alone: it costs less than an interpolation of every frame.
_STILL_PX = 0.1
_STILL_LEVEL = 0.003
_STILL_PATTERN = 0.005
_ODD_CONTRAST = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentChoice:
    """Alignment of a run, None where frames are used as recorded, and sentences on how it came about."""

    alignment: Alignment | None
    notes: tuple[str, ...] = ()


def choose_alignment(
    scan: Scan, references: list[Reference], config: RunConfig, *, progress: Progress
) -> AlignmentChoice:
    """Read, find or do without an alignment, as the configuration has it.

    Raises
    ------
    DataError
        A kept alignment of another scan, or a scan that cannot be aligned although that was asked for.
    """
    settings = config.align
    if settings.file is not None:
        kept = read_alignment(settings.file, scan)
        return AlignmentChoice(alignment=kept.alignment, notes=kept.notes)
    if settings.method == "none" or (settings.method == "auto" and config.reconstruct.centre_px is not None):
        return AlignmentChoice(alignment=None)
    try:
        found = align_scan(scan, references, config, progress=progress)
    except DataError as error:
        if settings.method != "auto" or isinstance(error, MismatchError):
            raise
        note = f"The frames were used as recorded, because they could not be aligned: {error}"
        return AlignmentChoice(alignment=None, notes=(note,))
    if settings.method == "auto" and is_still(found):
        return AlignmentChoice(alignment=None, notes=("The scan was at rest: its frames were used as recorded.",))
    return AlignmentChoice(alignment=found, notes=alignment_notes(found, scan))


def alignment_notes(alignment: Alignment, scan: Scan) -> tuple[str, ...]:
    """What a user should know about an alignment, one sentence each."""
    return (*_left_out(alignment, scan), *_wrong_contrast(alignment, scan), *_cut(alignment))


def _left_out(alignment: Alignment, scan: Scan) -> list[str]:
    """A sentence on the frames left out."""
    measured = np.isfinite(alignment.air_level)
    lost = measured & ~alignment.kept
    if not lost.any():
        return []
    most = int(lost.sum(axis=1).argmax())
    return [
        f"{int(lost.sum())} of {int(measured.sum())} frames could not be matched to what the others predict and were "
        f"left out, most of them ({int(lost[most].sum())}) at {scan.energies_ev[most]:.2f} eV."
    ]


def _cut(alignment: Alignment) -> list[str]:
    """A sentence on an object larger than the field."""
    if not alignment.reaches_over_sides:
        return []
    return [
        "The object reaches over the sides of the field. Energies are aligned to one another to about a tenth of a "
        "pixel, but a displacement that all of them share at an angle is known to about half a pixel only, and "
        "attenuation has an offset."
    ]


def _wrong_contrast(alignment: Alignment, scan: Scan) -> list[str]:
    """A sentence on energies whose frames are stronger or weaker than the references say."""
    off = np.abs(np.log(alignment.contrast / np.median(alignment.contrast)))
    odd = np.flatnonzero(off > np.log1p(_ODD_CONTRAST))
    if not odd.size:
        return []
    worst = int(off.argmax())
    return [
        f"At {odd.size} of {len(off)} energies the frames have another contrast than the references predict, at "
        f"{scan.energies_ev[worst]:.2f} eV {alignment.contrast[worst]:.2f} times as much: files may be exchanged, or "
        "energies or references be off."
    ]


def is_still(alignment: Alignment) -> bool:
    """Whether nothing in an alignment is worth an interpolation of the frames.

    Displacements that are no larger than three times their standard errors are what a scan at rest would show too; the
    mean displacement of an energy, magnification at the rim of the field, the lamp and the fixed pattern are held
    against what each may do to a fraction.
    """
    shift = alignment.shift_px[alignment.kept]
    if not alignment.kept[np.isfinite(alignment.air_level)].all() or shift.size == 0:
        return False
    noise = float(np.sqrt(np.mean(alignment.residual_px[alignment.kept] ** 2)))
    by_energy = np.nanmean(alignment.shift_px, axis=1)
    return bool(
        np.sqrt(np.mean(shift**2)) < max(3 * noise, _STILL_PX)
        and np.abs(by_energy - by_energy.mean(axis=0)).max() < _STILL_PX
        and _motion_of_rim(alignment) < _STILL_PX
        and np.nanstd(alignment.air_level) < _STILL_LEVEL
        and _pattern_in_air(alignment) < _STILL_PATTERN
    )


def _motion_of_rim(alignment: Alignment) -> float:
    """How far magnification moves the rim of the field, pixels: its trend over the energies, or the rms of the rest.

    A lens makes a trend. Single energies also differ by noise, most at few counts, where the object of an energy and
    that of another are hardly told from each other's magnified image; the largest of many would be no measure.
    """
    magnification = alignment.magnification / alignment.magnification.mean() - 1
    order = np.linspace(-1, 1, len(magnification))
    trend = np.polyval(np.polyfit(order, magnification, 1), order) if len(order) > 1 else np.zeros_like(order)
    largest = max(np.abs(trend).max(), np.sqrt(np.mean((magnification - trend) ** 2)))
    half_width: int = alignment.pattern.shape[-1] // 2
    return float(largest) * half_width


def _pattern_in_air(alignment: Alignment) -> float:
    """Rms of the fixed pattern in the rows at the rim of the frames, where no object adds to it."""
    rows = max(2, alignment.pattern.shape[1] // 16)
    rim = np.concatenate([alignment.pattern[:, :rows], alignment.pattern[:, -rows:]], axis=1)
    return float(np.sqrt(np.mean(rim.astype(np.float64) ** 2)))
