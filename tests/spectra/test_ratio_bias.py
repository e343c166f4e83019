import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.spectra.combination import fraction_and_sigma
from xanesmap.spectra.ratio_bias import ratio_bias, ratio_scatter


@pytest.mark.parametrize("true", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.2, 0.8)])
@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2])
def test_bias_is_that_of_simulated_noise(true, sigma):
    rng = np.random.default_rng(0)
    covariance = sigma**2 * np.array([[1.3, -0.9], [-0.9, 1.0]])
    amounts = rng.multivariate_normal(true, covariance, 1_000_000)
    fraction = amounts[:, 0] / amounts.sum(axis=1)
    predicted = ratio_bias(np.array(true), covariance)
    # what is left is of fourth order in the noise, besides the scatter of the mean
    error = fraction.std() / 1000
    assert fraction.mean() - true[0] == pytest.approx(predicted[0], abs=4 * error + 3 * sigma**4)


@pytest.mark.parametrize("true", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
@pytest.mark.parametrize("sigma", [0.05, 0.15])
def test_intervals_of_one_sigma_hold_the_truth_also_where_the_total_is_noisy(true, sigma):
    covariance = sigma**2 * np.array([[1.3, -0.9], [-0.9, 1.0]])
    amounts = np.random.default_rng(1).multivariate_normal(true, covariance, 1_000_000).T
    spread = np.broadcast_to(covariance[:, :, None], (2, 2, amounts.shape[1]))
    fraction, sigmas = fraction_and_sigma(amounts, spread)
    pull = (fraction - ratio_bias(amounts, spread) - np.array(true)[:, None]) / (
        sigmas * ratio_scatter(amounts, spread)
    )
    linear = (fraction - ratio_bias(amounts, spread) - np.array(true)[:, None]) / sigmas
    held = np.mean(np.abs(pull) < 1)
    # 0.6827; the third order is left, and a thousandth of chance
    assert held == pytest.approx(0.6827, abs=0.0015 + 30 * sigma**4)
    if sigma == 0.15:
        assert np.mean(np.abs(linear) < 1) > held + 0.005


def test_scatter_of_totals_lost_in_noise_is_that_of_linear_propagation():
    np.testing.assert_array_equal(ratio_scatter(np.array([[1.0], [0.0]]), np.eye(2)[..., None]), 1)


@given(st.lists(st.floats(0.1, 3), min_size=2, max_size=4), st.integers(0, 99))
def test_fractions_still_sum_to_one(amounts, seed):
    root = np.random.default_rng(seed).normal(scale=0.02, size=(len(amounts), len(amounts)))
    assert ratio_bias(np.array(amounts), root @ root.T).sum() == pytest.approx(0, abs=1e-12)


def test_equal_and_symmetric_amounts_have_no_bias():
    covariance = np.array([[1.0, -0.8], [-0.8, 1.0]]) * 0.01
    np.testing.assert_allclose(ratio_bias(np.array([0.5, 0.5]), covariance), 0, atol=1e-15)


def test_total_lost_in_noise_is_left_alone():
    covariance = np.eye(2)
    np.testing.assert_array_equal(ratio_bias(np.array([[1.0, 0.0], [1.0, 0.0]]), covariance[..., None]), 0)
