"""Energies ranked by what they tell."""

from itertools import pairwise

import numpy as np
import pytest

from xanesmap.errors import FitError
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.energy_offset import fit_energy_offset
from xanesmap.spectra.energy_ranking import rank_energies
from xanesmap.spectra.reference import bundled_reference, sample_references, sample_slopes

GRID = np.arange(7092.0, 7193.0, 2.0)
PHASES = [bundled_reference("LFP"), bundled_reference("FP")]
SAMPLED = sample_references(PHASES, GRID)


def ranked(grid=GRID, **options):
    return rank_energies(grid, sample_references(PHASES, grid), background_columns(grid, kind="constant"), **options)


def test_sigma_of_each_set_is_that_of_a_fit_at_its_energies():
    for energy_set in ranked()[::10]:
        energies = np.array(energy_set.energies_ev)
        model = make_model(sample_references(PHASES, energies), background_columns(energies, kind="constant"))
        mixtures = model.design[:, :2] @ np.array([[1, 0, 0.5], [0, 1, 0.5]])
        fit = fit_combination(mixtures, model, variance=np.ones(energies.size))
        assert energy_set.sigma_fraction == pytest.approx(fit.fraction_sigma.max(), rel=1e-6)


def test_chosen_sets_beat_those_chosen_by_hand():
    by_size = {len(s.energies_ev): s for s in ranked()}
    # SCIENCE.md 2.5, equal mixture, free fit with a constant column: 51 uniform 0.474, 16 chosen 0.55, 8 chosen 0.73;
    # a pure phase, which counts here, is up to 10 % worse
    assert 0.474 * 0.95 < by_size[51].sigma_fraction < 0.474 * 1.12
    assert by_size[16].sigma_fraction < 0.55 * 1.12
    assert by_size[8].sigma_fraction < 0.73 * 1.12
    # at equal dose few energies beat many
    assert by_size[16].sigma_equal_dose < by_size[51].sigma_equal_dose


def test_sets_are_nested_and_lose_information_one_by_one():
    sets = ranked()
    for larger, smaller in pairwise(sets):
        assert set(larger.energies_ev) - set(smaller.energies_ev) == {larger.removed_ev}
        assert smaller.sigma_fraction >= larger.sigma_fraction - 1e-12
    assert len(sets[-1].energies_ev) == 4
    assert np.isnan(sets[-1].removed_ev)


def test_energies_where_the_spectra_cross_go_first_and_the_white_lines_stay():
    removed = [s.removed_ev for s in ranked()]
    kept = np.array(ranked()[-8].energies_ev)
    assert np.abs(kept - 7126).min() <= 2
    assert 7126.0 not in removed[:25]


def test_noisy_energies_go_first():
    noise = np.where(np.abs(GRID - 7126) < 3, 50.0, 1.0)
    assert 7126.0 in [s.removed_ev for s in ranked(noise=noise)[:12]]


def test_error_of_the_offset_is_that_of_fitting_it():
    slopes = sample_slopes(PHASES, GRID)
    sets = ranked(slopes=slopes)
    assert [s.energies_ev for s in sets] == [s.energies_ev for s in ranked()]
    noise, mixture = 0.003, sample_references(PHASES, GRID).mean(axis=0)
    rng = np.random.default_rng(0)
    offsets = [
        fit_energy_offset(
            2 * mixture + noise * 2 * rng.standard_normal(GRID.size), PHASES, GRID, background="constant"
        ).offset_ev
        for _ in range(60)
    ]
    assert np.std(offsets) == pytest.approx(sets[0].sigma_offset_ev * noise, rel=0.3)
    assert all(np.isnan(s.sigma_offset_ev) for s in ranked())


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(FitError, match="3 energies cannot be ranked for 3 coefficients"):
        rank_energies(GRID[:3], SAMPLED[:, :3], background_columns(GRID[:3]))
    with pytest.raises(FitError, match="references that they can tell apart"):
        rank_energies(GRID, SAMPLED[[0, 0]], background_columns(GRID))
