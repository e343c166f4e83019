"""Reduced chi-square and the verdict on a voxel."""

import numpy as np
import pytest

from xanesmap.spectra.absorption import attenuation_per_um
from xanesmap.spectra.assessment import (
    Assessment,
    assess_fit,
    degrees_of_freedom,
    effective_energies,
    reduced_chi_square,
)
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.edge_normalisation import EdgeWindows, normalising_matrix
from xanesmap.spectra.reference import bundled_reference, sample_references

GRID = np.arange(7092.0, 7193.0, 2.0)
STEP = 0.046
PHASES = sample_references([bundled_reference("LFP"), bundled_reference("FP")], GRID)
MODEL = make_model(PHASES, background_columns(GRID))


def voxels(lfp, *, relative, n=4000, seed=0, extra=0.0):
    mixture = lfp * attenuation_per_um("LiFePO4", GRID) + (1 - lfp) * attenuation_per_um("FePO4", GRID) + extra
    sigma = np.linspace(0.8, 1.2, GRID.size) * relative * STEP
    noise = sigma[:, None] * np.random.default_rng(seed).standard_normal((GRID.size, n))
    return mixture[:, None] + noise, sigma**2


def verdicts(spectra, variance, model=MODEL):
    fit = fit_combination(spectra, model, variance=variance)
    chi_square = reduced_chi_square(spectra, np.concatenate([fit.amounts, fit.background]), model, variance=variance)
    return chi_square, assess_fit(
        fraction=fit.fraction,
        fraction_sigma=fit.fraction_sigma,
        amount=fit.amount,
        amount_sigma=fit.amount_sigma,
        chi_square=chi_square,
        n_free=degrees_of_freedom(model),
    )


@pytest.mark.parametrize("per_voxel", [False, True])
def test_reduced_chi_square_is_one_with_the_width_of_its_distribution(per_voxel):
    spectra, variance = voxels(0.4, relative=0.1)
    given = np.broadcast_to(variance[:, None], spectra.shape) if per_voxel else variance
    weighted = make_model(PHASES, background_columns(GRID), noise=np.sqrt(variance))
    chi_square, verdict = verdicts(spectra, given, weighted)
    n_free = GRID.size - 3
    assert chi_square.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / n_free / 4000) + 0.003)
    assert chi_square.std() == pytest.approx(np.sqrt(2 / n_free), rel=0.1)
    assert np.mean(verdict == Assessment.OK) > 0.99


def test_energies_without_weight_do_not_count():
    spectra, variance = voxels(0.4, relative=0.1)
    spectra[7] += 1.0
    noise = np.sqrt(variance)
    noise[7] = np.inf
    model = make_model(PHASES, background_columns(GRID), noise=noise)
    assert degrees_of_freedom(model) == GRID.size - 4
    chi_square, _ = verdicts(spectra, variance, model)
    assert chi_square.mean() == pytest.approx(1, abs=0.02)
    assert effective_energies(np.r_[np.ones(20), np.zeros(4)]) == pytest.approx(20)


def test_normalised_spectra_are_judged_with_their_own_noise():
    windows = EdgeWindows(edge_ev=7112.0, pre_edge_ev=(7090.0, 7108.0), post_edge_ev=(7157.0, 7200.0))
    matrix = normalising_matrix(GRID, kind="constant", windows=windows)
    model = make_model(PHASES, background_columns(GRID, kind="none"), matrix=matrix)
    spectra, variance = voxels(0.4, relative=0.2)
    chi_square, _ = verdicts(spectra, variance, model)
    # the level subtracted is shared by all energies, so that residuals are correlated: right to 10 % only
    assert chi_square.mean() == pytest.approx(1, abs=0.1)


def test_every_verdict_is_given_where_it_is_due():
    spectra, variance = voxels(0.5, relative=0.05)
    assert np.mean(verdicts(spectra, variance)[1] == Assessment.OK) > 0.99
    beyond, _ = voxels(1.6, relative=0.05)
    assert np.mean(verdicts(beyond, variance)[1] == Assessment.OUTSIDE_REFERENCES) > 0.99
    stranger = 0.4 * STEP * np.exp(-0.5 * ((GRID - 7118) / 2) ** 2)
    other, _ = voxels(0.5, relative=0.05, extra=stranger)
    assert np.mean(verdicts(other, variance)[1] == Assessment.POOR_FIT) > 0.99
    air = np.sqrt(variance)[:, None] * np.random.default_rng(1).standard_normal((GRID.size, 4000))
    assert np.mean(verdicts(air, variance)[1] == Assessment.NO_SIGNAL) > 0.99


def test_no_energy_left_over_gives_no_chi_square():
    energies = np.array([7100.0, 7126.0, 7190.0])
    phases = sample_references([bundled_reference("LFP"), bundled_reference("FP")], energies)
    model = make_model(phases, background_columns(energies))
    chi_square = reduced_chi_square(np.ones((3, 4)), np.ones((3, 4)), model, variance=np.ones(3))
    assert np.isnan(chi_square).all()
