import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.reconstruct.alignment.resampling import undo_displacement
from xanesmap.reconstruct.alignment.resampling_noise import variance_behind_ramp, variance_of_reading
from xanesmap.reconstruct.filters import filter_response
from xanesmap.reconstruct.simulator.optics import spline_coefficients


def read_noise(shift):
    """White noise read at a fraction of a pixel in v and u."""
    noise = np.random.default_rng(0).normal(size=(8, 128, 128)).astype(np.float32)
    shifts = np.full((len(noise), 2), shift)
    return undo_displacement(spline_coefficients(noise), shift_px=shifts, magnification=1.0)[:, 8:-8, 8:-8]


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5])
def test_variance_of_noise_read_between_pixels(fraction):
    found = read_noise(fraction).var()
    # 100,000 values, neighbours hardly correlated: known to about 1 %
    assert found == pytest.approx(variance_of_reading(np.array(fraction)) ** 2, rel=0.02)


@pytest.mark.parametrize("filter_name", ["ramlak", "shepp", "hann"])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5])
def test_variance_behind_the_ramp(fraction, filter_name):
    read = read_noise(fraction)
    response = filter_response(read.shape[-1], filter_name=filter_name)
    filtered = np.fft.ifft(np.fft.fft(read, axis=-1) * response, axis=-1).real
    unread = variance_of_reading(np.array(fraction)) * np.mean(response**2)
    expected = variance_behind_ramp(np.array(fraction), filter_name=filter_name)
    assert filtered.var() / unread == pytest.approx(float(expected), rel=0.03)


@given(st.floats(-50, 50), st.integers(-5, 5))
def test_only_the_fraction_of_a_pixel_counts_and_never_adds_noise(position, whole):
    for variance in (variance_of_reading, lambda p: variance_behind_ramp(p, filter_name="ramlak")):
        value = variance(np.array(position))
        assert 0 < value <= 1 + 1e-12
        np.testing.assert_allclose(variance(np.array(position + whole)), value, atol=1e-9)
        np.testing.assert_allclose(variance(np.array(-position)), value, atol=1e-9)
