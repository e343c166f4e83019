"""What the main job must reach on simulated scans, from raw files to the phase map.

96 x 96 x 64 voxels, 24 energies, 121 angles, 20000 photons; three seeds, and odd sizes. Still scans, and scans with
everything wrong at once: 1 px jitter in v and u for every frame, 4 px drift over energy, rotation axis +-1.5 px per
energy, 1/E magnification (1.4 % over the range), 1 % fixed pattern, 2 % lamp flicker, zingers. `make test` maps one
scan of each, `make test-all` all.
"""

import importlib.util

import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.accuracy import compare_with_truth
from xanesmap.phasemap.alignment.choice import is_still
from xanesmap.phasemap.alignment.store import displacement_in, read_alignment
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.alignment.displacement import without_gauge
from xanesmap.reconstruct.readers import open_scan

HAS_TOMOPY = importlib.util.find_spec("tomopy") is not None
ODD = "103 x 103 x 57, 130 angles"
SCANS = {
    ODD: {"seed": 4, "n_columns": 103, "n_rows": 57, "n_angles": 130},
    # this one through the default, which looks whether the frames have to be aligned; the others as recorded
    "seed 0": {"seed": 0, "align": "auto"},
    "seed 1": {"seed": 1},
    "seed 2": {"seed": 2},
    "97 x 97 x 65": {"seed": 3, "n_columns": 97, "n_rows": 65},
    "103 x 103 x 71": {"seed": 4, "n_columns": 103, "n_rows": 71},
}
ROUGH_SCANS = {
    ODD: SCANS[ODD],
    "seed 0": {"seed": 0},
    "seed 1": {"seed": 1},
    "seed 2": {"seed": 2},
}
HOMOGENEOUS = ("LiFePO4", "FePO4", "mixed")
"""Kinds of particles without a core, where the blur of the optics would pass iron from core to shell."""


def one_in_make_test(scans):
    """The names of scans, all but the odd one marked as slow."""
    return [name if name == ODD else pytest.param(name, marks=pytest.mark.slow) for name in scans]


def map_scan(folder, *, align="none", **settings):
    """Simulate and map a scan; the map, and all that is known of the scan."""
    scan = simulate_scan(folder / "scan", **settings)
    out, how = folder / "result.zarr", {"align": {"method": align}, "reconstruct": {"engine": "fourier"}}
    return map_phases(scan.folder, out=out, keep_mu=False, **how), scan


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Phase map and scan of odd width and height."""
    return map_scan(tmp_path_factory.mktemp("odd"), **SCANS[ODD])


@pytest.fixture(scope="module", params=one_in_make_test(SCANS))
def mapped(request, tmp_path_factory):
    """Phase map and truth of one scan."""
    if request.param == ODD:
        result, scan = request.getfixturevalue("odd")
    else:
        result, scan = map_scan(tmp_path_factory.mktemp("acceptance"), **SCANS[request.param])
    return result, scan.truth


def test_mean_fraction_is_within_five_per_mille_of_the_truth(mapped):
    for kind in compare_with_truth(*mapped):
        assert abs(kind.bias) <= 0.005, kind


def test_amount_is_within_one_percent_of_the_truth(mapped):
    for kind in compare_with_truth(*mapped):
        assert kind.amount_ratio == pytest.approx(1, abs=0.01), kind


def test_error_bars_have_the_width_of_the_errors(mapped):
    for kind in compare_with_truth(*mapped):
        assert kind.pull_width == pytest.approx(1, abs=0.1), kind


def test_centre_of_every_energy_is_found_to_a_tenth_of_a_pixel(mapped):
    result, truth = mapped
    np.testing.assert_allclose(result.attributes["centre_px"], truth.centre_px, atol=0.1)


def test_mask_is_the_sample(mapped):
    result, truth = mapped
    mask = np.asarray(result.mask) > 0
    overlap = 2 * np.count_nonzero(mask & truth.mask) / (np.count_nonzero(mask) + np.count_nonzero(truth.mask))
    # a surface known to a quarter of a voxel on particles of some ten voxels' radius
    assert overlap > 0.97


def test_labels_inside_pure_particles_are_right_as_often_as_the_noise_allows(mapped):
    result, truth = mapped
    labels, sigma = np.asarray(result.phase_labels), np.asarray(result.fraction_sigma[0])
    for label, kind in enumerate(("LiFePO4", "FePO4"), start=1):
        inside = truth.interior(kind) & np.isfinite(sigma)
        # wrong where noise passes the threshold 0.3 away, on the one side that matters
        expected = norm.cdf(0.3 / sigma[inside]).mean()
        assert np.mean(labels[inside] == label) > expected - 0.01


# --- engines -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_TOMOPY, reason="TomoPy is not installed (conda-forge only)")
def test_engines_agree_on_fractions_and_attenuation(tmp_path):
    scan = simulate_scan(tmp_path / "scan", seed=0)
    ours, theirs = (
        map_phases(scan.folder, out=tmp_path / f"{engine}.zarr", reconstruct={"engine": engine})
        for engine in ("fourier", "tomopy")
    )
    for kind in ("LiFePO4", "FePO4", "mixed"):
        inside = scan.truth.interior(kind) & (np.asarray(ours.mask) > 0) & (np.asarray(theirs.mask) > 0)
        fractions = [np.asarray(result.fraction[0])[inside].mean() for result in (ours, theirs)]
        assert fractions[1] == pytest.approx(fractions[0], abs=0.005)
        spectra = [np.asarray(result.mu)[:, inside].mean(axis=1) for result in (ours, theirs)]
        np.testing.assert_allclose(spectra[1], spectra[0], rtol=0.01)


# --- wrong in one way, used as recorded ----------------------------------------------------------------------------


def test_moving_centres_another_energy_scale_and_a_flickering_lamp_are_mapped_without_bias(tmp_path):
    wrong = {"centre_shift_px": 1.5, "energy_offset_ev": 3.0, "lamp_flicker_relative": 0.02}
    result, scan = map_scan(tmp_path, seed=4, disturbances=wrong)
    np.testing.assert_allclose(result.attributes["centre_px"], scan.truth.centre_px, atol=0.1)
    assert result.attributes["energy_offset_ev"] == pytest.approx(3.0, abs=0.05)
    assert any("to the scale of the references" in warning for warning in result.warnings)
    (note,) = (note for note in result.warnings if "lamp" in note)
    assert "The lamp changed by 2 % from frame to frame at 24 energies" in note or "by 1.9 %" in note
    for kind in compare_with_truth(result, scan.truth):
        assert abs(kind.bias) <= 0.005, kind


@pytest.mark.slow
@pytest.mark.parametrize("align", ["none", "auto"])
def test_centres_that_move_between_energies_are_followed(align, tmp_path):
    result, scan = map_scan(tmp_path, align=align, seed=5, disturbances={"centre_shift_px": 1.5})
    np.testing.assert_allclose(result.attributes["centre_px"], scan.truth.centre_px, atol=0.1)
    for kind in compare_with_truth(result, scan.truth):
        assert abs(kind.bias) <= 0.006, kind


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 4])
def test_a_flickering_lamp_does_not_bias_frames_used_as_recorded(seed, tmp_path):
    result, scan = map_scan(tmp_path, seed=seed, disturbances={"lamp_flicker_relative": 0.02})
    for kind in compare_with_truth(result, scan.truth):
        assert abs(kind.bias) <= 0.005, kind
    (note,) = (note for note in result.warnings if "lamp" in note)
    assert "The lamp changed by 2 % from frame to frame at 24 energies" in note or "by 1.9 %" in note


@pytest.mark.slow
@pytest.mark.parametrize("offset_ev", [-2.0, 3.0])
def test_a_scan_recorded_on_another_scale_is_mapped_without_bias(offset_ev, tmp_path):
    result, scan = map_scan(tmp_path, seed=2, disturbances={"energy_offset_ev": offset_ev})
    assert result.attributes["energy_offset_ev"] == pytest.approx(offset_ev, abs=0.05)
    for kind in compare_with_truth(result, scan.truth):
        assert abs(kind.bias) <= 0.005, kind
    assert any("to the scale of the references" in warning for warning in result.warnings)


# --- alignment -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=one_in_make_test(ROUGH_SCANS))
def aligned(request, tmp_path_factory):
    """Phase map and scan with everything wrong."""
    folder = tmp_path_factory.mktemp("rough")
    return map_scan(folder, align="auto", preset="rough", **ROUGH_SCANS[request.param])


def test_frames_are_put_within_six_hundredths_of_a_pixel(aligned):
    result, scan = aligned
    angles = [np.deg2rad(scan.truth.angles_deg)] * len(scan.truth.energies_ev)
    left = without_gauge(displacement_in(result.path) - scan.truth.displacement_px, angles)
    assert np.isfinite(left).mean() > 0.98
    np.testing.assert_array_less(np.sqrt(np.nanmean(left**2, axis=(0, 1))), 0.06)


def test_mean_fraction_of_aligned_scans_is_within_six_per_mille_of_the_truth(aligned):
    for kind in compare_with_truth(aligned[0], aligned[1].truth):
        if kind.kind in HOMOGENEOUS:
            assert abs(kind.bias) <= 0.006, kind


def test_error_bars_of_aligned_scans_have_the_width_of_the_errors(aligned):
    for kind in compare_with_truth(aligned[0], aligned[1].truth):
        if kind.kind in HOMOGENEOUS:
            assert kind.pull_width == pytest.approx(1, abs=0.1), kind


def scatter(result, truth):
    """Standard deviation of the fraction in the interior of particles, by kind."""
    return {kind.kind: kind.standard_error * np.sqrt(kind.voxels) for kind in compare_with_truth(result, truth)}


def test_noise_is_at_most_a_quarter_more_than_without_any_disturbance(aligned, odd, tmp_path):
    result, scan = aligned
    sizes = {name: getattr(scan.settings, name) for name in ("n_rows", "n_columns", "n_angles")}
    still = odd if scan.seed == odd[1].seed else map_scan(tmp_path, seed=scan.seed, **sizes)
    rough, without = scatter(result, scan.truth), scatter(still[0], still[1].truth)
    for kind in HOMOGENEOUS:
        assert rough[kind] < 1.25 * without[kind]


def map_at_rest(folder, **settings):
    """A still scan mapped as recorded and aligned, and its truth; the alignment has to find it still."""
    still, scan = map_scan(folder, **settings)
    # an energy offset fitted once more would add what its own error is worth
    same = {"energy_offset_ev": still.attributes["energy_offset_ev"]}
    how = {"align": {"method": "projection-matching"}, "reconstruct": {"engine": "fourier"}, "spectra": same}
    result = map_phases(scan.folder, out=folder / "aligned.zarr", keep_mu=False, **how)
    assert is_still(read_alignment(result.path, open_scan(scan.folder)).alignment)
    return still, result, scan.truth


def assert_no_more_noise(still, result, truth):
    noise, without = scatter(result, truth), scatter(still, truth)
    for kind in without:
        assert noise[kind] < 1.05 * without[kind]


def test_aligning_a_small_scan_at_rest_adds_no_noise(tmp_path):
    sizes = {"n_rows": 49, "n_columns": 81, "n_angles": 61}
    assert_no_more_noise(*map_at_rest(tmp_path, seed=4, energies_ev=CHOSEN_ENERGIES_EV[::3], **sizes))


@pytest.mark.slow
def test_aligning_a_scan_at_rest_costs_next_to_nothing(tmp_path):
    still, result, truth = map_at_rest(tmp_path, seed=7)
    assert_no_more_noise(still, result, truth)
    for before, after in zip(compare_with_truth(still, truth), compare_with_truth(result, truth), strict=True):
        if after.kind in HOMOGENEOUS:
            assert after.bias == pytest.approx(before.bias, abs=0.002), after
