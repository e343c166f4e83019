from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.accuracy import compare_with_truth


def result_of(truth, *, error=0.0, noise=0.0, sigma=0.02, gain=1.0, phases=("LiFePO4", "FePO4")):
    """The truth, with an error of the first fraction, noise and a factor on the amount."""
    scatter = noise * np.random.default_rng(0).standard_normal(truth.fraction[0].shape)
    first = truth.fraction[0] + error + scatter
    fraction = np.stack([first, 1 - first]) if phases[0] == truth.phases[0] else np.stack([1 - first, first])
    return SimpleNamespace(
        path="r.zarr",
        shape=truth.particle.shape,
        phases=phases,
        fraction=fraction,
        fraction_sigma=np.full(fraction.shape, sigma),
        amount=truth.amount * gain,
    )


def test_a_perfect_map_has_no_error(small_scan):
    truth = small_scan.truth
    for row in compare_with_truth(result_of(truth), truth):
        assert row.bias == pytest.approx(0, abs=1e-7)
        assert row.amount_ratio == pytest.approx(1)
        assert row.standard_error == pytest.approx(0, abs=1e-7)
        assert row.voxels == truth.interior(row.kind, erosion=2).sum() > 0


def test_an_error_is_told_with_its_sign_and_its_size(small_scan):
    truth = small_scan.truth
    for row in compare_with_truth(result_of(truth, error=-0.03, gain=1.1), truth):
        assert row.bias == pytest.approx(-0.03, abs=1e-6)
        assert row.amount_ratio == pytest.approx(1.1)


def test_pulls_compare_the_scatter_with_the_error_bars(small_scan):
    truth = small_scan.truth
    rows = compare_with_truth(result_of(truth, noise=0.06, sigma=0.02), truth)
    n_voxels = sum(row.voxels for row in rows)
    width = np.sqrt(sum(row.voxels * row.pull_width**2 for row in rows) / n_voxels)
    assert width == pytest.approx(3, rel=4 / np.sqrt(2 * n_voxels))
    for row in rows:
        assert row.standard_error == pytest.approx(0.02 * row.pull_width / np.sqrt(row.voxels), rel=1e-5)


def test_phases_are_matched_by_name(small_scan):
    truth = small_scan.truth
    rows = {row.kind: row for row in compare_with_truth(result_of(truth, phases=("FePO4", "LiFePO4")), truth)}
    assert rows["LiFePO4"].fraction == pytest.approx(1)
    assert rows["FePO4"].fraction == pytest.approx(0, abs=1e-6)


def test_voxels_without_a_fraction_are_left_out(small_scan):
    truth = small_scan.truth
    result = result_of(truth)
    result.fraction[:, :12] = np.nan
    voxels = {row.kind: row.voxels for row in compare_with_truth(result, truth)}
    for kind, count in voxels.items():
        assert count == truth.interior(kind, erosion=2)[12:].sum()
    result.fraction[:] = np.nan
    assert compare_with_truth(result, truth) == ()


def test_a_result_of_another_scan_is_refused(small_scan):
    truth = small_scan.truth
    other = replace(truth, particle=truth.particle[:-1])
    with pytest.raises(DataError, match=r"r.zarr has \(24, 40, 40\) voxels, but the truth has \(23, 40, 40\)"):
        compare_with_truth(result_of(truth), other)
    with pytest.raises(DataError, match=r"r.zarr holds NiO, CoO; the truth needs LiFePO4"):
        compare_with_truth(result_of(truth, phases=("NiO", "CoO")), truth)
