"""The fit on real abundance maps and real references, and against another program's answer."""

import os
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from xanesmap.spectra.assessment import reduced_chi_square
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.library import load_library
from xanesmap.spectra.reference import sample_references

SHARED = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data"
STACK = SHARED / "stacks/semisynthetic_hxn_lfp/stack.h5"
LIBRARY = SHARED / "spectra/fe_lfp_fepo4_hxn/FeLibNov2021.nor"

COUNTS = 4000.0  # per unit of signal, and a background of 0.002 beside it: make.py of the stack
FLOOR = 0.002


@pytest.fixture(scope="module")
def stack():
    if not STACK.is_file():
        pytest.skip("the semi-synthetic stack is not here")
    with h5py.File(STACK) as file:
        return SimpleNamespace(
            energies=file["energy_eV"][:],
            spectra=file["stack_noisy"][:].astype(np.float64),
            clean=file["stack_clean"][:].astype(np.float64),
            truth=file["truth_maps"][:].astype(np.float64),
            references=file["references"][:].astype(np.float64),
        )


@pytest.fixture(scope="module")
def fitted(stack):
    """Fit with weights from the mean counts, and the variance of every datum from its own counts."""
    variance = (stack.clean + FLOOR) / COUNTS
    noise = np.sqrt(variance.mean(axis=(1, 2)))
    model = make_model(stack.references, background_columns(stack.energies, kind="constant"), noise=noise)
    return fit_combination(stack.spectra, model, variance=variance), model, variance


def test_amounts_match_the_truth_within_the_noise_of_their_counts(stack, fitted):
    fit, model, variance = fitted
    estimator = model.solver[:4]
    for phase, truth in enumerate(stack.truth):
        sigma = np.sqrt(np.tensordot(estimator[phase] ** 2, variance, 1))
        pull = (fit.amounts[phase] - truth) / sigma
        # 9216 pixels: the width is known to 0.7 %, the mean to 0.01; counts of dark pixels are not normal
        assert pull.std() == pytest.approx(1, abs=0.04)
        assert abs(pull.mean()) < 4 / np.sqrt(pull.size)


def test_fractions_lie_within_one_sigma_as_often_as_they_should(stack, fitted):
    fit, _, _ = fitted
    strong = fit.amount > 20 * fit.amount_sigma
    truth = stack.truth[:, strong] / stack.truth[:, strong].sum(axis=0)
    pull = (fit.fraction[:, strong] - truth) / fit.fraction_sigma[:, strong]
    assert strong.sum() > 1000
    assert np.mean(np.abs(pull) < 1) == pytest.approx(0.683, abs=0.02)


def test_residuals_are_the_noise(stack, fitted):
    fit, model, variance = fitted
    coefficients = np.concatenate([fit.amounts, fit.background])
    chi_square = reduced_chi_square(stack.spectra, coefficients, model, variance=variance)
    bright = stack.clean.mean(axis=0) > 0.02
    assert chi_square[bright].mean() == pytest.approx(1, abs=0.03)


def test_non_negative_amounts_are_nearer_to_the_truth_and_still_close(stack, fitted):
    free, model, variance = fitted
    fit = fit_combination(stack.spectra, model, constraint="non-negative", variance=variance)
    errors = [np.sqrt(np.mean((found.amounts - stack.truth) ** 2, axis=(1, 2))) for found in (free, fit)]
    assert (errors[1] <= errors[0] + 1e-9).all()
    # the file's own remark: non-negative least squares recovers the maps to 0.002-0.004
    assert errors[1].max() < 0.004


def test_larch_finds_the_same_weights():
    lincombo = pytest.importorskip("larch.math.lincombo_fitting", reason="xraylarch is not installed")
    if not LIBRARY.is_file():
        pytest.skip("the measured library is not here")
    library = {reference.name: reference for reference in load_library(LIBRARY)}
    names = [next(n for n in library if key in n) for key in ("LiFe", "Fe(III)PO4", "Pyrite")]
    energies = np.arange(7095.0, 7195.0, 0.5)
    curves = sample_references([library[name] for name in names], energies)
    unknown = np.array([0.55, 0.3, 0.15]) @ curves + 0.01 * np.random.default_rng(0).standard_normal(energies.size)
    groups = [
        SimpleNamespace(energy=energies, norm=values, filename=name, groupname=f"g{number}")
        for number, (name, values) in enumerate(zip(["unknown", *names], [unknown, *curves], strict=True))
    ]
    theirs = lincombo.lincombo_fit(groups[0], groups[1:], sum_to_one=False, xmin=7095, xmax=7195)
    model = make_model(curves, np.empty((0, energies.size)))
    ours = fit_combination(unknown, model)
    # larch's minimiser stops when nothing changes by 1e-6 or so; it prints six digits
    np.testing.assert_allclose(ours.amounts, [theirs.weights[name] for name in names], atol=2e-5)
    assert ours.r_factor == pytest.approx(theirs.rfactor, rel=1e-4)
