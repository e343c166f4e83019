import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.reconstruct.filters import (
    angular_weights,
    filter_response,
    inscribed_circle,
    padded_length,
    ramp_kernel,
)


def test_ramp_response_tends_to_the_ideal_ramp():
    length = 4096
    frequency = np.abs(np.fft.fftfreq(length))
    np.testing.assert_allclose(filter_response(length, filter_name="ramlak"), frequency, atol=2e-4)


def test_ramp_kernel_has_kak_and_slaneys_values():
    np.testing.assert_allclose(ramp_kernel(8)[:4], [0.25, -1 / np.pi**2, 0, -1 / (9 * np.pi**2)])


def test_squared_ramp_kernel_sums_to_one_twelfth():
    assert np.sum(ramp_kernel(1 << 14) ** 2) == pytest.approx(1 / 12, rel=1e-6)


def test_unknown_filter_is_refused():
    with pytest.raises(DataError, match=r"'parzen' is not known. Use one of ramlak"):
        filter_response(16, filter_name="parzen")


@given(st.integers(2, 5000))
def test_padded_length_is_even_and_does_not_wrap(n_u):
    length = padded_length(n_u)
    assert length % 2 == 0
    assert 2 * n_u <= length <= 3 * n_u + 8


@given(st.integers(8, 400), st.floats(-10, 10), st.booleans())
def test_uniform_half_turn_has_equal_weights(n_angles, start, endpoint):
    angles = start + np.linspace(0, np.pi, n_angles, endpoint=endpoint)
    weights = angular_weights(angles)
    assert weights.sum() == pytest.approx(np.pi)
    inner = weights[1:-1]
    np.testing.assert_allclose(inner, np.pi / (n_angles - endpoint), rtol=1e-6)


def test_both_ends_of_a_closed_half_turn_share_one_arc():
    weights = angular_weights(np.linspace(0, np.pi, 11))
    assert weights[0] + weights[-1] == pytest.approx(np.pi / 10)


def test_rim_of_a_missing_wedge_keeps_a_typical_weight():
    angles = np.deg2rad(np.arange(-60, 61, 2))
    np.testing.assert_allclose(angular_weights(angles), np.deg2rad(2), rtol=1e-9)


def test_inscribed_circle_has_the_area_of_a_circle():
    assert inscribed_circle(301).sum() == pytest.approx(np.pi * 150.5**2, rel=0.005)
