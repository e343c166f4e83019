"""Reports of a simulated rough scan whose alignment is the truth itself."""

from dataclasses import replace
from functools import cache
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.alignment.coarse import air_level
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.report import make_report
from xanesmap.reconstruct.alignment.resampling import undo_displacement
from xanesmap.reconstruct.alignment.sharpness import sharpness
from xanesmap.reconstruct.alignment.shell_correlation import fourier_shell_correlation
from xanesmap.reconstruct.correction import attenuate
from xanesmap.reconstruct.fourier import FourierEngine
from xanesmap.reconstruct.noise import estimate_noise
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.simulator.optics import spline_coefficients
from xanesmap.spectra.absorption import attenuation_per_um

PIXEL_UM = 0.08
N_ROWS, N_COLUMNS = 34, 53


@cache
def simulated():
    """Line integrals of every energy, and the truth."""
    with TemporaryDirectory() as folder:
        scan = simulate_scan(
            folder,
            preset="rough",
            seed=2,
            n_rows=N_ROWS,
            n_columns=N_COLUMNS,
            n_angles=61,
            energies_ev=CHOSEN_ENERGIES_EV[::6],
            disturbances={"fixed_pattern_relative": 0.0},
        )
        frames = [tomogram.read_rows(0, N_ROWS) for tomogram in open_scan(scan.folder).tomograms]
    projections = [attenuate(f, noise=estimate_noise(f.flats, f.darks)).values for f in frames]
    return [p - air_level(p)[:, None, None] for p in projections], scan.truth


def alignment_of(shift_px, kept, *, centre_px, magnification, detector):
    n_energies = len(kept)
    return Alignment(
        shift_px=np.where(kept[..., None], shift_px, np.nan),
        magnification=magnification,
        roll_rad=0.0,
        centre_px=centre_px,
        residual_px=np.where(kept, 0.03, np.nan),
        kept=kept,
        air_level=np.zeros(kept.shape),
        pattern=np.zeros((n_energies, *detector), np.float32),
        contrast=np.ones(n_energies),
    )


def true_alignment(*, left_out=()):
    _, truth = simulated()
    kept = np.ones(truth.shift_px.shape[:2], bool)
    for frame in left_out:
        kept[frame] = False
    return alignment_of(
        truth.shift_px,
        kept,
        centre_px=truth.centre_px,
        magnification=truth.magnification,
        detector=(N_ROWS, N_COLUMNS),
    )


def recorded(index, rows):
    return simulated()[0][index][:, rows]


def placed(alignment):
    """Rows of the kept frames with their displacement undone."""

    def rows_of(index, rows):
        kept = alignment.kept[index]
        coefficients = spline_coefficients(simulated()[0][index][kept])
        return undo_displacement(
            coefficients,
            shift_px=alignment.displacement_px[index][kept],
            magnification=alignment.magnification[index],
            rows=rows,
        )

    return rows_of


def report_of(alignment, before=recorded, after=None, **options):
    truth = simulated()[1]
    return make_report(
        before,
        placed(alignment) if after is None else after,
        alignment=alignment,
        angles_rad=[np.deg2rad(truth.angles_deg)] * len(truth.energies_ev),
        energies_ev=truth.energies_ev,
        pixel_size_um=PIXEL_UM,
        **options,
    )


@cache
def true_report():
    return report_of(true_alignment())


def test_alignment_sharpens_resolves_and_explains():
    report = true_report()
    assert report.sharpness_gain > 1.05
    assert report.correlation.resolution_um < 0.9 * report.correlation_before.resolution_um
    assert report.correlation.resolution_um > report.correlation.finest_um
    # all that is left is noise: of 2e4 photons 0.007, and a little more from the prediction
    assert np.median(report.residual_after) == pytest.approx(0.0075, rel=0.15)
    assert report.residual_before.max() > 2 * report.residual_after.max()


def test_sharpness_after_alignment_is_that_of_the_object():
    report = true_report()
    truth = simulated()[1]
    rows = slice(report.slice_row - 6, report.slice_row + 6)
    expected = sharpness(truth.amount[rows], truth.amount[rows], voxel_um=PIXEL_UM)
    # each energy has a contrast of its own, and a pixel blurs: a few percent
    np.testing.assert_allclose(report.sharpness_after, expected, rtol=0.06)
    assert report.sharpness_before.mean() < 0.92 * expected


def test_correlation_of_the_halves_tells_that_with_the_truth():
    alignment, truth, rows = true_alignment(), simulated()[1], slice(8, 26)
    angles, middle = np.deg2rad(truth.angles_deg), (N_COLUMNS - 1) / 2
    halves, true = np.zeros((2, 18, N_COLUMNS, N_COLUMNS)), np.zeros((18, N_COLUMNS, N_COLUMNS))
    for index, energy in enumerate(truth.true_energies_ev):
        sinograms = np.ascontiguousarray(placed(alignment)(index, rows).transpose(1, 0, 2))
        for half in range(2):
            halves[half] += FourierEngine().reconstruct(sinograms[:, half::2], angles[half::2], centre=middle)
        for phase, occupancy in zip(truth.phases, truth.occupancy, strict=True):
            true += attenuation_per_um(phase, energy) * occupancy[rows]
    between = fourier_shell_correlation(*halves, voxel_um=PIXEL_UM)
    with_truth = fourier_shell_correlation(halves.mean(axis=0), true, voxel_um=PIXEL_UM)
    shared = np.maximum(between.correlation, 1e-3)
    # Rosenthal and Henderson, J. Mol. Biol. 333, 721 (2003), equation 6: the whole data have twice the signal to noise
    expected = np.sqrt(2 * shared / (1 + shared))
    resolved = between.frequency_per_um < 1 / between.resolution_um
    # three standard errors of the halves' correlation, 0.6 of the voxels being independent under the window, and what
    # rays and angles too few to resolve everything share
    error = (1 - shared**2) / np.sqrt(0.6 * between.n_voxels) / ((1 + shared) ** 2 * expected)
    difference = np.abs(with_truth.correlation - expected)
    np.testing.assert_array_less(difference[resolved], (3 * error + 0.03)[resolved])
    assert 2 * PIXEL_UM < between.resolution_um < 4 * PIXEL_UM


def test_slices_are_in_attenuation_per_um():
    report = true_report()
    truth = simulated()[1]
    inside = truth.mask[report.slice_row] & (truth.amount[report.slice_row] > 0.03)
    # the mean over the energies lies between that before the edge and that behind it, an edge step higher
    assert 0.2 < report.slice_after[inside].mean() / truth.amount[report.slice_row][inside].mean() < 1.5
    assert abs(np.median(report.slice_after[~truth.mask[report.slice_row]])) < 0.003


def test_numbers_of_the_alignment_are_handed_on():
    report = true_report()
    truth = simulated()[1]
    assert report.n_frames == truth.shift_px.shape[0] * truth.shift_px.shape[1]
    assert report.n_left_out == 0
    assert report.rms_sigma_px == pytest.approx(0.03)
    expected = truth.displacement_px.reshape(-1, 2).std(axis=0)
    np.testing.assert_allclose(report.rms_shift_px, expected)
    assert report.detector_shape == (N_ROWS, N_COLUMNS)
    assert report.residual_after.shape == (N_ROWS, N_COLUMNS)
    assert report.residual_energy_ev == truth.energies_ev[-1]


def test_a_scan_that_needs_no_alignment_gains_nothing():
    alignment = true_alignment()
    middle = np.full_like(alignment.centre_px, (N_COLUMNS - 1) / 2)
    still = replace(alignment, shift_px=np.zeros_like(alignment.shift_px), centre_px=middle)
    report = report_of(still, before=placed(alignment), after=placed(alignment))
    assert report.sharpness_gain == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(report.residual_after, report.residual_before, atol=1e-6)


def test_frames_left_out_are_counted_and_not_needed():
    left_out = [(0, 3), (2, 10), (2, 11)]
    alignment = true_alignment(left_out=left_out)
    report = report_of(alignment)
    assert report.n_left_out == len(left_out)
    assert np.isnan(report.shift_px[2][10]).all()
    assert np.isfinite(report.rms_shift_px).all()
    assert report.correlation.resolution_um == pytest.approx(true_report().correlation.resolution_um, rel=0.1)


def test_few_rows_are_asked_for_at_a_time():
    asked = []

    def watched(index, rows):
        asked.append((index, rows.stop - rows.start))
        return recorded(index, rows)

    report_of(true_alignment(), before=watched)
    assert max(n for _, n in asked) <= 16
    n_energies = len(simulated()[1].energies_ev)
    assert {index for index, _ in asked} == set(range(n_energies))


def test_progress_counts_both_rounds():
    seen = []
    report_of(true_alignment(), energy_done=lambda done, total: seen.append((done, total)))
    n = 2 * len(simulated()[1].energies_ev)
    assert seen == [(done, n) for done in range(1, n + 1)]


def test_frames_of_another_number_are_refused():
    alignment = true_alignment(left_out=[(3, 3)])
    with pytest.raises(DataError, match="after it those that were kept"):
        report_of(alignment, after=placed(true_alignment()))


def test_a_tall_detector_and_angles_of_their_own_are_thinned_and_kept_apart():
    n_rows, n_columns, n_angles = 300, 20, (24, 18)
    rng = np.random.default_rng(0)
    frames = [rng.normal(0, 0.01, (n, n_rows, n_columns)).astype(np.float32) for n in n_angles]
    for stack in frames:
        stack[:, 150:190, 6:14] += 0.2  # the object: a rod along the axis
    shape = (2, max(n_angles))
    inside = np.arange(shape[1]) < np.array(n_angles)[:, None]
    alignment = alignment_of(
        np.zeros((*shape, 2)),
        inside,
        centre_px=np.full(2, (n_columns - 1) / 2),
        magnification=np.ones(2),
        detector=(n_rows, n_columns),
    )
    report = make_report(
        lambda index, rows: frames[index][:, rows],
        lambda index, rows: frames[index][:, rows],
        alignment=alignment,
        angles_rad=[np.linspace(0, np.pi, n, endpoint=False) for n in n_angles],
        energies_ev=np.array([7100.0, 7130.0]),
        pixel_size_um=PIXEL_UM,
    )
    assert report.residual_after.shape == (100, n_columns)  # every third row, for at most 128 of them
    assert 150 <= report.slice_row < 190
    assert [len(kept) for kept in report.kept] == list(n_angles)
    assert report.rms_sigma_px == pytest.approx(0.03)
