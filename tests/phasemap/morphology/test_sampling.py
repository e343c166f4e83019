import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.morphology.sampling import autocorrelation, box_statistics, weighted_maps

EVERYWHERE = np.ones((48, 48, 48), bool)


def test_variance_of_independent_voxels_falls_with_the_volume_of_the_box():
    field = 0.5 + 0.2 * np.random.default_rng(0).normal(size=(64, 64, 64))
    for edge in (1, 2, 4, 8):
        found = box_statistics(weighted_maps(field, np.zeros(field.shape), np.ones(field.shape)), edge_px=edge)
        assert found.boxes == (64 // edge) ** 3
        assert found.mean == pytest.approx(0.5, abs=0.01)
        assert found.variance == pytest.approx(0.04 / edge**3, abs=4 * found.variance_error)


def test_noise_adds_no_variance():
    sigma = np.full(EVERYWHERE.shape, 0.1)
    noise = 0.1 * np.random.default_rng(1).normal(size=EVERYWHERE.shape)
    for edge in (1, 3, 5):
        found = box_statistics(weighted_maps(0.3 + noise, sigma, np.ones(sigma.shape)), edge_px=edge)
        assert abs(found.variance) < 4 * found.variance_error
        assert found.noise_variance == pytest.approx(0.01 / edge**3)


def test_only_boxes_half_full_count():
    mask = np.zeros((8, 8, 8), bool)
    mask[:4], mask[4:6, :4] = True, True
    field = np.where(mask, 1.0, np.nan)
    assert box_statistics(weighted_maps(field, np.zeros(mask.shape), mask * 1.0), edge_px=4).boxes == 6
    nothing = box_statistics(weighted_maps(field, np.zeros(mask.shape), np.zeros(mask.shape)), edge_px=4)
    assert nothing.boxes == 0
    assert np.isnan(nothing.variance)
    assert np.isnan(box_statistics(weighted_maps(field, np.zeros(mask.shape), mask * 1.0), edge_px=8).variance)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_correlation_length_of_a_smooth_field_is_found_through_noise(noise):
    rng = np.random.default_rng(2)
    smooth = gaussian_filter(rng.normal(size=(96, 96, 96)), 3.0)
    field = smooth / smooth.std() + noise * rng.normal(size=smooth.shape)
    found = autocorrelation(field, np.ones(field.shape), farthest_px=16)
    # correlation exp(-r^2 / 4 s^2) falls to 1/e at 2 s
    assert found.length == pytest.approx(6, rel=0.08)
    assert 0.01 < found.length_error < 0.2


def test_a_field_without_variation_has_no_correlation_length():
    for field in (np.full(EVERYWHERE.shape, 0.4), np.full(EVERYWHERE.shape, np.nan)):
        correlation = autocorrelation(field, np.ones(field.shape), farthest_px=5)
        assert np.isnan(correlation.value).all()
        assert np.isnan([correlation.length, correlation.length_error]).all()


def test_errors_of_the_correlation_are_those_of_its_scatter():
    found = []
    for seed in range(20):
        smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(48, 48, 48)), 2.0)
        found.append(autocorrelation(smooth, np.ones(smooth.shape), farthest_px=6))
    scatter = np.std([one.value for one in found], axis=0)[2:]
    quoted = np.sqrt(np.mean([one.error**2 for one in found], axis=0))[2:]
    assert ((quoted / scatter > 0.5) & (quoted / scatter < 2)).all()


def test_a_rim_voxel_that_holds_nearly_nothing_has_no_say():
    rng = np.random.default_rng(0)
    field, amount = gaussian_filter(rng.normal(size=(32, 32, 32)), 2.0), np.ones((32, 32, 32))
    sigma = np.full(field.shape, 0.1)
    clean = (
        box_statistics(weighted_maps(field, sigma, amount), edge_px=4),
        autocorrelation(field, amount, farthest_px=4),
    )
    field[5, 5, 5], sigma[5, 5, 5], amount[5, 5, 5] = 3e4, 1e5, 1e-6
    spoilt = (
        box_statistics(weighted_maps(field, sigma, amount), edge_px=4),
        autocorrelation(field, amount, farthest_px=4),
    )
    assert spoilt[0].variance == pytest.approx(clean[0].variance, rel=0.05)
    np.testing.assert_allclose(spoilt[1].value, clean[1].value, rtol=0.05)
