"""Alignment of simulated scans with everything wrong at once, against their truth."""

from functools import cache
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.errors import DataError, MismatchError
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.alignment.coarse import air_level
from xanesmap.reconstruct.alignment.displacement import without_gauge
from xanesmap.reconstruct.alignment.projection_matching import align_projections
from xanesmap.reconstruct.alignment.resampling import apply_displacement
from xanesmap.reconstruct.correction import attenuate
from xanesmap.reconstruct.noise import estimate_noise
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.simulator.disturbances import fixed_pattern
from xanesmap.reconstruct.simulator.optics import spline_coefficients
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.reference import bundled_reference, sample_references
from xanesmap.spectra.tied_background import tie_background

STILL = {
    "jitter_px": 0.0,
    "drift_px": 0.0,
    "centre_shift_px": 0.0,
    "magnification_reference_ev": None,
    "fixed_pattern_relative": 0.0,
    "lamp_flicker_relative": 0.0,
}


@cache
def simulated(seed=0, n_rows=40, n_columns=64, n_angles=60, *, still=False):
    """Line integrals of a small scan, its angles, tied spectra and truth."""
    with TemporaryDirectory() as folder:
        scan = simulate_scan(
            folder,
            preset="rough",
            seed=seed,
            n_rows=n_rows,
            n_columns=n_columns,
            n_angles=n_angles,
            energies_ev=CHOSEN_ENERGIES_EV[::3],
            disturbances=STILL if still else None,
        )
        tomograms = open_scan(scan.folder).tomograms
        frames = [tomogram.read_rows(0, n_rows) for tomogram in tomograms]
    projections = [attenuate(f, noise=estimate_noise(f.flats, f.darks)).values for f in frames]
    energies = np.array([tomogram.energy_ev for tomogram in tomograms])
    references = sample_references([bundled_reference("LFP"), bundled_reference("FP")], energies)
    totals = np.array([(p - air_level(p)[:, None, None]).sum(dtype=np.float64) for p in projections])
    spectra = tie_background(totals, references, background_columns(energies)).T
    return projections, [np.asarray(t.angles_rad) for t in tomograms], spectra, scan.truth


@cache
def aligned(**scan):
    projections, angles, spectra, truth = simulated(**scan)
    return align_projections(projections, angles, spectra=spectra, magnification=truth.magnification)


def left(alignment, truth, angles):
    """`(energy, angle, 2)` misalignment, pixels, where frames were kept."""
    difference = without_gauge(alignment.displacement_px - truth.displacement_px, angles)
    return difference[alignment.kept]


@pytest.mark.parametrize("scan", [{}, {"seed": 3, "n_rows": 35, "n_columns": 71}], ids=["seed 0", "seed 3, odd"])
def test_scan_with_everything_wrong_is_aligned_to_its_noise(scan):
    _, angles, _, truth = simulated(**scan)
    alignment = aligned(**scan)
    error = left(alignment, truth, angles)
    expected = np.sqrt(np.mean(alignment.residual_px[alignment.kept] ** 2))
    assert alignment.kept.mean() > 0.98
    # The standard errors hold the noise of the frame itself; the prediction, made of few frames here, adds as much
    # again, and what is left when the rounds stop a little more. A scan of this size starts 1.5 px off.
    np.testing.assert_array_less(np.sqrt(np.mean(error**2, axis=0)), 1.75 * expected)


def test_a_still_scan_is_moved_by_its_noise_only():
    projections, angles, spectra, truth = simulated(still=True)
    alignment = align_projections(projections, angles, spectra=spectra)
    error = left(alignment, truth, angles)
    expected = np.sqrt(np.mean(alignment.residual_px**2))
    np.testing.assert_array_less(np.sqrt(np.mean(error**2, axis=0)), 1.5 * expected)
    by_energy = without_gauge(alignment.displacement_px - truth.displacement_px, angles).mean(axis=1)
    assert np.abs(by_energy).max() < expected


def test_fixed_pattern_is_found():
    projections, _, _, truth = simulated()
    settings = truth.configuration["settings"]["disturbances"]
    shape = projections[0].shape[1:]
    true = np.stack(
        [
            -np.log(fixed_pattern(shape, relative=settings["fixed_pattern_relative"], seed=0, energy_index=index))
            for index in range(len(projections))
        ]
    )
    fine = true - gaussian_filter(true, (0, 4, 4))
    # flats of 20 frames and projections of 60 add noise of 0.007 (1/20 + 1/60)^1/2 = 0.002 to a pattern of 0.009
    assert (aligned().pattern - fine).std() < 0.3 * fine.std()


def test_frames_that_show_something_else_are_left_out_and_do_not_bend_the_others():
    projections, angles, spectra, truth = simulated()
    spoiled = [frames.copy() for frames in projections]
    spoiled[5][11] = 0.0
    spoiled[7][30] = spoiled[7][30, ::-1, ::-1]
    whole = aligned()
    partly = align_projections(spoiled, angles, spectra=spectra, magnification=truth.magnification)
    assert not partly.kept[5, 11]
    assert not partly.kept[7, 30]
    both = partly.kept & whole.kept
    moved = without_gauge(partly.displacement_px - whole.displacement_px, angles)[both]
    # the noise of two frames of some 480, and where the rounds stopped, is all that may differ
    assert np.sqrt(np.mean(moved**2)) < 0.5 * np.sqrt(np.mean(whole.residual_px**2))


def test_a_particle_that_leaves_the_field_is_found_there_or_left_out():
    projections, angles, spectra, truth = simulated()
    moved = [frames.copy() for frames in projections]
    noise = np.random.default_rng(1).normal(scale=0.007, size=moved[4].shape[1:]).astype(np.float32)
    rows = {12: 14, 30: 22, 44: 38}
    for frame, down in rows.items():
        moved[4][frame] = noise
        moved[4][frame, down:] = projections[4][frame, :-down]
    alignment = align_projections(moved, angles, spectra=spectra, magnification=truth.magnification)
    error = without_gauge(alignment.displacement_px - truth.displacement_px, angles)
    for frame, down in rows.items():
        if alignment.kept[4, frame]:
            np.testing.assert_allclose(error[4, frame], [down, 0], atol=0.5)
    others = np.delete(error[4], list(rows), axis=0)
    assert np.sqrt(np.nanmean(others**2)) < 2 * np.sqrt(np.nanmean(alignment.residual_px[4] ** 2))


def test_energies_may_have_angles_of_their_own():
    projections, angles, spectra, truth = simulated()
    # some energies lack a frame, some were recorded in another order
    rng = np.random.default_rng(0)
    kept = [np.flatnonzero(np.arange(len(a)) != (index % 2)) for index, a in enumerate(angles)]
    kept[2], kept[5] = rng.permutation(kept[2]), kept[5][::-1]
    alignment = align_projections(
        [p[k] for p, k in zip(projections, kept, strict=True)],
        [a[k] for a, k in zip(angles, kept, strict=True)],
        spectra=spectra,
        magnification=truth.magnification,
    )
    true = np.stack([d[k] for d, k in zip(truth.displacement_px, kept, strict=True)])
    error = without_gauge(alignment.displacement_px - true, [a[k] for a, k in zip(angles, kept, strict=True)])
    expected = np.sqrt(np.mean(alignment.residual_px[alignment.kept] ** 2))
    assert np.sqrt(np.mean(error[alignment.kept] ** 2)) < 1.5 * expected


def test_magnification_is_found_without_a_word_about_it():
    projections, angles, spectra, truth = simulated()
    alignment = align_projections(projections, angles, spectra=spectra, refine=("magnification",))
    relative = alignment.magnification / alignment.magnification.mean()
    true = truth.magnification / truth.magnification.mean()
    rim = (projections[0].shape[2] - 1) / 2
    # the rim lies as far from the middle as 60 frames, each known to a few hundredths of a pixel, can tell
    assert np.sqrt(np.mean((relative - true) ** 2)) * rim < 0.05
    assert np.ptp(true) * rim > 0.3
    known, fitted = left(aligned(), truth, angles), left(alignment, truth, angles)
    assert np.sqrt(np.mean(fitted**2)) < 1.1 * np.sqrt(np.mean(known**2))


@pytest.mark.parametrize("roll_deg", [0.6, pytest.param(-0.4, marks=pytest.mark.slow)])
def test_roll_of_the_detector_is_found(roll_deg):
    projections, angles, spectra, truth = simulated(still=True)
    none = [np.zeros((len(a), 2)) for a in angles]
    rolled = [
        apply_displacement(spline_coefficients(p), shift_px=n, magnification=1.0, roll_rad=np.deg2rad(roll_deg))
        for p, n in zip(projections, none, strict=True)
    ]
    alignment = align_projections(rolled, angles, spectra=spectra, refine=("roll",))
    assert np.rad2deg(alignment.roll_rad) == pytest.approx(roll_deg, abs=0.03)
    error = left(alignment, truth, angles)
    assert np.sqrt(np.mean(error**2)) < 2 * np.sqrt(np.mean(alignment.residual_px**2))


def test_frames_kept_on_disk_give_the_same_alignment(tmp_path):
    projections, angles, spectra, truth = simulated()
    known = {"spectra": spectra, "magnification": truth.magnification, "max_rounds": 4}
    from_disk = align_projections(iter(projections), angles, scratch=tmp_path, **known)
    in_memory = align_projections(projections, angles, **known)
    np.testing.assert_allclose(from_disk.shift_px, in_memory.shift_px, atol=1e-4)


def test_spectra_may_come_from_the_rows_of_the_frames():
    projections, angles, spectra, truth = simulated()
    seen = []

    def from_profiles(profiles):
        seen.append(profiles)
        return spectra

    alignment = align_projections(projections, angles, spectra=from_profiles, magnification=truth.magnification)
    np.testing.assert_allclose(alignment.shift_px, aligned().shift_px, atol=1e-6)
    totals = [(p - air_level(p)[:, None, None]).sum() / len(p) for p in projections]
    assert len(seen) == 2
    for profiles in seen:
        assert profiles.shape == (len(projections), projections[0].shape[1])
        np.testing.assert_allclose(profiles.sum(axis=1), totals, rtol=0.03)


def test_an_object_that_reaches_over_the_sides_is_aligned_between_energies():
    projections, angles, spectra, truth = simulated()
    cut = [np.ascontiguousarray(frames[:, :, 14:50]) for frames in projections]
    alignment = align_projections(cut, angles, spectra=spectra, magnification=truth.magnification)
    assert alignment.reaches_over_sides
    assert not aligned().reaches_over_sides
    assert alignment.kept.mean() > 0.9
    error = without_gauge(alignment.displacement_px - truth.displacement_px, angles)
    own = error - np.nanmean(error, axis=0)
    # of 1.5 pixels between energies a tenth is left; what all share at an angle only bends the object
    assert np.sqrt(np.nanmean(own**2)) < 0.15
    assert np.sqrt(np.nanmean(error**2)) < 1.0


def test_progress_tells_every_round():
    projections, angles, spectra, _ = simulated()
    rounds = []
    align_projections(
        projections,
        angles,
        spectra=spectra,
        max_rounds=2,
        round_done=lambda done, total, _: rounds.append((done, total)),
    )
    assert rounds == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("index", "what"),
    [
        (0, "mirrored"),
        pytest.param(2, "another object", marks=pytest.mark.slow),
        pytest.param(4, "mirrored", marks=pytest.mark.slow),
        (6, "another object"),
    ],
)
def test_an_energy_of_another_object_is_refused(index, what):
    projections, angles, spectra, _ = simulated()
    foreign = projections[index][:, ::-1, ::-1] if what == "mirrored" else simulated(seed=5)[0][index]
    exchanged = [*projections[:index], np.ascontiguousarray(foreign), *projections[index + 1 :]]
    with pytest.raises(MismatchError, match=f"energy number {index + 1}"):
        align_projections(exchanged, angles, spectra=spectra)


def test_exchanged_energies_show_in_the_contrast():
    projections, angles, spectra, truth = simulated()
    exchanged = list(projections)
    exchanged[4], exchanged[7] = projections[7], projections[4]
    right = aligned().contrast
    wrong = align_projections(exchanged, angles, spectra=spectra, magnification=truth.magnification).contrast
    # noise of the prediction, which is largest against the weak contrast before the edge, takes some of it away
    assert np.abs(right - 1).max() < 0.15
    assert wrong[4] / wrong[7] < 0.8 * right[4] / right[7]


def test_one_angle_is_refused():
    projections, angles, spectra, _ = simulated()
    with pytest.raises(DataError, match="needs 8 or more"):
        align_projections([p[:1] for p in projections], [a[:1] for a in angles], spectra=spectra)


def test_angles_of_other_frames_are_refused():
    projections, angles, spectra, _ = simulated()
    with pytest.raises(DataError, match="one angle each"):
        align_projections(projections, [a[:-1] for a in angles], spectra=spectra)
