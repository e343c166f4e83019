"""Edge maps and the residual component in a result, against the samples they are found in and the truth."""

import numpy as np
import pytest
import zarr

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.denoised_maps import denoise_result
from xanesmap.phasemap.maps.second_opinion import layer_at, sample_voxels, second_opinion
from xanesmap.phasemap.maps.second_opinion_maps import by_layer, map_second_opinion
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import load_truth, simulate_scan
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.phasemap.truth import truth_path

STILL = {"align": {"method": "none"}, "reconstruct": {"centre_px": 19.5}, "threads": 1}
"""The axis is given: what these tests see of a scan of 40 columns would otherwise depend on how well it is found."""


@pytest.fixture(scope="module")
def judged(small_settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    settings = {**small_settings, "energies_ev": CHOSEN_ENERGIES_EV, "photons": 4e4}
    scan = simulate_scan(folder / "scan", seed=1, **settings)
    result = map_phases(scan.folder, out=folder / "r.zarr", **STILL)
    return map_second_opinion(result.path), load_truth(truth_path(scan.folder))


def test_maps_hold_in_every_voxel_what_samples_do(judged):
    result, _ = judged
    voxels = sample_voxels(result)
    found = by_layer(second_opinion(result, voxels).edges)
    assert set(found) == set(result.edge_maps)
    for name, values in found.items():
        np.testing.assert_allclose(layer_at(result, name, voxels), values, rtol=1e-5, err_msg=name)
        assert np.isnan(result.edge_maps[name].values[result.mask.values == 0]).all()


def test_half_heights_are_those_of_the_phases_within_their_errors(judged):
    result, truth = judged
    half, sigma = (result.edge_maps[name].values for name in ("half_height", "half_height_sigma"))
    for fraction, expected in ((1.0, 7120.58), (0.0, 7125.52)):  # measured spectra (SCIENCE.md 2.2)
        pure = truth.mask & (np.abs(truth.fraction[0] - fraction) < 0.01) & np.isfinite(half)
        assert np.count_nonzero(pure) > 10
        # the local cubic smooths by a few tenths of an eV, in all voxels alike
        assert np.median(half[pure]) == pytest.approx(expected, abs=0.3)
        # scatter of voxels against their errors; neighbours of another phase blur into some
        pull = (half[pure] - np.median(half[pure])) / sigma[pure]
        assert 0.6 < np.subtract(*np.percentile(pull, [84, 16])) / 2 < 1.8
    units = {name: result.edge_maps[name].attrs["units"] for name in ("half_height", "white_line_height")}
    assert units == {"half_height": "eV", "white_line_height": "1/um"}


def test_nothing_is_left_by_references_that_suffice(judged):
    result, _ = judged
    told = result.attributes["second_opinion"]
    # neighbouring voxels share noise, which lifts the first eigenvalue a little
    assert told["eigenvalues"][0] < 1.2 * told["noise_edge"]
    assert told["rank_correlation"] < -0.8
    left = result.residual_component.values[result.mask.values > 0]
    assert np.std(left) == pytest.approx(1, abs=0.3)
    table = read_table(result.path, "edge_positions")
    assert table["label"] == ["LiFePO4", "FePO4", "mixed"]
    # less LiFePO4, later edge
    first, second, third = (float(value) for value in table["half height (eV)"])
    assert first < third < second


def test_denoised_maps_are_nearer_to_the_truth_and_have_no_error_bars(judged):
    result, truth = judged
    denoised = denoise_result(result.path)
    sample = truth.mask & (result.mask.values > 0)
    raw, smooth = (
        np.sqrt(np.nanmean((maps.values[0] - truth.fraction[0])[sample] ** 2))
        for maps in (denoised.fraction, denoised.denoised_fraction)
    )
    assert smooth < raw
    np.testing.assert_allclose(np.nansum(denoised.denoised_fraction.values[:, sample], axis=0), 1, atol=1e-4)
    assert denoised.denoised_amount.values[sample].mean() == pytest.approx(
        float(np.nanmean(truth.amount[sample])), rel=0.1
    )
    assert denoised.attributes["denoised"]["fraction_sigma"] == "not available"
    assert "fraction_sigma" not in zarr.open_group(result.path, mode="r")["denoised"]
    # the second opinion is still there
    assert open_result(result.path).edge_maps is not None
    with pytest.raises(DataError, match=r"'median' was asked for; there are non-local-means and total-variation"):
        denoise_result(result.path, method="median")


def test_a_result_without_edges_is_told_from(small_result):
    assert small_result.edge_maps is None
    assert small_result.residual_component is None
    assert small_result.denoised_fraction is None
    with pytest.raises(DataError, match=r"energies"):  # eight energies show no shape of an edge
        map_second_opinion(small_result.path)
    assert open_result(small_result.path).edge_maps is None
