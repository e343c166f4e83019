import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.phasemap.segmentation.denoising import denoise_fraction, noise_gain, reach, smooth_shape


def everywhere(shape):
    return np.ones(shape, bool)


@pytest.mark.parametrize("smoothing", [0.6, 1.0, 2.0])
def test_white_noise_falls_by_the_gain(smoothing):
    rng = np.random.default_rng(3)
    shape = (48, 49, 50)
    noise = rng.normal(size=shape).astype(np.float32)
    inner = (slice(16, -16),) * 3
    left = denoise_fraction(noise, np.ones(shape), everywhere(shape), smoothing_px=smoothing)[inner].std()
    # about 5000 voxels, correlated over the kernel
    assert left == pytest.approx(noise_gain(smoothing), rel=0.12)
    assert noise_gain(0) == 1


def test_a_parabola_keeps_its_values_where_a_gaussian_would_lift_them():
    z, y, x = np.meshgrid(*(np.arange(33) - 16.0,) * 3, indexing="ij")
    bowl = z**2 + y**2 + x**2
    smooth = denoise_fraction(bowl, np.ones(bowl.shape), everywhere(bowl.shape), smoothing_px=1.0)
    assert smooth[16, 16, 16] == pytest.approx(0, abs=0.02)  # one Gaussian: 3 sigma^2 = 3


@given(value=st.floats(-0.5, 1.5), seed=st.integers(0, 100), smoothing=st.floats(0, 2))
def test_a_constant_stays_whatever_mask_and_sigma(value, seed, smoothing):
    rng = np.random.default_rng(seed)
    mask = rng.random((7, 8, 9)) > 0.4
    fraction = np.where(mask, value, np.nan)
    smooth = denoise_fraction(fraction, rng.uniform(0.01, 1e6, mask.shape), mask, smoothing_px=smoothing)
    np.testing.assert_allclose(smooth[mask], value, atol=1e-5)


def test_uncertain_voxels_have_little_say():
    fraction, sigma = np.zeros((9, 9, 9)), np.full((9, 9, 9), 0.1)
    fraction[4, 4, 4], sigma[4, 4, 4] = 100.0, 1e5
    assert abs(denoise_fraction(fraction, sigma, everywhere(sigma.shape), smoothing_px=1.0)[4, 4, 4]) < 1e-3


def test_what_lies_outside_the_mask_is_not_looked_at():
    rng = np.random.default_rng(0)
    mask = np.zeros((16, 16, 16), bool)
    mask[4:12, 4:12, 4:12] = True
    fraction = rng.normal(size=mask.shape)
    other = np.where(mask, fraction, np.nan)
    sigma = np.ones(mask.shape)
    one, two = (denoise_fraction(f, sigma, mask, smoothing_px=1.0) for f in (fraction, other))
    np.testing.assert_array_equal(one, two)


def test_blocks_with_overlap_give_the_same_as_one_piece():
    rng = np.random.default_rng(1)
    shape, smoothing = (40, 12, 12), 1.0
    fraction, sigma, mask = rng.normal(size=shape), rng.uniform(0.05, 0.2, shape), rng.random(shape) > 0.3
    whole = denoise_fraction(fraction, sigma, mask, smoothing_px=smoothing)
    part = slice(15 - reach(smoothing), 25 + reach(smoothing))
    block = denoise_fraction(fraction[part], sigma[part], mask[part], smoothing_px=smoothing)
    inner = mask[15:25]
    cut = block[reach(smoothing) :][:10]
    np.testing.assert_allclose(cut[inner], whole[15:25][inner], rtol=1e-4, atol=1e-6)


def test_the_half_level_of_a_plane_stays_where_it_is():
    half = np.zeros((20, 5, 5))
    half[:10] = 1
    smooth = smooth_shape(np.pad(half, ((0, 0), (9, 9), (9, 9)), mode="edge"), smoothing_px=1.0)[:, 11, 11]
    assert smooth[9] + smooth[10] == pytest.approx(1, abs=1e-6)
    assert smooth_shape(half, smoothing_px=0).dtype == np.float32
