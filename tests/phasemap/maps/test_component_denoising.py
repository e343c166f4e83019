"""Denoising: less noise, shapes kept, and no error bars that would be wrong."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.component_denoising import denoise_components

SIGMA = 0.15


def core_shell(n=28):
    axis = np.arange(n) - (n - 1) / 2
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    core, particle = radius < n * 0.22, radius < n * 0.42
    return np.stack([core, particle & ~core]).astype(np.float32)


def noisy(amounts, seed=0):
    return amounts + SIGMA * np.random.default_rng(seed).standard_normal(amounts.shape).astype(np.float32)


@pytest.mark.parametrize("method", ["non-local-means", "total-variation"])
def test_noise_falls_and_the_shapes_stay(method):
    truth = core_shell()
    found = denoise_components(noisy(truth), np.full(2, SIGMA), method=method)
    assert np.sqrt(np.mean((found.amounts - truth) ** 2)) < 0.55 * SIGMA
    inside = truth.sum(axis=0) > 0
    assert np.mean((found.fraction[0] > 0.5)[inside] == (truth[0] > 0.5)[inside]) > 0.97
    # no net gain or loss of a phase
    np.testing.assert_allclose(found.amounts.sum(axis=(1, 2, 3)), truth.sum(axis=(1, 2, 3)), rtol=0.05)
    assert found.fraction_sigma is None


def test_missing_values_count_as_air_and_have_no_fraction():
    amounts = noisy(core_shell())
    amounts[:, 0] = np.nan
    found = denoise_components(amounts, np.full(2, SIGMA), method="total-variation")
    assert np.isfinite(found.amounts).all()


@pytest.mark.parametrize(
    ("amounts", "sigma", "words"),
    [
        (np.ones((2, 5, 5)), [1, 1], "one standard deviation per phase"),
        (np.ones((2, 5, 5, 5)), [1, 0], "positive standard deviation"),
        (np.ones((2, 5, 5, 5)), [1, np.nan], "positive standard deviation"),
    ],
)
def test_what_cannot_be_denoised_is_refused(amounts, sigma, words):
    with pytest.raises(DataError, match=words):
        denoise_components(amounts, np.array(sigma, float))
