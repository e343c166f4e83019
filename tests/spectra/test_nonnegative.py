"""Non-negative fits against scipy on ten thousand problems, degenerate ones included."""

import numpy as np
import pytest
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


@pytest.mark.parametrize("n_phases", [1, 2, 3, 4, 5, 6, 7, 9])
def test_ten_thousand_random_problems_have_the_solution_of_scipy(n_phases):
    rng = np.random.default_rng(100 + n_phases)
    solved = 0
    while solved < 10_000 // 8:
        references = random_references(rng, n_phases=n_phases, n_energies=n_phases + int(rng.integers(1, 20)))
        lengths = np.linalg.norm(references, axis=1, keepdims=True)
        if np.linalg.cond(references / lengths) > MAXIMUM_CONDITION:
            continue  # reported: see below
        model = make_model(references, np.empty((0, references.shape[1])))
        spectra = random_spectra(rng, references, n_voxels=50)
        fit = fit_combination(spectra, model, constraint="non-negative", variance=np.ones(len(spectra)))
        expected = np.transpose([nnls(references.T, spectrum, maxiter=10_000)[0] for spectrum in spectra.T])
        np.testing.assert_allclose(fit.amounts, expected, atol=1e-8)
        solved += spectra.shape[1]


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
