"""Reduced chi-square and verdict of every voxel of a result."""

import numpy as np
import pytest

from xanesmap.phasemap.mapping.voxel_fit import fit_slab
from xanesmap.phasemap.result import open_result
from xanesmap.spectra.assessment import Assessment
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import amount_covariance, make_model
from xanesmap.spectra.reference import bundled_reference, sample_references

ENERGIES = np.arange(7092.0, 7193.0, 4.0)
PHASES = sample_references([bundled_reference("LFP"), bundled_reference("FP")], ENERGIES)
SIGMA = np.linspace(0.8, 1.2, ENERGIES.size) * 0.08
MODEL = make_model(PHASES, background_columns(ENERGIES), noise=SIGMA)


def slab(*, lfp=0.4, factor=1.0, extra=0.0):
    """`(energy, row, y, x)` of one mixture, its noise `factor` times that of the weights."""
    clean = lfp * PHASES[0] + (1 - lfp) * PHASES[1] + 0.4 + extra
    noise = np.random.default_rng(0).standard_normal((ENERGIES.size, 3, 20, 20))
    return (clean[:, None, None, None] + factor * SIGMA[:, None, None, None] * noise).astype(np.float32)


def covariances(factor=1.0):
    one = amount_covariance(MODEL, (factor * SIGMA) ** 2)
    return [np.broadcast_to(one[:, :, None, None], (2, 2, 20, 20)).astype(np.float32)] * 3


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_chi_square_is_one_whatever_the_noise_of_a_voxel(factor):
    maps = fit_slab(slab(factor=factor), MODEL, covariances(factor), constraint="free")
    n_free = ENERGIES.size - 3
    assert maps["chi_square"].mean() == pytest.approx(1, abs=4 * np.sqrt(2 / n_free / 1200) + 0.01)
    assert np.mean(maps["assessment"] == Assessment.OK) > 0.98


def test_noise_that_is_understated_or_a_stranger_shows_as_a_poor_fit():
    understated = fit_slab(slab(factor=2.0), MODEL, covariances(1.0), constraint="free")
    assert understated["chi_square"].mean() == pytest.approx(4, rel=0.1)
    stranger = fit_slab(slab(extra=0.6 * (ENERGIES == 7116)), MODEL, covariances(), constraint="free")
    assert np.mean(stranger["assessment"] == Assessment.POOR_FIT) > 0.9


def test_residuals_cannot_be_held_against_themselves():
    maps = fit_slab(slab(factor=2.0), MODEL, covariances(2.0), constraint="free", noise="from residuals")
    assert "chi_square" not in maps
    assert set(np.unique(maps["assessment"])) <= {Assessment.OK, Assessment.OUTSIDE_REFERENCES}


def test_a_result_holds_both_and_nothing_outside_the_sample(small_result):
    result = open_result(small_result.path)
    inside = result.mask.values > 0
    chi_square, assessment = result.chi_square.values, result.assessment.values
    assert np.isnan(chi_square[~inside]).all()
    assert (assessment[~inside] == Assessment.OUTSIDE_SAMPLE).all()
    assert np.nanmedian(chi_square) == pytest.approx(1, abs=0.35)
    assert np.mean(assessment[inside] == Assessment.OK) > 0.9
