"""Normalising data and references with one matrix: what it removes, and that it leaves the fraction alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.spectra.absorption import attenuation_per_um, phase_constants
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import amount_covariance, fit_combination, make_model
from xanesmap.spectra.edge_normalisation import (
    EdgeWindows,
    edge_step_weights,
    normalisation_warning,
    normalising_matrix,
)
from xanesmap.spectra.reference import bundled_reference, sample_references

GRID = np.arange(7092.0, 7193.0, 2.0)
WINDOWS = EdgeWindows(edge_ev=7112.0, pre_edge_ev=(7040.0, 7107.0), post_edge_ev=(7157.0, 7312.0))
LONG = np.r_[np.arange(7040.0, 7092.0, 5.0), GRID]
PHASES = [bundled_reference("LFP"), bundled_reference("FP")]
KINDS = ["constant", "global-slope", "line"]


def normalised_model(energies, kind, *, post_edge="none", total=None):
    matrix = normalising_matrix(energies, kind=kind, windows=WINDOWS, post_edge=post_edge, total=total)
    return make_model(sample_references(PHASES, energies), background_columns(energies, kind="none"), matrix=matrix)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from(["none", "line"]), st.floats(0, 1), st.floats(-2, 2), st.floats(1, 9))
def test_fraction_is_exact_where_the_background_is_of_the_kind_removed(kind, post_edge, lfp, level, amount):
    mixture = np.array([lfp, 1 - lfp]) @ sample_references(PHASES, LONG)
    slope = 1 - 0.002 * (LONG - 7100)
    background = {"constant": np.ones_like(LONG), "line": 1 + level * (LONG - 7100) / 50, "global-slope": slope}[kind]
    spectrum = amount * mixture + (abs(level) + 0.1) * background
    fit = fit_combination(spectrum, normalised_model(LONG, kind, post_edge=post_edge, total=slope))
    # the edge itself begins within the pre-edge, 0.3 % of it: with that level goes a slope that is not there
    np.testing.assert_allclose(fit.fraction, [lfp, 1 - lfp], atol=2e-3 if kind == "global-slope" else 1e-9)
    assert fit.amount == pytest.approx(amount, rel=0.02 if kind == "global-slope" else 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("post_edge", ["none", "line"])
def test_attenuation_of_real_phases_is_normalised_without_a_bias_by_phase(kind, post_edge):
    pure = np.stack([attenuation_per_um(phase, LONG) for phase in ("LiFePO4", "FePO4")], axis=1)
    model = normalised_model(LONG, kind, post_edge=post_edge, total=pure.sum(axis=1))
    fraction = fit_combination(pure, model).fraction[0]
    # a constant misses the fall of the background, as a constant column does (background.py: 0.005)
    np.testing.assert_allclose(fraction, [1, 0], atol=0.02 if kind == "constant" else 0.004)


def test_a_post_edge_line_is_level_and_a_pre_edge_is_zero():
    spectrum = attenuation_per_um("LiFePO4", LONG)
    flat = normalising_matrix(LONG, kind="line", windows=WINDOWS, post_edge="line") @ spectrum
    before, after = (LONG < 7107), (LONG >= 7157)
    assert np.polyfit(LONG[before], flat[before], 1) == pytest.approx([0, 0], abs=1e-9)
    assert np.polyfit(LONG[after], flat[after], 1)[0] == pytest.approx(0, abs=1e-12)


def test_edge_step_is_that_of_the_phase():
    step = edge_step_weights(LONG, windows=WINDOWS)
    flat_edge = 0.7 * (LONG > 7112) + 0.3 - 1e-3 * (LONG - 7112)
    assert step @ flat_edge == pytest.approx(0.7)
    level = edge_step_weights(GRID, windows=WINDOWS, kind="constant")
    assert level @ (0.7 * (GRID > 7112) + 0.3) == pytest.approx(0.7)
    # within 5 % for either phase (SCIENCE.md 2.5), where a line through the last oscillation would halve that of FePO4
    for phase in ("LiFePO4", "FePO4"):
        expected = phase_constants(phase).edge_step_per_um
        assert level @ attenuation_per_um(phase, GRID) == pytest.approx(expected, rel=0.08)


def test_covariance_of_a_normalised_fit_is_the_scatter_of_its_amounts():
    model, rng = normalised_model(GRID, "line"), np.random.default_rng(0)
    noise = rng.uniform(0.02, 0.06, GRID.size)
    clean = np.array([0.6, 0.4]) @ sample_references(PHASES, GRID)
    spectra = clean[:, None] + noise[:, None] * rng.standard_normal((GRID.size, 20000))
    fit = fit_combination(spectra, model, variance=noise**2)
    np.testing.assert_allclose(np.cov(fit.amounts), amount_covariance(model, noise**2), rtol=0.05)
    assert np.std((fit.fraction[0] - 0.6) / fit.fraction_sigma[0]) == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(model.solver[:2] @ spectra, fit.amounts, atol=1e-9)


def test_a_line_per_voxel_costs_far_more_noise_than_a_column():
    # SCIENCE.md 2.5: sd of the fraction 0.208 against 0.05 at noise 0.10, f = 0, on the 51 energies
    windows = EdgeWindows(edge_ev=7112.0, pre_edge_ev=(7040.0, 7106.0), post_edge_ev=(7157.0, 7312.0))
    matrix = normalising_matrix(GRID, kind="line", windows=windows)
    sampled = sample_references(PHASES, GRID)
    with_line = make_model(sampled, background_columns(GRID, kind="none"), matrix=matrix)
    with_column = make_model(sampled, background_columns(GRID))
    sigma = [
        fit_combination(sampled[1], m, variance=np.ones(GRID.size)).fraction_sigma[0] for m in (with_line, with_column)
    ]
    assert sigma[0] / sigma[1] == pytest.approx(4.2, abs=0.8)


@pytest.mark.parametrize("shape", [(3, 5), (40_000,)], ids=["small", "several blocks"])
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads_change_nothing(shape, threads):
    model, rng = normalised_model(GRID, "line"), np.random.default_rng(1)
    spectra = rng.random((GRID.size, *shape)).astype(np.float32)
    variance = rng.uniform(0.5, 1, spectra.shape).astype(np.float32)
    whole = fit_combination(spectra, model, variance=variance, threads=threads)
    direct = np.tensordot(model.solver[:2], spectra, 1)
    np.testing.assert_allclose(whole.amounts, direct, rtol=1e-3, atol=2e-3)


def test_a_short_pre_edge_is_warned_of_and_an_empty_one_refused():
    assert normalisation_warning(LONG, kind="line", windows=WINDOWS) is None
    assert normalisation_warning(GRID, kind="constant", windows=WINDOWS) is None
    warning = normalisation_warning(GRID, kind="line", windows=WINDOWS)
    assert warning is not None
    assert "14 eV of pre-edge (8 energies)" in warning
    after = GRID[GRID > 7110]
    with pytest.raises(DataError, match=r"no energy of the scan .* lies in the pre-edge window"):
        normalising_matrix(after, kind="constant", windows=WINDOWS)
    with pytest.raises(DataError, match="takes two energies"):
        normalising_matrix(np.r_[7100.0, after], kind="global-slope", windows=WINDOWS, total=np.ones(after.size + 1))
    with pytest.raises(DataError, match="needs the spectrum summed"):
        normalising_matrix(LONG, kind="global-slope", windows=WINDOWS)
    with pytest.raises(DataError, match="no relative slope"):
        normalising_matrix(LONG, kind="global-slope", windows=WINDOWS, total=-np.ones_like(LONG))


@pytest.mark.parametrize(
    "before", [(7100.0,), (7092.0, 7106.0), (7092.0, 7100.0, 7106.0), (7100.0, 7101.0, 7102.0, 7103.0)]
)
def test_a_line_per_voxel_from_few_energies_is_refused_with_what_to_use(before):
    energies = np.r_[before, np.arange(7112.0, 7193.0, 2.0)]
    with pytest.raises(DataError, match=rf"{len(before)} energies over .* times the noise .* use 'constant'"):
        normalising_matrix(energies, kind="line", windows=WINDOWS)
    normalising_matrix(energies, kind="constant", windows=WINDOWS)


def test_a_post_edge_line_from_few_energies_is_refused():
    energies = np.r_[np.arange(7040.0, 7150.0, 5.0), 7170.0, 7180.0, 7190.0]
    with pytest.raises(DataError, match=r"3 energies over 20 eV .* continued to 7112.0 eV .* use 'none'"):
        normalising_matrix(energies, kind="constant", windows=WINDOWS, post_edge="line")


@pytest.mark.parametrize("used", [8, 12])
def test_the_error_by_which_a_line_is_judged_is_the_scatter_of_continued_lines(used):
    energies = np.r_[7106.0 - 2.0 * np.arange(used)[::-1], 7112.0, 7192.0]
    noise = np.random.default_rng(used).standard_normal((energies.size, 20_000))
    noise[-2:] = 0
    scatter = np.std((normalising_matrix(energies, kind="line", windows=WINDOWS) @ noise)[-1])
    x = np.arange(used) - (used - 1) / 2
    # textbook: 1/n + d^2 / sum (x - mean)^2, x in steps of 2 eV
    d = (7192.0 - energies[:used].mean()) / 2
    assert scatter == pytest.approx(np.sqrt(1 / used + d**2 / (x**2).sum()), rel=0.03)
    assert scatter < 8
