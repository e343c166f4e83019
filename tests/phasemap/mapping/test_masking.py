import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.mapping.masking import mask_reach, mask_threshold, narrowed_mask, sample_mask, smooth_amount

STEP = 0.2


def sphere(shape=(40, 44, 48), *, radius=14.0):
    """Share of every voxel that a sphere fills, to a tenth of a voxel."""
    axes = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    distance = np.sqrt(sum(axis**2 for axis in axes))
    return np.clip(radius - distance + 0.5, 0, 1)


def blurred_sphere(*, blur, noise, seed=0, radius=14.0):
    amount = gaussian_filter(STEP * sphere(radius=radius), blur)
    return (amount + noise * np.random.default_rng(seed).standard_normal(amount.shape)).astype(np.float32)


@pytest.mark.parametrize("noise", [0.02 * STEP, 0.2 * STEP])
@pytest.mark.parametrize("blur", [0.5, 1.0, 2.0])
def test_threshold_of_a_blurred_sphere_is_half_its_step(blur, noise):
    smoothed = smooth_amount(blurred_sphere(blur=blur, noise=noise), smoothing_px=1.0)
    # a blur of 2 px reaches far into a radius of 14: what is left of the plateau is low itself
    assert mask_threshold(smoothed) == pytest.approx(STEP / 2, rel=0.03 if blur < 2 else 0.04)


def test_threshold_of_a_small_sphere_without_a_plateau_is_near_half_its_step():
    smoothed = smooth_amount(blurred_sphere(blur=1.0, noise=0.1 * STEP, radius=9.0), smoothing_px=1.0)
    assert mask_threshold(smoothed) == pytest.approx(STEP / 2, rel=0.05)
    smoothed = smooth_amount(blurred_sphere(blur=2.0, noise=0.1 * STEP, radius=9.0), smoothing_px=1.0)
    assert mask_threshold(smoothed) == pytest.approx(STEP / 2, rel=0.12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("radius", [6.0, 9.0])
def test_threshold_in_strong_noise_is_near_half_a_step_or_none(radius, seed):
    smoothed = smooth_amount(blurred_sphere(blur=2.0, noise=STEP, radius=radius, seed=seed), smoothing_px=1.0)
    threshold = mask_threshold(smoothed)
    assert threshold is None or 0.3 * STEP < threshold < 0.6 * STEP


@pytest.mark.parametrize("seed", [0, 1])
def test_mask_of_a_blurred_sphere_has_its_volume(seed):
    amount = blurred_sphere(blur=0.8, noise=0.1 * STEP, seed=seed)
    threshold = mask_threshold(smooth_amount(amount, smoothing_px=1.0))
    mask = sample_mask(amount, threshold=threshold, smoothing_px=1.0)
    # a blur of s moves the half-height surface of radius R inwards by s^2 / R: 3 s^2 / R^2 of the volume
    blur_squared = 0.8**2 + 1.0**2
    expected = 4 / 3 * np.pi * 14.0**3 * (1 - 3 * blur_squared / 14.0**2)
    assert mask.sum() == pytest.approx(expected, rel=0.03)


def test_threshold_scales_with_the_unit_and_follows_an_offset():
    amount = smooth_amount(blurred_sphere(blur=1.0, noise=0.05 * STEP), smoothing_px=1.0)
    threshold = mask_threshold(amount)
    assert mask_threshold(1000 * amount) == pytest.approx(1000 * threshold, rel=1e-3)
    assert mask_threshold(amount + 0.1) == pytest.approx(threshold + 0.1, rel=0.01)


def test_threshold_does_not_depend_on_which_voxels_are_drawn():
    amount = smooth_amount(blurred_sphere(blur=1.0, noise=0.1 * STEP), smoothing_px=1.0)
    many = np.tile(amount, (3, 1, 1))  # more than are drawn
    found = [mask_threshold(many, seed=seed) for seed in range(2)]
    np.testing.assert_allclose(found, found[0], rtol=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_has_no_threshold(seed):
    noise = np.random.default_rng(seed).normal(0, 0.05, (20, 30, 30)).astype(np.float32)
    assert mask_threshold(noise) is None
    assert mask_threshold(smooth_amount(noise, smoothing_px=1.0)) is None


@pytest.mark.parametrize("amount", [np.zeros((4, 4, 4)), np.full((4, 4, 4), np.nan), np.ones(3), np.zeros(0)])
def test_what_holds_no_contrast_has_no_threshold(amount):
    assert mask_threshold(amount) is None


def test_smoothing_keeps_the_mass_and_takes_missing_values_for_air():
    amount = blurred_sphere(blur=1.0, noise=0.0)
    assert smooth_amount(amount, smoothing_px=1.5).sum() == pytest.approx(amount.sum(), rel=1e-4)
    amount[0, 0, 0] = np.nan
    assert np.isfinite(smooth_amount(amount, smoothing_px=1.0)).all()
    np.testing.assert_array_equal(smooth_amount(amount, smoothing_px=0.0), np.nan_to_num(amount))


def test_specks_are_removed_and_bodies_keep_their_faces():
    amount = np.zeros((12, 12, 12), np.float32)
    amount[2:8, 2:8, 2:8] = 1.0
    body = amount > 0
    amount[10, 10, 10] = amount[10, 10, 9] = 1.0
    mask = sample_mask(amount, threshold=0.5, smoothing_px=0.0)
    assert not mask[~body].any()
    # an opening by the cross of six neighbours keeps the faces of a cube of 6 and takes its 12 edges off
    assert mask.sum() == 6**3 - (12 * 4 + 8)


def test_a_body_that_touches_the_end_of_the_volume_is_kept_there():
    amount = np.zeros((9, 9, 9), np.float32)
    amount[:5, 2:7, 2:7] = 1.0
    mask = sample_mask(amount, threshold=0.5, smoothing_px=0.0)
    assert mask[1:4, 3:6, 3:6].all()
    assert mask[0, 3:6, 3:6].all()


@pytest.mark.parametrize("smoothing_px", [0.0, 0.7, 1.0, 2.3])
def test_rows_with_a_margin_of_the_reach_have_the_mask_of_the_whole(smoothing_px):
    amount = blurred_sphere(blur=0.6, noise=0.4 * STEP)
    whole = sample_mask(amount, threshold=STEP / 2, smoothing_px=smoothing_px)
    reach = mask_reach(smoothing_px)
    for start, stop in ((0, 7), (7, 20), (33, 40)):
        first, last = max(0, start - reach), min(40, stop + reach)
        part = sample_mask(amount[first:last], threshold=STEP / 2, smoothing_px=smoothing_px)
        np.testing.assert_array_equal(part[start - first : stop - first], whole[start:stop])


@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_that_fills_most_of_the_volume_is_found(seed):
    for margin in (7, 8, 9):  # 64, 76 and 87 % of the voxels are sample
        amount = blurred_sphere(blur=0.8, noise=0.2 * STEP, seed=seed)
        amount = amount[margin : 40 - margin, margin + 2 : 42 - margin, margin + 4 : 44 - margin]
        threshold = mask_threshold(smooth_amount(amount, smoothing_px=1.0))
        assert threshold == pytest.approx(STEP / 2, rel=0.15)


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_and_sample_alone_have_no_threshold(seed):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((20, 24, 28))
    texture = STEP * (1 + gaussian_filter(noise, 2)) + 0.1 * STEP * rng.standard_normal(noise.shape)
    for values in (noise, rng.gamma(4, 1, noise.shape), texture):
        assert mask_threshold(smooth_amount(values.astype(np.float32), smoothing_px=1.0)) is None


def test_a_single_slice_has_a_mask_and_what_touches_the_border_stays():
    amount = STEP * sphere()[20:21]
    np.testing.assert_array_equal(sample_mask(amount, threshold=STEP / 2, smoothing_px=0), amount > STEP / 2)
    cut = STEP * sphere()[:, :, 10:]
    np.testing.assert_array_equal(sample_mask(cut, threshold=STEP / 2, smoothing_px=0), cut > STEP / 2)


def test_a_mask_is_narrowed_to_what_holds_enough_and_never_grows():
    blurred = gaussian_filter(STEP * sphere(), 2.0)
    noise = 0.05 * STEP
    amount = (blurred + noise * np.random.default_rng(0).standard_normal(blurred.shape)).astype(np.float32)
    mask = blurred > 0.2 * STEP
    sigma = np.full_like(amount, noise)
    sizes = []
    for threshold in (1e-6, 0.5 * STEP, 0.8 * STEP, 2 * STEP):
        narrow = narrowed_mask(mask, amount, sigma, threshold=threshold, smoothing_px=1.0)
        assert not narrow[~mask].any()
        sizes.append(narrow.sum())
    assert sizes[0] == pytest.approx(mask.sum(), rel=3e-3)  # lone corners are specks
    assert sizes[1] == pytest.approx((blurred >= 0.5 * STEP).sum(), rel=0.02)
    assert sizes[2] == pytest.approx((blurred >= 0.8 * STEP).sum(), rel=0.04)
    assert sizes[3] == 0
