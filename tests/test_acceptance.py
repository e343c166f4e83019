"""What the main job must reach on a simulated still scan, from raw files to the phase map.

96 x 96 x 64 voxels, 24 energies, 121 angles, 20000 photons; three seeds, and two odd sizes. `make test` maps one.
"""

import importlib.util

import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.accuracy import compare_with_truth
from xanesmap.phasemap.alignment_choice import is_still
from xanesmap.phasemap.alignment_store import read_alignment
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.readers import open_scan

HAS_TOMOPY = importlib.util.find_spec("tomopy") is not None
ODD = "97 x 97 x 65"
SCANS = {
    ODD: {"seed": 3, "n_columns": 97, "n_rows": 65},
    # this one through the default, which looks whether the frames have to be aligned; the others as recorded
    "seed 0": {"seed": 0, "align": "auto"},
    "seed 1": {"seed": 1},
    "seed 2": {"seed": 2},
    "103 x 103 x 71": {"seed": 4, "n_columns": 103, "n_rows": 71},
}


def map_scan(folder, *, align="none", **settings):
    """Simulate and map a scan; the map, and all that is known of the scan."""
    scan = simulate_scan(folder / "scan", **settings)
    out, how = folder / "result.zarr", {"align": {"method": align}, "reconstruct": {"engine": "fourier"}}
    return map_phases(scan.folder, out=out, keep_mu=False, **how), scan


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Phase map and scan of odd width and height."""
    return map_scan(tmp_path_factory.mktemp("odd"), **SCANS[ODD])


@pytest.fixture(
    scope="module", params=[name if name == ODD else pytest.param(name, marks=pytest.mark.slow) for name in SCANS]
)
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


def scatter(result, truth):
    """Standard deviation of the fraction in the interior of particles of each kind."""
    return np.array([kind.standard_error * np.sqrt(kind.voxels) for kind in compare_with_truth(result, truth)])


def test_aligning_a_scan_at_rest_costs_next_to_nothing(odd, tmp_path):
    still, scan = odd
    # an energy offset fitted once more would add what its own error is worth
    offset = {"energy_offset_ev": still.attributes["energy_offset_ev"]}
    result = map_phases(
        scan.folder,
        out=tmp_path / "aligned.zarr",
        keep_mu=False,
        align={"method": "projection-matching"},
        reconstruct={"engine": "fourier"},
        spectra=offset,
    )
    assert is_still(read_alignment(result.path, open_scan(scan.folder)).alignment)
    pairs = zip(compare_with_truth(still, scan.truth), compare_with_truth(result, scan.truth), strict=True)
    for before, after in pairs:
        assert after.kind == before.kind
        if after.kind != "core-shell":
            assert after.bias == pytest.approx(before.bias, abs=0.002), after
    np.testing.assert_array_less(scatter(result, scan.truth), 1.05 * scatter(still, scan.truth))


@pytest.mark.parametrize("align", ["none", pytest.param("auto", marks=pytest.mark.slow)])
def test_centres_that_move_between_energies_are_followed(align, tmp_path):
    result, scan = map_scan(tmp_path, align=align, seed=5, disturbances={"centre_shift_px": 1.5})
    np.testing.assert_allclose(result.attributes["centre_px"], scan.truth.centre_px, atol=0.1)
    for kind in compare_with_truth(result, scan.truth):
        assert abs(kind.bias) <= 0.006, kind


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
