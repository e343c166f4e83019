"""Non-negative fits against scipy on ten thousand problems, degenerate ones included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from xanesmap.errors import FitError
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.combination_model import MAXIMUM_CONDITION


def random_references(rng, *, n_phases, n_energies):
    """Edges at different energies: positive, correlated, some of them nearly parallel, as references are."""
    energies = np.linspace(0, 10, n_energies)
    centres = rng.uniform(1, 9, n_phases)[:, np.newaxis]
    return 0.5 + 0.5 * np.tanh((energies - centres) * rng.uniform(0.3, 3)) + 0.2 * rng.random((n_phases, n_energies))


def random_spectra(rng, references, *, n_voxels):
    """Mixtures in which phases are missing, with noise from nothing to more than the signal, and some of zeros."""
    amounts = rng.random((len(references), n_voxels)) * (rng.random((len(references), n_voxels)) < 0.6)
    noise = 10 ** rng.uniform(-12, 0.5, n_voxels)
    spectra = references.T @ amounts + noise * rng.standard_normal((references.shape[1], n_voxels))
    spectra[:, rng.random(n_voxels) < 0.02] = 0
    return spectra


PROBLEMS = 50
EXAMPLES = 200


def towards_a_mixture(rng, references, closeness):
    """The last reference moved towards a mixture of the others: at 0 it is one."""
    mixture = rng.dirichlet(np.ones(len(references) - 1)) @ references[:-1]
    references[-1] = mixture + closeness * (references[-1] - mixture)


def condition_number(references):
    return np.linalg.cond(references / np.linalg.norm(references, axis=1, keepdims=True))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_phases=st.integers(1, 9),
    spare=st.integers(0, 20),
    closeness=st.floats(-3, 0).map(lambda power: 10**power),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_ten_thousand_random_problems_have_the_solution_of_scipy(seed, n_phases, spare, closeness, scale):
    rng = np.random.default_rng(seed)
    references = random_references(rng, n_phases=n_phases, n_energies=n_phases + spare)
    if n_phases > 1:
        towards_a_mixture(rng, references, closeness)
    if condition_number(references) > MAXIMUM_CONDITION:
        with pytest.raises(FitError, match="cannot tell"):
            make_model(references, np.empty((0, references.shape[1])))
        # the same references, one of them moved away until a fit can tell them apart, so that every example counts
        references += np.eye(n_phases, references.shape[1])
    model = make_model(references, np.empty((0, references.shape[1])))
    spectra = scale * random_spectra(rng, references, n_voxels=PROBLEMS)
    fit = fit_combination(spectra, model, constraint="non-negative", variance=np.ones(len(spectra)))
    expected = np.transpose([nnls(references.T, spectrum, maxiter=10_000)[0] for spectrum in spectra.T])
    assert (fit.amounts >= 0).all()
    # of the largest amount, which noise of three times the signal and few energies can make a hundred
    np.testing.assert_allclose(fit.amounts, expected, rtol=0, atol=1e-8 * max(scale, np.abs(expected).max()))


def test_the_examples_are_ten_thousand_problems():
    assert EXAMPLES * PROBLEMS >= 10_000


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_phases=st.integers(2, 9), power=st.floats(-16, -6))
def test_references_as_good_as_collinear_are_reported_whatever_they_are(seed, n_phases, power):
    rng = np.random.default_rng(seed)
    references = random_references(rng, n_phases=n_phases, n_energies=n_phases + 15)
    towards_a_mixture(rng, references, 10**power)
    # at most 1e-6 of a reference sets it apart: no condition number of them is below 1e5
    with pytest.raises(FitError, match=r"cannot tell .*reference .* apart .*condition number"):
        make_model(references, np.empty((0, references.shape[1])))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_phases=st.integers(2, 9))
def test_spectra_on_the_edge_of_the_constraint_have_the_solution_of_scipy(seed, n_phases):
    """Exact mixtures without some phases: amounts and multipliers are zero at once, and rounding decides which set."""
    rng = np.random.default_rng(seed)
    references = random_references(rng, n_phases=n_phases, n_energies=n_phases + 10)
    if condition_number(references) > MAXIMUM_CONDITION:
        references += np.eye(*references.shape)
    amounts = rng.random((n_phases, PROBLEMS)) * (rng.random((n_phases, PROBLEMS)) < 0.5)
    model = make_model(references, np.empty((0, references.shape[1])))
    fit = fit_combination(references.T @ amounts, model, constraint="non-negative", variance=np.ones(n_phases + 10))
    np.testing.assert_allclose(fit.amounts, amounts, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n_phases", [3, 7])
@pytest.mark.parametrize("defect", ["the same", "a multiple", "a mixture", "nearly the same"])
def test_collinear_references_are_reported_and_not_split(n_phases, defect):
    rng = np.random.default_rng(5)
    references = random_references(rng, n_phases=n_phases, n_energies=30)
    references[-1] = {
        "the same": references[0],
        "a multiple": 2.5 * references[0],
        "a mixture": 0.3 * references[0] + 0.7 * references[1],
        "nearly the same": references[0] * (1 + 1e-7 * rng.standard_normal(30)),
    }[defect]
    names = [f"phase {number}" for number in range(n_phases)]
    with pytest.raises(FitError, match=rf"cannot tell .*phase {n_phases - 1}.* apart .*condition number"):
        make_model(references, np.empty((0, 30)), names=names)


def test_more_than_five_phases_keep_background_residual_and_type():
    rng = np.random.default_rng(2)
    references, energies = random_references(rng, n_phases=6, n_energies=25), np.linspace(-1, 1, 25)
    background = np.stack([np.ones_like(energies), energies])
    model = make_model(references, background, noise=rng.uniform(0.5, 2, 25))
    spectra = random_spectra(rng, references, n_voxels=80) - 0.3 + 0.2 * energies[:, np.newaxis]
    fit = fit_combination(spectra, model, constraint="non-negative")
    root = np.sqrt(model.weights)[:, np.newaxis]
    both_signs = np.concatenate([model.design, -model.design[:, 6:]], axis=1) * root
    solutions = np.transpose([nnls(both_signs, spectrum, maxiter=10_000)[0] for spectrum in (spectra * root).T])
    np.testing.assert_allclose(fit.amounts, solutions[:6], atol=1e-8)
    np.testing.assert_allclose(fit.background, solutions[6:8] - solutions[8:], atol=1e-8)
    left = spectra - model.design @ np.concatenate([fit.amounts, fit.background])
    np.testing.assert_allclose(fit.r_factor, (left**2).sum(0) / (spectra**2).sum(0), rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(fit.fraction.sum(axis=0), 1)
    single = fit_combination(spectra.astype(np.float32), model, constraint="non-negative")
    assert single.amounts.dtype == np.float32
    np.testing.assert_allclose(single.amounts, fit.amounts, atol=2e-2)


@pytest.mark.parametrize("n_phases", [2, 3, 4])
@pytest.mark.parametrize("share", [0.02, 0.9], ids=["few negative", "most negative"])
def test_voxels_are_solved_alike_whether_few_or_most_are_negative_and_missing_ones_stay_missing(n_phases, share):
    rng = np.random.default_rng(n_phases)
    references = random_references(rng, n_phases=n_phases, n_energies=20)
    amounts = rng.uniform(0.5, 1, (n_phases, 3000))
    spectra = references.T @ amounts
    noisy = rng.random(3000) < share
    spectra[:, noisy] = rng.standard_normal((20, np.count_nonzero(noisy)))
    spectra[3, ::100] = np.nan
    model = make_model(references, np.empty((0, 20)))
    fit = fit_combination(spectra, model, constraint="non-negative", variance=np.ones(20))
    assert np.isnan(fit.amounts[:, ::100]).all()
    present = np.isfinite(spectra).all(axis=0)
    expected = np.transpose([nnls(references.T, spectrum)[0] for spectrum in spectra[:, present].T])
    np.testing.assert_allclose(fit.amounts[:, present], expected, rtol=0, atol=1e-8 * max(1, expected.max()))
    left = spectra[:, present] - references.T @ expected
    squares = (spectra[:, present] ** 2).sum(axis=0)
    np.testing.assert_allclose(fit.r_factor[present], (left**2).sum(axis=0) / squares, atol=1e-10)
