import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.morphology.interface_profile import WIDTH_10_90, fit_edge


@pytest.mark.parametrize("seed", range(5))
def test_an_edge_is_recovered_within_its_error(seed):
    rng = np.random.default_rng(seed)
    distance = rng.uniform(-6, 6, 4000)
    sigma = rng.uniform(0.05, 0.15, 4000)
    fraction = 0.1 + 0.8 * norm.cdf((distance - 0.4) / 1.3) + sigma * rng.normal(size=4000)
    fit = fit_edge(distance, fraction, sigma, independent=True)
    assert fit.deviation == pytest.approx(1.3, abs=4 * fit.deviation_error)
    assert fit.deviation_error < 0.05
    assert fit.position == pytest.approx(0.4, abs=0.05)
    assert (fit.low, fit.high) == pytest.approx((0.1, 0.9), abs=0.02)


def test_the_error_bar_has_the_width_of_the_scatter():
    rng = np.random.default_rng(0)
    distance = np.linspace(-5, 5, 300)
    pulls = []
    for _ in range(60):
        fraction = norm.cdf(distance) + 0.1 * rng.normal(size=300)
        fit = fit_edge(distance, fraction, np.full(300, 0.1), independent=True)
        pulls.append((fit.deviation - 1) / fit.deviation_error)
    assert np.std(pulls) == pytest.approx(1, abs=0.35)


def test_blur_is_taken_off_in_squares():
    distance = np.linspace(-8, 8, 200)
    fit = fit_edge(distance, norm.cdf(distance / 2.5), np.full(200, 0.05))
    assert fit.width == pytest.approx(2.5 * WIDTH_10_90, rel=0.01)
    assert fit.intrinsic_width(1.5) == pytest.approx(2.0 * WIDTH_10_90, rel=0.01)
    assert fit.intrinsic_width(3.0) == 0


def test_correlated_voxels_widen_the_error_bar():
    distance = np.linspace(-5, 5, 200)
    one, other = (fit_edge(distance, norm.cdf(distance), np.full(200, 0.1), independent=how) for how in (True, False))
    assert other.width_error == pytest.approx(one.width_error * np.sqrt(8), rel=1e-3)


@pytest.mark.parametrize("n", [0, 5, 29])
def test_too_few_voxels_give_no_edge(n):
    assert fit_edge(np.linspace(-1, 1, n), np.zeros(n), np.ones(n)) is None


def test_one_distance_gives_no_edge():
    assert fit_edge(np.zeros(50), np.zeros(50), np.ones(50)) is None
