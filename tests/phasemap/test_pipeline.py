import shutil
import threading
import time

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError, FitError
from xanesmap.phasemap import pipeline
from xanesmap.phasemap.accuracy import compare_with_truth
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.simulation import simulate_scan

MAPS = ("fraction", "fraction_sigma", "amount", "amount_sigma", "residual")
LABELS = ("mask", "phase_labels")
# the small scan is at rest, so that this is what a run comes to which looks first, and most of its time is saved
STILL = {"align": {"method": "none"}}


def assert_same_maps(result, other):
    for name in MAPS:
        np.testing.assert_allclose(getattr(result, name), getattr(other, name), rtol=2e-5, atol=2e-6, err_msg=name)
    for name in LABELS:
        np.testing.assert_array_equal(getattr(result, name), getattr(other, name), err_msg=name)


def rename(scan, folder, order):
    """The same files under numbers in another order."""
    folder.mkdir()
    for number, index in enumerate(order):
        shutil.copy(scan.files[index], folder / f"fly_scan_id_{number}.h5")
    return folder


# --- what must not change a map -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("threads", "slab_rows"), [(2, 12), (6, 4)])
def test_height_of_slabs_and_number_of_threads_change_nothing(threads, slab_rows, small_scan, small_result, tmp_path):
    assert small_result.attributes["slab_rows"] == 24
    result = map_phases(small_scan.folder, out=tmp_path / "r.zarr", memory="500MB", threads=threads, **STILL)
    assert result.attributes["slab_rows"] == slab_rows
    assert_same_maps(result, small_result)
    np.testing.assert_allclose(result.mu, small_result.mu, rtol=2e-5, atol=2e-6)


def test_a_small_memory_budget_changes_nothing(small_scan, small_result, tmp_path):
    result = map_phases(small_scan.folder, out=tmp_path / "r.zarr", memory="4.3MB", threads=1, **STILL)
    assert 1 <= result.attributes["slab_rows"] < 24
    assert_same_maps(result, small_result)


def test_maps_are_the_same_whether_attenuation_is_kept_or_not(small_scan, small_result, tmp_path):
    result = map_phases(small_scan.folder, out=tmp_path / "r.zarr", memory="500MB", threads=1, keep_mu=False, **STILL)
    assert result.mu is None
    assert small_result.mu.shape == (8, 24, 40, 40)
    assert_same_maps(result, small_result)


def test_energies_recorded_downwards_or_in_disorder_give_the_same_map(small_scan, small_result, tmp_path):
    downwards = rename(small_scan, tmp_path / "down", range(7, -1, -1))
    result = map_phases(downwards, out=tmp_path / "down.zarr", memory="500MB", threads=1, keep_mu=False, **STILL)
    assert_same_maps(result, small_result)
    assert any("from high to low" in warning for warning in result.warnings)

    disorder = rename(small_scan, tmp_path / "mixed", [3, 1, 0, 7, 6, 2, 5, 4])
    with pytest.raises(DataError, match="out of order"):
        map_phases(disorder, out=tmp_path / "mixed.zarr")
    sort = {"sort_energies": True}
    result = map_phases(disorder, out=tmp_path / "mixed.zarr", keep_mu=False, reconstruct=sort, **STILL)
    assert_same_maps(result, small_result)
    assert any("sorted" in warning for warning in result.warnings)


def test_files_and_patterns_and_reference_files_are_the_same_job(small_scan, small_result, reference_files, tmp_path):
    files = [small_scan.folder / "*100[0-9][0-9].h5", *small_scan.files[:2]]
    result = map_phases(files, out=tmp_path / "a.zarr", references=reference_files, keep_mu=False, **STILL)
    assert result.phases == ("LiFePO4", "FePO4")
    # the files hold the formula of the bundled references, on their points
    np.testing.assert_array_equal(result.mask, small_result.mask)
    assert np.nanmax(np.abs(result.fraction - small_result.fraction)) < 1e-3


# --- physics ------------------------------------------------------------------------------------------------------


def test_map_agrees_with_the_truth(small_scan, small_result):
    rows = {row.kind: row for row in compare_with_truth(small_result, small_scan.truth)}
    assert set(rows) == {"core-shell", "LiFePO4", "FePO4", "mixed"}
    for kind in ("LiFePO4", "FePO4", "mixed"):
        assert abs(rows[kind].bias) < 0.005 + 3 * rows[kind].standard_error
        assert rows[kind].amount_ratio == pytest.approx(1, abs=0.04)
    assert rows["LiFePO4"].true_fraction == pytest.approx(1)
    assert rows["FePO4"].true_fraction == pytest.approx(0)


def test_mask_is_the_sample_and_maps_are_missing_outside(small_scan, small_result):
    truth, mask = small_scan.truth.mask, small_result.mask.values > 0
    assert (mask & truth).sum() / (mask | truth).sum() > 0.8
    for name in MAPS:
        values = getattr(small_result, name).values
        assert np.isnan(values[..., ~mask]).all()
        assert np.isfinite(values[..., mask]).all()
    np.testing.assert_array_equal(small_result.phase_labels.values > 0, mask)


def test_free_fractions_sum_to_one_and_scatter_past_their_borders(small_result):
    fraction = small_result.fraction.values[:, small_result.mask.values > 0]
    np.testing.assert_allclose(fraction.sum(axis=0), 1, atol=1e-5)
    # cut off there, the average of a pure particle would be biased
    assert fraction.min() < 0
    assert fraction.max() > 1


def test_non_negative_fractions_sum_to_one_and_stay_within_their_borders(small_scan, tmp_path):
    constraint = {"constraint": "non-negative"}
    result = map_phases(small_scan.folder, out=tmp_path / "r.zarr", keep_mu=False, spectra=constraint, **STILL)
    fraction = result.fraction.values[:, result.mask.values > 0]
    np.testing.assert_allclose(fraction.sum(axis=0), 1, atol=1e-5)
    assert fraction.min() >= 0
    assert fraction.max() <= 1 + 1e-6


def test_labels_follow_the_threshold(small_result):
    first, labels = small_result.fraction.values[0], small_result.phase_labels.values
    inside = labels > 0
    expected = np.where(first >= 0.7, 1, np.where(1 - first >= 0.7, 2, 3))
    np.testing.assert_array_equal(labels[inside], expected[inside])


def test_the_energy_offset_of_a_scan_when_given_removes_its_bias(small_settings, tmp_path):
    scan = simulate_scan(tmp_path / "scan", seed=1, disturbances={"energy_offset_ev": 1.5}, **small_settings)
    bias = {}
    for offset in (0.0, 1.5):
        spectra = {"energy_offset_ev": offset}
        result = map_phases(scan.folder, out=tmp_path / f"{offset}.zarr", keep_mu=False, spectra=spectra, **STILL)
        assert result.attributes["energy_offset_ev"] == offset
        rows = compare_with_truth(result, scan.truth)
        bias[offset] = {row.kind: (row.bias, row.standard_error) for row in rows}
    for kind in ("LiFePO4", "FePO4", "mixed"):
        assert abs(bias[0.0][kind][0]) > 0.1
        assert abs(bias[1.5][kind][0]) < 0.005 + 3 * bias[1.5][kind][1]


def test_error_bars_grow_as_one_over_the_root_of_photons(small_settings, small_scan, small_result, tmp_path):
    fainter = {**small_settings, "photons": small_settings["photons"] / 16}
    scan = simulate_scan(tmp_path / "faint", seed=1, **fainter)
    result = map_phases(scan.folder, out=tmp_path / "faint.zarr", keep_mu=False, **STILL)
    both = (result.mask.values > 0) & (small_result.mask.values > 0) & small_scan.truth.mask
    for name in ("fraction_sigma_counting", "amount_sigma"):
        ratio = getattr(result, name).values[..., both] / getattr(small_result, name).values[..., both]
        assert np.median(ratio) == pytest.approx(4, rel=0.05)


def test_length_of_a_pixel_scales_the_amount_and_leaves_the_fractions(small_scan, small_result, tmp_path):
    size = 2 * small_scan.settings.pixel_size_nm
    result = map_phases(
        small_scan.folder, out=tmp_path / "r.zarr", keep_mu=False, reconstruct={"pixel_size_nm": size}, **STILL
    )
    assert result.pixel_size_um == pytest.approx(size / 1000)
    np.testing.assert_allclose(result.amount, small_result.amount / 2, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(result.fraction, small_result.fraction, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(result.mask, small_result.mask)


def test_a_scan_without_a_sample_is_refused_or_maps_to_an_empty_mask(scan_copy, tmp_path):
    for path in scan_copy.iterdir():
        with h5py.File(path, "r+") as file:
            air = np.random.default_rng(7).poisson(file["img_bkg"][()].mean(axis=0), size=(40, 24, 40))
            file["img_tomo"][...] = air.astype(np.uint16)
    with pytest.raises(DataError, match=f"{scan_copy}: "):
        map_phases(scan_copy, out=tmp_path / "r.zarr")
    result = map_phases(scan_copy, out=tmp_path / "r.zarr", reconstruct={"centre_px": 19.5}, keep_mu=False)
    assert not result.mask.values.any()
    assert any("No sample stands out" in warning for warning in result.warnings)
    assert result.attributes["mask_threshold_per_um"] is None


def test_a_map_needs_references_that_differ_and_enough_energies(small_scan, reference_files, tmp_path):
    twice = {"A": reference_files["FePO4"], "B": reference_files["FePO4"]}
    with pytest.raises(FitError, match="cannot tell A and B apart"):
        map_phases(small_scan.folder, references=twice, out=tmp_path / "r.zarr")
    with pytest.raises(FitError, match=r"3 coefficients .* from 2 energies"):
        map_phases(small_scan.files[2:4], out=tmp_path / "r.zarr")
    assert list(tmp_path.iterdir()) == []


# --- the run ------------------------------------------------------------------------------------------------------


def test_a_failed_slab_ends_the_run_once_the_others_are_at_rest(small_scan, tmp_path, monkeypatch):
    map_slab, begun, ended = pipeline.map_slab, threading.Event(), []

    def fail_first(job, *, start, stop, step_done):
        if start == 0:
            begun.wait(5)
            message = "the first slab is broken"
            raise DataError(message)
        begun.set()
        time.sleep(0.2)  # still at work when the first has failed
        try:
            return map_slab(job, start=start, stop=stop, step_done=step_done)
        finally:
            ended.append(start)

    monkeypatch.setattr(pipeline, "map_slab", fail_first)
    with pytest.raises(DataError, match="the first slab is broken"):
        map_phases(small_scan.folder, out=tmp_path / "r.zarr", threads=2, **STILL)
    assert ended == [12]
    assert list(tmp_path.iterdir()) == []


def test_progress_names_the_stages_and_counts_every_step(small_scan, tmp_path):
    steps = []
    map_phases(
        small_scan.folder,
        out=tmp_path / "r.zarr",
        threads=2,
        keep_mu=False,
        progress=lambda *step: steps.append(step),
    )
    by_stage = {}
    for stage, done, total in steps:
        by_stage.setdefault(stage, []).append((done, total))
    assert list(by_stage) == [
        "Read frames",
        "Align",
        "Centre and noise",
        "Energy scale",
        "Reconstruct and fit",
        "Mask and phases",
        "Write result",
    ]
    assert by_stage["Read frames"] == [(n, 8) for n in range(1, 9)]
    # the rounds may end early; the count then goes to its end
    *rounds, end = by_stage["Align"]
    assert rounds == [(n, end[1]) for n in range(1, len(rounds) + 1)]
    assert end[0] == end[1] >= len(rounds) >= 1
    assert by_stage["Centre and noise"] == [(n, 8) for n in range(1, 9)]
    assert by_stage["Reconstruct and fit"] == [(n, 18) for n in range(1, 19)]
    assert by_stage["Mask and phases"] == [(1, 2), (2, 2)]
    assert by_stage["Write result"] == [(0, 1), (1, 1)]


def test_a_result_tells_how_it_was_made(small_scan, small_result):
    told = small_result.attributes
    assert told["status"] == "finished"
    assert told["engine"]["name"] in ("fourier", "tomopy")
    assert [item["path"] for item in told["inputs"]] == [str(path.resolve()) for path in small_scan.files]
    np.testing.assert_allclose(told["centre_px"], small_scan.truth.centre_px, atol=0.1)
    assert told["fit"]["columns"] == ["LiFePO4", "FePO4", "background 1"]
    assert np.shape(told["fit"]["design"]) == (8, 3)
    assert make_config(told["configuration"]).memory == 500_000_000
    assert told["repaired"]["zingers"] >= 0
    assert sum("Bundled analytic references" in warning for warning in small_result.warnings) == 1
