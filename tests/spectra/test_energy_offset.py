"""Energy offset: recovered within its error bar, harmless where there is none, refused where nothing tells it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.errors import FitError
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.spectra.absorption import attenuation_per_um, phase_constants
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.energy_offset import SEARCH_EV, fit_energy_offset
from xanesmap.spectra.reference import Reference, bundled_reference, sample_references

PHASES = [bundled_reference("LFP"), bundled_reference("FP")]
GRID = np.arange(7092.0, 7193.0, 2.0)
CHOSEN = np.array(CHOSEN_ENERGIES_EV)
STEP = phase_constants("LiFePO4").edge_step_per_um


def electrode(energies, *, offset_ev, lfp):
    """Attenuation `(energy, voxel)` of voxels of volume fraction `lfp`, recorded `offset_ev` below the references."""
    lfp, true = np.atleast_1d(lfp), energies + offset_ev
    both = np.stack([attenuation_per_um(phase, true) for phase in ("LiFePO4", "FePO4")], axis=1)
    return both @ np.stack([lfp, 1 - lfp])


def noisy(spectra, *, relative, seed):
    return spectra + np.random.default_rng(seed).normal(0, relative * STEP, spectra.shape)


def fraction_at(spectra, offset_ev, energies):
    sampled = sample_references(PHASES, energies, energy_offset_ev=offset_ev)
    return fit_combination(spectra, make_model(sampled, background_columns(energies))).fraction[0]


@pytest.mark.parametrize("energies", [GRID, CHOSEN, GRID[::2]], ids=["51", "24 chosen", "26"])
@pytest.mark.parametrize("true_ev", [-3.0, -1.38, 0.0, 0.4, 2.91])
def test_offset_of_a_scan_is_found_to_a_twentieth_of_an_ev_and_leaves_no_bias(energies, true_ev):
    # a particle of 26 voxels across with noise of a tenth of an edge step in each: less than any scan has
    lfp = np.random.default_rng(3).choice([0.0, 0.5, 1.0], 10_000)
    spectra = noisy(electrode(energies, offset_ev=true_ev, lfp=lfp), relative=0.1, seed=4)
    for given_spectra in (spectra, spectra.mean(axis=1)):
        found = fit_energy_offset(given_spectra, PHASES, energies)
        assert found.determined
        assert found.offset_ev == pytest.approx(true_ev, abs=0.05)
        assert found.offset_ev == pytest.approx(true_ev, abs=4 * found.sigma_ev + 0.005)
    pure = electrode(energies, offset_ev=true_ev, lfp=[0.0, 1.0])
    error = fraction_at(pure, found.offset_ev, energies) - [0.0, 1.0]
    assert np.abs(error).max() <= 0.005


@settings(max_examples=30, deadline=None)
@given(st.floats(-3.5, 3.5), st.floats(0, 1), st.floats(1e-3, 1e3))
def test_offset_of_any_mixture_is_exact_without_noise_whatever_the_scale(true_ev, lfp, scale):
    references = sample_references(PHASES, GRID, energy_offset_ev=true_ev)
    spectrum = scale * (np.array([lfp, 1 - lfp]) @ references + 0.4 * background_columns(GRID)[0])
    found = fit_energy_offset(spectrum, PHASES, GRID)
    assert found.offset_ev == pytest.approx(true_ev, abs=2e-4)
    np.testing.assert_allclose(found.fraction, [lfp, 1 - lfp], atol=1e-4)


@pytest.mark.parametrize("n_spectra", [1, 50])
def test_standard_error_is_the_scatter_of_the_offset(n_spectra):
    lfp = np.linspace(0, 1, n_spectra) if n_spectra > 1 else np.array([0.6])
    clean = electrode(CHOSEN, offset_ev=0.7, lfp=lfp)
    found = [fit_energy_offset(noisy(clean, relative=0.02, seed=seed), PHASES, CHOSEN) for seed in range(60)]
    offsets, sigmas = np.array([(fit.offset_ev, fit.sigma_ev) for fit in found]).T
    # a standard deviation from 60 draws is known to 9 %
    assert offsets.std() == pytest.approx(np.sqrt((sigmas**2).mean()), rel=0.3)
    assert abs(offsets.mean() - 0.7) < 4 * offsets.std() / np.sqrt(60) + 0.003


def test_many_noisy_voxels_do_not_pull_the_offset():
    # errors in the amounts of single voxels must not bias what they have in common
    spectra = noisy(electrode(CHOSEN, offset_ev=1.0, lfp=np.full(20000, 0.5)), relative=0.3, seed=1)
    found = fit_energy_offset(spectra, PHASES, CHOSEN)
    assert found.offset_ev == pytest.approx(1.0, abs=4 * found.sigma_ev)
    assert found.sigma_ev < 0.03


def test_a_scan_that_is_right_already_is_left_alone():
    spectra = noisy(electrode(CHOSEN, offset_ev=0.0, lfp=np.tile([0.0, 1.0], 5000)), relative=0.1, seed=2)
    found = fit_energy_offset(spectra.mean(axis=1), PHASES, CHOSEN)
    assert np.abs(found.fraction_per_ev * found.offset_ev).max() < 0.003


def test_a_drift_during_the_scan_is_found_and_a_single_offset_is_its_mean():
    moved = GRID + 1.0 + np.linspace(-0.3, 0.3, GRID.size)
    spectra = np.stack([attenuation_per_um(phase, moved) for phase in ("LiFePO4", "FePO4")], axis=1)
    found = fit_energy_offset(noisy(spectra, relative=0.002, seed=5), PHASES, GRID, drift="linear")
    assert found.offset_ev == pytest.approx(1.0, abs=0.03)
    assert found.drift_ev == pytest.approx(0.6, abs=4 * found.drift_sigma_ev)
    assert found.drift_sigma_ev < 0.1


def test_slope_of_the_fraction_is_that_of_fits_at_two_offsets():
    spectrum = electrode(GRID, offset_ev=0.5, lfp=[0.7])[:, 0]
    found = fit_energy_offset(spectrum, PHASES, GRID)
    fractions = [fraction_at(spectrum, found.offset_ev + step, GRID) for step in (-0.05, 0.05)]
    assert found.fraction_per_ev[0] == pytest.approx((fractions[1] - fractions[0]) / 0.1, rel=0.02)
    # SCIENCE.md 2.5: 0.013 for 0.1 eV
    assert abs(found.fraction_per_ev[0]) == pytest.approx(0.13, abs=0.03)
    assert found.fraction_per_ev.sum() == pytest.approx(0, abs=1e-9)


def test_energies_that_leave_the_references_are_not_used():
    short = [
        Reference(name=r.name, source="test", energies_ev=GRID, values=sample_references([r], GRID)[0]) for r in PHASES
    ]
    spectrum = electrode(GRID, offset_ev=2.2, lfp=[0.4])[:, 0]
    found = fit_energy_offset(spectrum, short, GRID)
    # references known every 2 eV only: interpolation between them costs a tenth of a step
    assert found.offset_ev == pytest.approx(2.2, abs=0.15)
    assert found.energies_ev[-1] < GRID[-1]


@pytest.mark.parametrize(
    ("spectrum", "energies", "words"),
    [
        (electrode(CHOSEN[::6], offset_ev=0, lfp=[0.5])[:, 0], CHOSEN[::6], "too few"),
        (background_columns(GRID)[0], GRID, "no edge"),
        (-electrode(GRID, offset_ev=0, lfp=[0.5])[:, 0], GRID, "no edge"),
        (electrode(GRID, offset_ev=8.0, lfp=[0.5])[:, 0], GRID, "beyond 5 eV"),
        (noisy(electrode(GRID, offset_ev=0, lfp=[0.5])[:, 0], relative=0.15, seed=1), GRID, "standard error|alike"),
    ],
    ids=["few energies", "no edge", "negative", "too far", "noise"],
)
def test_what_does_not_tell_an_offset_says_why(spectrum, energies, words):
    found = fit_energy_offset(spectrum, PHASES, energies)
    assert not found.determined
    assert re.search(words, found.doubt)
    assert abs(found.offset_ev) <= SEARCH_EV


def test_spectra_must_match_the_energies_and_be_finite():
    with pytest.raises(FitError, match="put energies first"):
        fit_energy_offset(np.ones((5, 3)), PHASES, GRID)
    broken = electrode(GRID, offset_ev=0, lfp=[0.5])
    broken[3] = np.nan
    with pytest.raises(FitError, match="not finite"):
        fit_energy_offset(broken, PHASES, GRID)
