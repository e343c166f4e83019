import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.morphology.line_profile import box_mean, line_profile

Z, Y, X = np.meshgrid(*(np.arange(40.0),) * 3, indexing="ij")
WAY = np.array([1.0, 2.0, 2.0]) / 3


def plane_edge(width=1.5):
    """Composition that rises across a plane through (20, 20, 20)."""
    return norm.cdf(((Z - 20) * WAY[0] + (Y - 20) * WAY[1] + (X - 20) * WAY[2]) / width)


def test_a_line_across_a_plane_finds_position_and_width():
    start, end = 20 - 10 * WAY, 20 + 12 * WAY
    profile = line_profile(plane_edge(), np.full(Z.shape, 0.05), start=tuple(start), end=tuple(end), radius_px=2)
    assert profile.edge.position == pytest.approx(10, abs=0.05)
    # linear interpolation blurs by half a voxel at most
    assert profile.edge.deviation == pytest.approx(1.5, rel=0.06)


def test_the_error_band_holds_the_truth():
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(20):
        noisy = 0.5 + 0.1 * rng.normal(size=Z.shape)
        profile = line_profile(noisy, np.full(Z.shape, 0.1), start=(5, 5.3, 5), end=(30, 29, 33), radius_px=3)
        pulls.append((profile.mean - 0.5) / profile.error)
    # white noise: the band allows for correlation, so it is wider, never narrower
    assert np.std(pulls) < 1.1


def test_a_line_out_of_the_sample_is_not_a_number_there():
    fraction = np.where(Z > 10, 0.5, np.nan)
    profile = line_profile(fraction, np.full(Z.shape, 0.1), start=(2, 20, 20), end=(30, 20, 20))
    assert np.isnan(profile.mean[:8]).all()
    np.testing.assert_allclose(profile.mean[10:], 0.5, atol=1e-6)
    outside = line_profile(np.full(Z.shape, np.nan), np.full(Z.shape, 0.1), start=(0, 0, 0), end=(9, 9, 9))
    assert outside.edge is None


def test_a_box_is_a_mean_over_atoms_with_its_error():
    fraction, amount = np.where(X < 20, 1.0, 0.0), np.where(X < 20, 3.0, 1.0)
    found = box_mean(fraction, np.full(Z.shape, 0.1), amount, corner=(10, 10, 18), opposite=(19, 19, 21))
    assert found.voxels == 400
    assert found.mean == pytest.approx(0.75)
    share = np.array([3.0] * 200 + [1.0] * 200) / 800
    assert found.error == pytest.approx(0.1 * np.sqrt(8 * np.sum(share**2)))


def test_a_box_without_sample_has_no_mean():
    nowhere = np.full(Z.shape, np.nan)
    found = box_mean(nowhere, nowhere, nowhere, corner=(0, 0, 0), opposite=(5, 5, 5))
    assert found.voxels == 0
    assert np.isnan(found.mean)
    assert box_mean(X, X, X, corner=(50, 50, 50), opposite=(60, 60, 60)).voxels == 0
