import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.segmentation.float_smoothing import gaussian_taps, smoothed


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.2])
@pytest.mark.parametrize("shape", [(30, 21, 22), (1, 1, 9), (3, 17, 2)])
def test_smoothing_agrees_with_scipy(sigma, shape):
    volume = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(
        smoothed(volume, sigma_px=sigma), gaussian_filter(volume, sigma, mode="constant"), atol=1e-6
    )


def test_weights_add_up_to_one():
    assert gaussian_taps(1.3, truncate=4).sum() == pytest.approx(1, abs=1e-6)


def test_a_part_with_enough_around_it_has_the_same_bits_as_the_whole():
    volume = np.random.default_rng(2).normal(size=(25, 43, 51)).astype(np.float32)
    whole = smoothed(volume, sigma_px=1.0)
    part = smoothed(volume[6:19, 3:38, 8:45], sigma_px=1.0)
    np.testing.assert_array_equal(part[4:-4, 4:-4, 4:-4], whole[10:15, 7:34, 12:41])
