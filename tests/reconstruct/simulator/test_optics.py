import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.reconstruct.simulator.optics import pixel_weights, place_image, spline_coefficients


def fine_positions(n: int, supersampling: int) -> np.ndarray:
    return (np.arange(n * supersampling) + 0.5) / supersampling - 0.5


def gaussian_spot(shape, *, at, supersampling, sigma=2.0):
    v, u = (
        np.exp(-(((fine_positions(n, supersampling) - c) / sigma) ** 2) / 2) for n, c in zip(shape, at, strict=True)
    )
    return np.outer(v, u)


def centre_of_mass(image):
    v, u = np.indices(image.shape)
    return np.array([(image * v).sum(), (image * u).sum()]) / image.sum()


@pytest.mark.parametrize("supersampling", [1, 2, 3])
def test_undisturbed_image_is_the_block_average(supersampling):
    shape = (17, 24)
    fine = np.random.default_rng(1).random([n * supersampling for n in shape])
    image = place_image(spline_coefficients(fine), supersampling=supersampling, shift_px=(0.0, 0.0), magnification=1.0)
    blocks = fine.reshape(shape[0], supersampling, shape[1], supersampling).mean(axis=(1, 3))

    np.testing.assert_allclose(image, blocks, atol=2e-6)


def test_shift_by_whole_pixels_moves_the_image_towards_larger_v_and_u():
    fine = np.random.default_rng(2).random((40, 60))
    coefficients = spline_coefficients(fine)
    still = place_image(coefficients, supersampling=2, shift_px=(0.0, 0.0), magnification=1.0)
    moved = place_image(coefficients, supersampling=2, shift_px=(3.0, -2.0), magnification=1.0)

    np.testing.assert_allclose(moved[3:, :-2], still[:-3, 2:], atol=2e-6)


@settings(max_examples=40, deadline=None)
@given(
    v=st.floats(-4, 4),
    u=st.floats(-4, 4),
    magnification=st.floats(0.95, 1.05),
    supersampling=st.integers(1, 3),
    n_u=st.sampled_from([63, 64]),
)
def test_a_spot_lands_where_shift_and_magnification_say(v, u, magnification, supersampling, n_u):
    shape, at = (48, n_u), np.array([20.3, 38.6])
    spot = gaussian_spot(shape, at=at, supersampling=supersampling)
    image = place_image(
        spline_coefficients(spot), supersampling=supersampling, shift_px=(v, u), magnification=magnification
    )
    middle = (np.array(shape) - 1) / 2

    # cubic splines place a spot of 2 pixels to better than 1e-3 pixel
    np.testing.assert_allclose(centre_of_mass(image), middle + magnification * (at - middle) + (v, u), atol=2e-3)


def test_magnification_scales_the_area():
    spot = spline_coefficients(gaussian_spot((64, 64), at=(31.5, 31.5), supersampling=2))
    one, larger = (place_image(spot, supersampling=2, shift_px=(0.0, 0.0), magnification=m).sum() for m in (1.0, 1.04))

    assert larger / one == pytest.approx(1.04**2, rel=1e-4)


def test_detector_sees_nothing_past_the_fine_grid():
    coefficients = spline_coefficients(np.ones((20, 20)))
    image = place_image(coefficients, supersampling=1, shift_px=(0.0, 5.0), magnification=1.0)

    np.testing.assert_array_equal(image[:, :4], 0.0)
    np.testing.assert_allclose(image[:, 5:], 1.0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(8, 40), supersampling=st.integers(1, 3), shift=st.floats(-3, 3))
def test_weights_of_a_pixel_that_looks_at_the_grid_sum_to_one(n, supersampling, shift):
    weights = pixel_weights(n, supersampling=supersampling, shift_px=shift, magnification=1.0)

    assert weights.shape == (n, n * supersampling)
    np.testing.assert_allclose(weights[4:-4].sum(axis=1), 1.0, atol=1e-5)


def test_leading_axes_are_imaged_alike():
    fine = np.random.default_rng(3).random((2, 24, 30))
    together = place_image(spline_coefficients(fine), supersampling=2, shift_px=(0.4, -1.2), magnification=0.99)
    alone = place_image(spline_coefficients(fine[1]), supersampling=2, shift_px=(0.4, -1.2), magnification=0.99)

    assert together.shape == (2, 12, 15)
    np.testing.assert_allclose(together[1], alone, atol=1e-6)
