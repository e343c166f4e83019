import numpy as np

from xanesmap.phasemap.morphology.voxel_noise import weighted_noise


def test_noise_in_proportion_stays_as_it_is():
    weight = np.linspace(0.5, 1, 50)
    np.testing.assert_allclose(weighted_noise(weight, 0.04 / weight), 0.04)


def test_a_rim_voxel_of_huge_error_counts_three_times_at_most():
    weight, sigma = np.ones(9), np.full(9, 0.1)
    weight[0], sigma[0] = 1e-3, 1e6
    np.testing.assert_allclose(weighted_noise(weight, sigma), [0.3, *[0.1] * 8])


def test_nothing_measured_has_no_noise():
    assert not weighted_noise(np.ones(3), np.full(3, np.nan)).any()
    assert weighted_noise(np.zeros(0), np.zeros(0)).size == 0
