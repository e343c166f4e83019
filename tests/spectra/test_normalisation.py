"""Normalisation of raw absorption: hand-made edges, invariance, and what cannot be normalised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.spectra.normalisation import POST_EDGE_EV, PRE_EDGE_EV, edge_energy_ev, normalise_spectrum

E0 = 7120.0
ENERGIES = np.arange(E0 - 160.0, E0 + 260.0, 0.5)


def edge(energies, width=1.5, white_line=0.6):
    """A step of 1 with a white line; both have died away in the windows of the lines."""
    step = 0.5 * (1.0 + np.tanh((energies - E0) / width))
    return step + white_line * np.exp(-(((energies - E0 - 6.0) / 3.0) ** 2))


def test_an_edge_on_two_lines_is_recovered_exactly():
    lower = 0.3 - 2e-4 * (ENERGIES - E0)
    upper = 2.1 - 9e-4 * (ENERGIES - E0)
    raw = np.where(ENERGIES < E0, lower, lower) + edge(ENERGIES, white_line=0.0) * (upper - lower)
    found = normalise_spectrum(ENERGIES, raw, name="x")
    assert found.edge_ev == pytest.approx(E0, abs=0.02)
    assert found.edge_step == pytest.approx(1.8, abs=1e-3)
    np.testing.assert_allclose(found.values, edge(found.energies_ev, white_line=0.0), atol=2e-3)


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(1e-4, 1e4), offset=st.floats(-3, 3), slope=st.floats(-2e-3, 2e-3))
def test_scale_offset_and_a_common_slope_do_not_matter(scale, offset, slope):
    raw = scale * (edge(ENERGIES) + offset + slope * (ENERGIES - E0))
    first = normalise_spectrum(ENERGIES, edge(ENERGIES), name="x")
    second = normalise_spectrum(ENERGIES, raw, name="x", edge_ev=first.edge_ev)
    np.testing.assert_allclose(second.values, first.values, atol=1e-6)
    assert second.edge_step == pytest.approx(scale * first.edge_step, rel=1e-6)


def test_windows_are_those_documented_and_recorded():
    found = normalise_spectrum(ENERGIES, edge(ENERGIES), name="x", edge_ev=E0)
    assert found.pre_edge_ev == (E0 + PRE_EDGE_EV[0], E0 + PRE_EDGE_EV[1])
    assert found.post_edge_ev == (E0 + POST_EDGE_EV[0], E0 + POST_EDGE_EV[1])
    assert (
        "E0 7120.00 eV, edge step 1, pre-edge line 6970.0 to 7105.0 eV, post-edge line 7160.0 to 7320.0" in found.note
    )


def test_noise_moves_the_result_by_no_more_than_it_should():
    sigma, steps = 0.01, []
    for seed in range(60):
        noisy = edge(ENERGIES) + np.random.default_rng(seed).normal(0, sigma, ENERGIES.size)
        steps.append(normalise_spectrum(ENERGIES, noisy, name="x", edge_ev=E0).edge_step)
    # Variance of a line's value at E0 (Gauss): sigma^2 (1/n + centre^2 / sum of squares), of both windows.
    expected = 0.0
    for low, high in (PRE_EDGE_EV, POST_EDGE_EV):
        distance = np.arange(low, high + 0.25, 0.5)
        spread = np.sum((distance - distance.mean()) ** 2)
        expected += sigma**2 * (1 / distance.size + distance.mean() ** 2 / spread)
    assert np.std(steps) == pytest.approx(np.sqrt(expected), rel=0.35)
    assert np.mean(steps) == pytest.approx(1.0, abs=4 * np.sqrt(expected / 60) + 1e-3)


def test_the_fastest_rise_is_found_between_points():
    assert edge_energy_ev(ENERGIES, edge(ENERGIES, white_line=0.0)) == pytest.approx(E0, abs=0.25)


def test_a_short_window_gets_a_level_instead_of_a_line():
    energies = ENERGIES[(ENERGIES > E0 - 20.0) & (ENERGIES < E0 + 60.0)]
    tilted = edge(energies) + np.where(energies < E0, 0.01 * (energies - E0), 0.0)
    found = normalise_spectrum(energies, tilted, name="x", edge_ev=E0)
    inside = (energies >= found.pre_edge_ev[0]) & (energies <= found.pre_edge_ev[1])
    assert found.values[inside].mean() == pytest.approx(0.0, abs=1e-9)
    assert np.polyfit(energies[inside], found.values[inside], 1)[0] > 0.008  # the tilt is kept


@pytest.mark.parametrize(
    ("energies", "values", "words"),
    [
        (ENERGIES[:6], ENERGIES[:6], "x has 6 points; 8 or more are needed"),
        (ENERGIES, -edge(ENERGIES), r"x has an edge step of -.* no absorption edge stands out"),
        (ENERGIES, np.random.default_rng(0).normal(0, 1, ENERGIES.size), "no absorption edge stands out"),
        (ENERGIES[ENERGIES > E0 - 10], edge(ENERGIES[ENERGIES > E0 - 10]), r"takes 4 below the edge\. Measure further"),
        (ENERGIES[ENERGIES < E0 + 30], edge(ENERGIES[ENERGIES < E0 + 30]), r"takes 4 above the edge\. Measure further"),
    ],
)
def test_what_cannot_be_normalised_is_refused(energies, values, words):
    with pytest.raises(DataError, match=words):
        normalise_spectrum(energies, values, name="x")


def test_what_the_lines_do_not_describe_is_left_out():
    energies = np.arange(E0 - 400.0, E0 + 800.0, 1.0)
    curved = edge(energies) + 1e-6 * (energies - E0) ** 2
    found = normalise_spectrum(energies, curved, name="x", edge_ev=E0)
    assert (found.energies_ev[0], found.energies_ev[-1]) == (E0 - 200.0, E0 + 250.0)
    assert found.values.size == found.energies_ev.size
    np.testing.assert_allclose(found.values[-10:], 1.0, atol=0.03)
