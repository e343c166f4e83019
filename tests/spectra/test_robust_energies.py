"""Bad energies are found wherever they are, and good ones kept."""

import numpy as np
import pytest

from xanesmap.errors import FitError
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.reference import bundled_reference, sample_references
from xanesmap.spectra.robust_energies import trusted_energies

ENERGIES = np.array(CHOSEN_ENERGIES_EV)
PHASES = sample_references([bundled_reference("LFP"), bundled_reference("FP")], ENERGIES)
MODEL = make_model(PHASES, background_columns(ENERGIES))


def mixture(seed, *, noise=0.01, n=1):
    rng = np.random.default_rng(seed)
    lfp = rng.random(n)
    clean = PHASES.T @ np.stack([lfp, 1 - lfp]) + 0.4 * background_columns(ENERGIES).T
    return clean + noise * rng.standard_normal(clean.shape)


@pytest.mark.parametrize("n", [1, 300])
@pytest.mark.parametrize("bad", range(0, 24, 3))
def test_one_bad_energy_is_found_whatever_its_leverage(bad, n):
    spectra = mixture(bad, n=n)
    spectra[bad] += 0.3
    trusted = trusted_energies(spectra, MODEL)
    assert not trusted[bad]
    assert np.count_nonzero(~trusted) <= 3


def test_several_bad_energies_are_found_together_and_the_fraction_is_restored():
    bad = [0, 6, 11, 20]
    spectrum = mixture(1)
    spectrum[bad] += np.array([[0.4], [-0.3], [0.3], [-0.5]])
    trusted = trusted_energies(spectrum, MODEL)
    assert not trusted[bad].any()
    noise = np.where(trusted, 1.0, np.inf)
    robust = make_model(PHASES, background_columns(ENERGIES), noise=noise)
    truth = np.random.default_rng(1).random(1)
    error = abs(fit_combination(spectrum, robust).fraction[0] - truth)
    plain = abs(fit_combination(spectrum, MODEL).fraction[0] - truth)
    assert error < 0.05
    assert plain > 3 * error


def test_good_energies_are_kept():
    rejected = [np.count_nonzero(~trusted_energies(mixture(seed), MODEL)) for seed in range(60)]
    # four robust standard deviations of few residuals: about one energy in a hundred
    assert np.mean(rejected) < 0.03 * ENERGIES.size
    assert np.count_nonzero(~trusted_energies(mixture(0, n=2000), MODEL)) == 0


def test_exact_spectra_and_repeated_calls_are_kept_as_they_are():
    assert trusted_energies(mixture(0, noise=0.0), MODEL).all()
    np.testing.assert_array_equal(trusted_energies(mixture(3), MODEL), trusted_energies(mixture(3), MODEL))


def test_too_few_energies_are_refused():
    few = make_model(PHASES[:, ::5], background_columns(ENERGIES[::5]))
    with pytest.raises(FitError, match="three quarters of the energies have to exceed"):
        trusted_energies(mixture(0)[::5], few)
    with pytest.raises(FitError, match="for a model of 24 energies"):
        trusted_energies(np.ones(5), MODEL)
