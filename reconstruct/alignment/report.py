"""What an alignment did to a scan, in numbers and small arrays: for a figure, a store, or a decision to go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.sharpness import sharpness
from xanesmap.reconstruct.alignment.shell_correlation import ShellCorrelation, fourier_shell_correlation
from xanesmap.reconstruct.fourier import FourierEngine

FloatArray = NDArray[np.floating[Any]]
RowsOf = Callable[[int, slice], FloatArray]
"""Line integrals `(angle, row, u)` of some detector rows at one energy, given its number."""
EnergyDone = Callable[[int, int], None]
"""Called with the number of energies done and of all."""

_SLICES = 12  # reconstructed at every energy, of wide detectors fewer:
_LEAST_SLICES, _VOXELS = 4, 12 * 1024**2
_RESIDUAL_ROWS = 128  # at most, for the residual map of one energy
_BLOCK_ROWS = 16  # of them at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentReport:
    """Result of an alignment, and the same data before and after it.

    Parameters
    ----------
    energies_ev
        `(energy,)` photon energies, eV.
    angles_deg
        For each energy `(angle,)` degrees.
    shift_px
        For each energy `(angle, 2)` displacement (v, u) without that of the rotation axis, pixels; NaN for frames left
        out.
    kept
        For each energy `(angle,)` False for frames left out.
    sigma_px
        For each energy `(angle,)` standard error of the displacements, pixels.
    centre_px
        `(energy,)` detector column of the rotation axis, pixels.
    magnification
        `(energy,)` relative to the undisturbed image.
    detector_shape
        Rows and columns of the detector.
    slice_before, slice_after
        `(y, x)` attenuation of one slice, mean over the energies, 1/um.
    slice_row
        Its detector row.
    residual_before, residual_after
        `(row, u)` rms difference of the frames of one energy from what the other half of them predicts, unitless; of a
        tall detector every n-th row.
    residual_energy_ev
        That energy, eV.
    sharpness_before, sharpness_after
        `(energy,)` sharpness of a few slices, 1/um; see `sharpness`.
    correlation_before, correlation
        Shell correlation of odd and even angles of those slices, mean over the energies: before, and after.
    pixel_size_um
        Edge of a pixel, um.
    rms_step_px
        Last step of the alignment, pixels; None where not known.
    """

    energies_ev: NDArray[np.float64]
    angles_deg: tuple[NDArray[np.float64], ...]
    shift_px: tuple[NDArray[np.float64], ...]
    kept: tuple[NDArray[np.bool_], ...]
    sigma_px: tuple[NDArray[np.float64], ...]
    centre_px: NDArray[np.float64]
    magnification: NDArray[np.float64]
    detector_shape: tuple[int, int]
    slice_before: NDArray[np.float32]
    slice_after: NDArray[np.float32]
    slice_row: int
    residual_before: NDArray[np.float32]
    residual_after: NDArray[np.float32]
    residual_energy_ev: float
    sharpness_before: NDArray[np.float64]
    sharpness_after: NDArray[np.float64]
    correlation_before: ShellCorrelation
    correlation: ShellCorrelation
    pixel_size_um: float
    rms_step_px: float | None = None

    @property
    def n_frames(self) -> int:
        """Frames of the scan."""
        return sum(len(kept) for kept in self.kept)

    @property
    def n_left_out(self) -> int:
        """Frames that could not be aligned."""
        return sum(int((~kept).sum()) for kept in self.kept)

    @property
    def rms_sigma_px(self) -> float:
        """Standard error of a displacement, rms over the frames kept, pixels."""
        squares = [sigma[kept] ** 2 for sigma, kept in zip(self.sigma_px, self.kept, strict=True)]
        return float(np.sqrt(np.mean(np.concatenate(squares))))

    @property
    def rms_shift_px(self) -> tuple[float, float]:
        """Displacement that was taken out, less its mean, along v and u: rms over the frames kept, pixels."""
        total = np.concatenate(
            [
                (shift + np.array([0.0, centre]))[kept]
                for shift, centre, kept in zip(self.shift_px, self.centre_px, self.kept, strict=True)
            ]
        )
        along_v, along_u = total.std(axis=0)
        return float(along_v), float(along_u)

    @property
    def sharpness_gain(self) -> float:
        """Sharpness after over before, mean over the energies; NaN where there was none before."""
        before = self.sharpness_before.mean()
        return float(self.sharpness_after.mean() / before) if before > 0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """Frames as they were or as they are, with their geometry."""

    rows_of: RowsOf
    angles_rad: tuple[NDArray[np.float64], ...]
    centre_px: NDArray[np.float64]
    shape: tuple[int, int]

    def sinograms(self, index: int, rows: slice) -> NDArray[np.float32]:
        """`(row, angle, u)`."""
        frames = self.rows_of(index, rows)
        expected = (len(self.angles_rad[index]), rows.stop - rows.start, self.shape[1])
        if frames.shape != expected:
            message = (
                f"Rows {rows.start} to {rows.stop - 1} of energy number {index + 1} came as {frames.shape}, not "
                f"{expected}. Before alignment give all frames, after it those that were kept."
            )
            raise DataError(message)
        return np.ascontiguousarray(frames.transpose(1, 0, 2), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slices:
    """Slices of all energies: of each half of the angles their mean, and how sharp each energy is."""

    halves: NDArray[np.float32]
    sharpness: NDArray[np.float64]


def make_report(
    before: RowsOf,
    after: RowsOf,
    *,
    alignment: Alignment,
    angles_rad: Sequence[FloatArray],
    energies_ev: FloatArray,
    pixel_size_um: float,
    energy_done: EnergyDone | None = None,
) -> AlignmentReport:
    """Compare a scan with itself before alignment.

    Some slices are reconstructed at every energy, and the rows of one energy once more for the residual map; only the
    rows asked for are in memory. What is compared is displacement alone: before alignment, too, each energy is
    reconstructed about its own rotation axis and without the fixed pattern, as found. The rings of that pattern would
    count as sharp detail.

    Parameters
    ----------
    before
        Frames as recorded, all of them, the level of air taken off but no fixed pattern.
    after
        Frames as they would be without displacement, about the middle of the detector; those kept only.
    alignment
        Geometry of all frames.
    angles_rad
        For each energy `(angle,)` radians.
    energies_ev
        `(energy,)` photon energies, eV.
    pixel_size_um
        Edge of a pixel, um.
    energy_done
        Called after each energy.

    Returns
    -------
    AlignmentReport

    Raises
    ------
    DataError
        Frames that do not fit angles and alignment.
    """
    shape = alignment.pattern.shape[1:]
    angles = tuple(np.asarray(a, np.float64) for a in angles_rad)
    kept = tuple(alignment.kept[index, : len(a)] for index, a in enumerate(angles))
    middle = np.full(len(angles), (shape[1] - 1) / 2)
    left = tuple(a[k] for a, k in zip(angles, kept, strict=True))

    def patternless(index: int, rows: slice) -> NDArray[np.float32]:
        return np.asarray(before(index, rows) - alignment.pattern[index, rows], np.float32)

    was = _View(rows_of=patternless, angles_rad=angles, centre_px=alignment.centre_px, shape=shape)
    now = _View(rows_of=after, angles_rad=left, centre_px=middle, shape=shape)
    shown = len(angles) - 1  # beyond the edge, where everything attenuates
    residual_after, attenuation = _residual_map(now, shown)
    rows = _fullest_rows(attenuation, shape)
    slices = [_reconstruct(view, rows, _half_as_many(energy_done, half)) for half, view in enumerate((was, now))]
    correlations = [fourier_shell_correlation(*part.halves, voxel_um=pixel_size_um) for part in slices]
    pictures = [part.halves[:, len(part.halves[0]) // 2].mean(axis=0) / pixel_size_um for part in slices]
    return AlignmentReport(
        energies_ev=np.asarray(energies_ev, np.float64),
        angles_deg=tuple(np.rad2deg(a) for a in angles),
        shift_px=tuple(alignment.shift_px[index, : len(a)] for index, a in enumerate(angles)),
        kept=kept,
        sigma_px=tuple(alignment.residual_px[index, : len(a)] for index, a in enumerate(angles)),
        centre_px=alignment.centre_px,
        magnification=alignment.magnification,
        detector_shape=shape,
        slice_before=pictures[0],
        slice_after=pictures[1],
        slice_row=rows.start + (rows.stop - rows.start) // 2,
        residual_before=_residual_map(was, shown)[0],
        residual_after=residual_after,
        residual_energy_ev=float(energies_ev[shown]),
        sharpness_before=slices[0].sharpness / pixel_size_um,
        sharpness_after=slices[1].sharpness / pixel_size_um,
        correlation_before=correlations[0],
        correlation=correlations[1],
        pixel_size_um=pixel_size_um,
    )


def _half_as_many(energy_done: EnergyDone | None, half: int) -> EnergyDone:
    """Progress of the first or second of two rounds over the energies."""

    def report(done: int, total: int) -> None:
        if energy_done is not None:
            energy_done(half * total + done, 2 * total)

    return report


def _reconstruct(view: _View, rows: slice, energy_done: EnergyDone) -> _Slices:
    engine = FourierEngine()
    n_energies = len(view.angles_rad)
    total = np.zeros((2, rows.stop - rows.start, view.shape[1], view.shape[1]), np.float32)
    sharp = np.empty(n_energies)
    for index, angles in enumerate(view.angles_rad):
        sinograms = view.sinograms(index, rows)
        halves = [
            engine.reconstruct(sinograms[:, half], angles[half], centre=view.centre_px[index])
            for half in _halves(angles)
        ]
        sharp[index] = sharpness(halves[0], halves[1], voxel_um=1.0)
        total += halves
        energy_done(index + 1, n_energies)
    total /= np.float32(n_energies)
    return _Slices(halves=total, sharpness=sharp)


def _halves(angles_rad: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Frames of odd and of even place, in order of angle."""
    order = np.argsort(np.mod(angles_rad, np.pi), kind="stable")
    return order[0::2], order[1::2]


def _residual_map(view: _View, index: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """`(row, u)` rms difference from the prediction of the other half, and `(row,)` attenuation."""
    n_v = view.shape[0]
    step = -(-n_v // _RESIDUAL_ROWS)
    parts, totals = [], []
    for start in range(0, n_v, _BLOCK_ROWS * step):
        sinograms = view.sinograms(index, slice(start, min(start + _BLOCK_ROWS * step, n_v)))[::step]
        difference = sinograms - _predict_halves(sinograms, view.angles_rad[index], centre=view.centre_px[index])
        parts.append(np.sqrt(np.mean(difference**2, axis=1)))
        totals.append(sinograms.sum(axis=(1, 2), dtype=np.float64))
    return np.concatenate(parts), np.concatenate(totals)


def _predict_halves(
    sinograms: NDArray[np.float32], angles_rad: NDArray[np.float64], *, centre: float
) -> NDArray[np.float32]:
    """Each half of the frames as the slices of the other half have it: no frame predicts itself, or its own noise."""
    engine = FourierEngine(filter_name="hann")  # half of the angles carry no detail of single pixels
    predicted = np.empty_like(sinograms)
    halves = _halves(angles_rad)
    for source, target in (halves, halves[::-1]):
        slices = engine.reconstruct(sinograms[:, source], angles_rad[source], centre=centre)
        predicted[:, target] = engine.project(slices, angles_rad[target], centre=centre)
    return predicted


def _fullest_rows(attenuation: NDArray[np.float64], shape: tuple[int, int]) -> slice:
    """Neighbouring detector rows in which the object attenuates most, from rows spread over the detector."""
    n_v, n_u = shape
    step = -(-n_v // _RESIDUAL_ROWS)
    count = min(int(np.clip(_VOXELS // n_u**2, _LEAST_SLICES, _SLICES)), n_v)
    every_row = np.repeat(attenuation, step)[:n_v]
    start = int(np.argmax(np.convolve(every_row, np.ones(count), mode="valid")))
    return slice(start, start + count)
