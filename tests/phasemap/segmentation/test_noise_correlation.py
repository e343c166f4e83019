import numpy as np
import pytest

from xanesmap.phasemap.segmentation.noise_correlation import correlated_noise, neighbour_correlation


@pytest.mark.parametrize("correlation", [(0.0, 0.0, 0.0), (0.5, -0.3, 0.2), (-0.4, 0.65, 0.0)])
def test_noise_has_deviation_one_and_the_correlation_asked_for(correlation):
    noise = correlated_noise((40, 44, 48), np.array(correlation), np.random.default_rng(1)).astype(float)
    assert noise.std() == pytest.approx(1, abs=0.02)
    for axis, r in enumerate(correlation):
        one = np.moveaxis(noise, axis, 0)
        assert np.mean(one[1:] * one[:-1]) == pytest.approx(r, abs=0.03)
        assert np.mean(one[3:] * one[:-3]) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("correlation", [(0.0, 0.0, 0.0), (0.5, -0.3, 0.2)])
def test_correlation_is_measured_beside_a_step_and_under_uneven_sigma(correlation):
    rng = np.random.default_rng(2)
    shape = (20, 21, 22)
    sigma = rng.uniform(0.5, 1.5, 22) * np.ones(shape)
    region = np.ones(shape, int)
    region[:, 12:] = 2
    fraction = 5.0 * (region == 2) + sigma * correlated_noise(shape, np.array(correlation), rng)
    sigma[:2] = np.nan
    found = neighbour_correlation(fraction, sigma, region)
    assert found[:2] == pytest.approx(correlation[:2], abs=0.1)
    assert found[2] == pytest.approx(correlation[2], abs=0.15)  # sigma differs from column to column


def test_too_few_voxels_and_no_noise_have_no_correlation():
    sigma = np.full((5, 5, 5), 0.1)
    few = np.random.default_rng(0).normal(size=(5, 5, 5))
    assert (neighbour_correlation(few, sigma, np.ones((5, 5, 5), int)) == 0).all()
    flat = np.full((12, 12, 12), 0.3)
    assert (neighbour_correlation(flat, flat, np.ones(flat.shape, int)) == 0).all()
