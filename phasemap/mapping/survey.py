"""First look at every energy of a scan: detector noise, rotation centre, typical noise of the projections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress
from xanesmap.reconstruct.alignment.lamp_level import lamp_level
from xanesmap.reconstruct.alignment.total_contrast import total_contrast
from xanesmap.reconstruct.centre import CentreEstimate, given_centre
from xanesmap.reconstruct.correction import attenuate
from xanesmap.reconstruct.noise import DetectorNoise, estimate_noise, estimate_noise_from_projections
from xanesmap.reconstruct.relative_centre import find_centres
from xanesmap.reconstruct.scan import FloatArray, Frames, Scan, Tomogram

# Detector rows looked at, in bands spread over the detector: enough mass for a centre to a few hundredths of a pixel,
# little to read of a large scan.
_BANDS = 4
_ROWS = 64
_POOR_CENTRE_PX = 0.1
# Bytes for the rows of all energies. A fixed number rather than a share of the budget, which is half of what happens to
# be free: the centres found must not depend on it.
_LOOK_BYTES = 1_000_000_000
# Share of the budget they may take where it is a small one.
_MEMORY_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySurvey:
    """What one energy showed.

    Parameters
    ----------
    noise
        Gain and read noise of the detector.
    centre
        Rotation centre.
    variance
        Mean variance of a line integral.
    lamp
        `(angle,)` line integral of the air in every frame; None where the lamp was steady.
    notes
        What was assumed or looks wrong, one sentence each.
    """

    noise: DetectorNoise
    centre: CentreEstimate
    variance: float
    lamp: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What the energies of a scan showed, in order of energy.

    Parameters
    ----------
    energies
        Each energy.
    totals
        `(energy,)` relative attenuation of everything in the beam (`total_contrast`).
    doubts
        What looks wrong, one sentence each.
    middle_row
        Detector row in the middle of the mass.
    """

    energies: tuple[EnergySurvey, ...]
    totals: NDArray[np.float64]
    doubts: tuple[str, ...] = ()
    middle_row: float = 0.0

    @property
    def centres_px(self) -> NDArray[np.float64]:
        """`(energy,)` detector column of the rotation axis, pixels."""
        return np.array([energy.centre.centre for energy in self.energies])

    @property
    def variances(self) -> NDArray[np.float64]:
        """`(energy,)` mean variance of a line integral."""
        return np.array([energy.variance for energy in self.energies])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or looks wrong, each sentence once."""
        return (*dict.fromkeys(note for energy in self.energies for note in energy.notes), *self.doubts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Corrected rows of one energy."""

    noise: DetectorNoise
    values: NDArray[np.float32]
    variance: float
    lamp: NDArray[np.float32] | None
    notes: tuple[str, ...]


def survey_scan(
    scan: Scan,
    *,
    unmixing: Callable[[FloatArray], FloatArray],
    centre_px: float | None,
    zinger_sigma: float | None,
    memory_bytes: int,
    progress: Progress,
) -> Survey:
    """Look at some rows of every energy.

    Parameters
    ----------
    scan
        The scan.
    unmixing
        Function that gives the `(phase, energy)` matrix from a spectrum to phase amounts, for the rotation centres,
        from the `(energy,)` total attenuation.
    centre_px
        Rotation centre given by the user, for all energies; None to find each.
    zinger_sigma
        As in `attenuate`.
    memory_bytes
        Memory budget of the run.
    progress
        Called after each energy.

    Raises
    ------
    DataError
        Frames that cannot be used, or no object in them; names the file.
    """
    bands = _bands(scan, memory_bytes=memory_bytes)
    looks = []
    for index, tomogram in enumerate(scan.tomograms):
        looks.append(_look(tomogram, bands, zinger_sigma=zinger_sigma))
        progress("Centre and noise", index + 1, len(scan.tomograms))
    totals = total_contrast([look.values for look in looks])
    centres = [given_centre(centre_px)] * len(looks) if centre_px is not None else _find(scan, looks, unmixing(totals))
    found = [
        EnergySurvey(
            noise=look.noise,
            centre=centre,
            variance=look.variance,
            lamp=look.lamp,
            notes=look.notes,
        )
        for look, centre in zip(looks, centres, strict=True)
    ]
    middle = _middle_row(looks, bands)
    return Survey(energies=tuple(found), totals=totals, doubts=_doubts(centres), middle_row=middle)


def _middle_row(looks: list[_Look], bands: list[tuple[int, int]]) -> float:
    """Detector row in the middle of the mass of the rows looked at."""
    rows = np.concatenate([np.arange(start, stop) for start, stop in bands])
    mass = np.maximum(sum(look.values.mean(axis=(0, 2), dtype=np.float64) for look in looks), 0)
    return float(np.average(rows, weights=mass)) if mass.sum() > 0 else float(rows.mean())


def _find(scan: Scan, looks: list[_Look], unmixing: FloatArray) -> list[CentreEstimate]:
    angles = [tomogram.angles_rad for tomogram in scan.tomograms]
    try:
        return find_centres([look.values for look in looks], angles, unmixing=unmixing)
    except DataError as error:
        message = f"{scan.tomograms[0].source.parent}: {error}"
        raise DataError(message) from error


def _doubts(centres: list[CentreEstimate]) -> tuple[str, ...]:
    """One note on all rotation centres that are poorly known."""
    poor = [centre.sigma for centre in centres if centre.sigma > _POOR_CENTRE_PX]
    if not poor:
        return ()
    note = (
        f"The rotation centre is uncertain by up to {max(poor):.2f} px at {len(poor)} of {len(centres)} energies; "
        "look at the slices, or give --centre."
    )
    return (note,)


def smallest_look_bytes(scan: Scan) -> int:
    """Bytes of one row per band at every energy, the least that is looked at."""
    return min(_BANDS, scan.n_rows) * _row_bytes(scan)


def _row_bytes(scan: Scan) -> int:
    return sum(len(t.angles_rad) for t in scan.tomograms) * scan.n_columns * 4


def _bands(scan: Scan, *, memory_bytes: int) -> list[tuple[int, int]]:
    """First row and row after the last of the bands to look at."""
    affordable = int(min(_LOOK_BYTES, _MEMORY_SHARE * memory_bytes) / _row_bytes(scan))
    rows = min(_ROWS, scan.n_rows, max(_BANDS, affordable))
    if rows >= scan.n_rows:
        return [(0, scan.n_rows)]
    height = max(1, rows // _BANDS)
    starts = np.linspace(0, scan.n_rows - height, _BANDS + 2).astype(int)[1:-1]
    return [(int(start), int(start) + height) for start in starts]


def _look(tomogram: Tomogram, bands: list[tuple[int, int]], *, zinger_sigma: float | None) -> _Look:
    frames = _read_bands(tomogram, bands)
    noise, notes = detector_noise(frames)
    attenuation = attenuate(frames, noise=noise, zinger_sigma=zinger_sigma)
    variance = float(attenuation.variance.mean(dtype=np.float64))
    lamp = lamp_level(attenuation.values, variance=variance)
    values = attenuation.values
    if lamp is not None:
        values -= lamp[:, None, None]
    return _Look(noise=noise, values=values, variance=variance, lamp=lamp, notes=notes)


def _read_bands(tomogram: Tomogram, bands: list[tuple[int, int]]) -> Frames:
    """Bands of rows as one block."""
    read = [tomogram.read_rows(start, stop) for start, stop in bands]
    return replace(
        read[0],
        projections=np.concatenate([band.projections for band in read], axis=1),
        flats=np.concatenate([band.flats for band in read], axis=1),
        darks=np.concatenate([band.darks for band in read], axis=1),
    )


def detector_noise(frames: Frames) -> tuple[DetectorNoise, tuple[str, ...]]:
    """Gain and read noise from the flats, or from the projections where those are too few, which a note says."""
    noise = estimate_noise(frames.flats, frames.darks)
    if noise is not None:
        return noise, ()
    note = "Too few flats to measure the detector noise; it was estimated from the projections instead."
    return estimate_noise_from_projections(frames), (note,)
