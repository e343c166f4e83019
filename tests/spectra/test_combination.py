"""Linear combination fit: recovery, error bars, constraints, bias."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from xanesmap.errors import FitError
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import amount_covariance, fit_combination, fraction_and_sigma, make_model
from xanesmap.spectra.reference import bundled_reference, sample_references

UNIFORM = np.arange(7092.0, 7193.0, 2.0)
ENERGY_SETS = {
    "2 eV": UNIFORM,
    "1 eV": np.arange(7092.0, 7192.5, 1.0),
    "5 eV": np.arange(7092.0, 7192.5, 5.0),
    "edge only": np.arange(7115.0, 7150.5, 1.0),
    "8 chosen": np.array([7095.0, 7105.0, 7121.0, 7125.0, 7128.0, 7132.0, 7139.0, 7190.0]),
    "4 chosen": np.array([7100.0, 7126.0, 7134.0, 7190.0]),
}
PHASES = [bundled_reference("LFP"), bundled_reference("FP")]


def electrode_model(energies=UNIFORM, *, kind="victoreen", offset_ev=0.0, noise=None):
    references = sample_references(PHASES, energies, energy_offset_ev=offset_ev)
    return make_model(references, background_columns(energies, kind=kind), noise=noise, names=["LiFePO4", "FePO4"])


def noisy_spectra(model, coefficients, *, sigma, shape, seed):
    """Spectra `(energy, *shape)` of one mixture with independent Gaussian noise."""
    clean = model.design @ np.asarray(coefficients)
    rng = np.random.default_rng(seed)
    sigma = np.broadcast_to(sigma, clean.shape).reshape(-1, *(1,) * len(shape))
    return clean.reshape(-1, *(1,) * len(shape)) + sigma * rng.standard_normal((len(clean), *shape))


def random_model(rng, *, n_phases, n_background, weighted=False):
    n_energies = n_phases + n_background + int(rng.integers(2, 20))
    noise = rng.uniform(0.3, 3.0, n_energies) if weighted else None
    references = rng.random((n_phases, n_energies))
    return make_model(references, rng.normal(size=(n_background, n_energies)), noise=noise)


# sigma of a fraction per unit of noise, SCIENCE.md 2.5: free fit, and with a constant column


@pytest.mark.parametrize(
    ("energies", "free", "with_constant"),
    [
        ("2 eV", 0.468, 0.474),
        ("1 eV", 0.33, 0.335),
        ("5 eV", 0.71, 0.72),
        ("edge only", 0.34, 0.36),
        ("8 chosen", 0.71, 0.73),
        ("4 chosen", 0.94, 0.94),
    ],
)
def test_sigma_of_the_fraction_agrees_with_the_published_table(energies, free, with_constant):
    grid = ENERGY_SETS[energies]
    for kind, expected in (("none", free), ("constant", with_constant)):
        model = electrode_model(grid, kind=kind)
        mixture = model.design @ np.array([0.5, 0.5, 0.0][: len(model.solver)])
        fit = fit_combination(mixture, model, variance=np.ones(grid.size))
        # Rounding of the table's entries, and what measured spectra differ from the formula.
        assert fit.fraction_sigma[0] == pytest.approx(expected, rel=0.05)


def test_sigma_with_a_known_sum_is_the_inverse_distance_of_the_references():
    references = sample_references(PHASES, UNIFORM)
    distance = np.sqrt(((references[0] - references[1]) ** 2).sum())
    fit = fit_combination(
        references[0], electrode_model(kind="none"), constraint="sum-to-one", variance=np.ones(UNIFORM.size)
    )
    assert fit.fraction_sigma[0] == pytest.approx(1.0 / distance)
    assert fit.fraction_sigma[0] == pytest.approx(0.468, rel=0.05)
    assert fit.amount == pytest.approx(1.0)
    assert fit.amount_sigma == pytest.approx(0.0, abs=1e-6)


def test_victoreen_column_costs_no_more_noise_than_a_constant():
    sigmas = [
        fit_combination(m.design.sum(axis=1), m, variance=np.ones(51)).fraction_sigma[0]
        for m in (electrode_model(kind="victoreen"), electrode_model(kind="constant"))
    ]
    assert sigmas[0] == pytest.approx(sigmas[1], rel=0.01)


# recovery


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("variance_kind", ["residuals", "per energy", "per datum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_the_fraction_are_as_large_as_their_sigma(seed, variance_kind, weighted):
    energies = ENERGY_SETS["5 eV"]
    sigma = 0.002 * (np.linspace(0.5, 2.0, energies.size) if weighted else np.ones(energies.size))
    model = electrode_model(energies, noise=sigma if weighted else None)
    truth = np.array([0.03, 0.012, 0.017])
    n_voxels = 20_000
    spectra = noisy_spectra(model, truth, sigma=sigma, shape=(n_voxels,), seed=seed)
    variances = {
        "residuals": None,
        "per energy": sigma**2,
        "per datum": np.broadcast_to((sigma**2)[:, np.newaxis], spectra.shape),
    }
    fit = fit_combination(spectra, model, variance=variances[variance_kind])
    error = fit.fraction[0] - truth[0] / truth[:2].sum()
    pull = error / fit.fraction_sigma[0]
    # Student's t with 18 degrees of freedom has a standard deviation of sqrt(18/16) = 1.06.
    width = np.sqrt(18 / 16) if variance_kind == "residuals" else 1.0
    assert pull.std() == pytest.approx(width, abs=4 * width / np.sqrt(n_voxels) + 0.01)
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(n_voxels) + 1e-4
    amount_pull = (fit.amount - truth[:2].sum()) / fit.amount_sigma
    assert amount_pull.std() == pytest.approx(width, abs=4 * width / np.sqrt(n_voxels) + 0.01)


def test_average_of_a_pure_region_is_not_pulled_in_by_clipping():
    model = electrode_model()
    spectra = noisy_spectra(model, [0.045, 0.0, 0.017], sigma=0.17 * 0.045, shape=(40_000,), seed=3)
    free = fit_combination(spectra, model)
    sigma = free.fraction[0].std()
    assert abs(free.fraction[0].mean() - 1.0) < 0.05 * sigma
    assert (free.fraction[0] > 1.0).mean() == pytest.approx(0.5, abs=0.05)
    pinned = fit_combination(spectra, model, constraint="non-negative")
    assert pinned.fraction[0].mean() - 1.0 == pytest.approx(-0.4 * sigma, abs=0.06 * sigma)


def test_a_wrong_energy_scale_biases_the_fraction_as_published():
    model = electrode_model(kind="constant")
    biases = []
    for shift in (1.0, -1.0):
        # Data that lie `shift` eV above the references.
        recorded = sample_references(PHASES, UNIFORM - shift)
        mixture = recorded.mean(axis=0)
        biases.append(fit_combination(mixture, model).fraction[0] - 0.5)
        corrected = electrode_model(kind="constant", offset_ev=-shift)
        assert fit_combination(mixture, corrected).fraction[0] == pytest.approx(0.5, abs=1e-6)
    assert biases[0] == pytest.approx(-0.13, abs=0.02)
    assert biases[1] > 0.1


@settings(deadline=None)  # the first call compiles
@given(
    fraction=st.floats(0.0, 1.0),
    amount=st.floats(1e-3, 10.0),
    background=st.floats(-1.0, 1.0),
    scale=st.floats(1e-3, 1e3),
)
def test_noise_free_mixtures_are_recovered_whatever_the_scale(fraction, amount, background, scale):
    model = electrode_model(ENERGY_SETS["5 eV"])
    spectrum = scale * (model.design @ [fraction * amount, (1 - fraction) * amount, background])
    for constraint in ("free", "non-negative"):
        fit = fit_combination(spectrum, model, constraint=constraint)
        np.testing.assert_allclose(fit.fraction, [fraction, 1 - fraction], atol=1e-8)
        assert fit.amount == pytest.approx(amount * scale, rel=1e-8)
        assert fit.fraction.sum() == pytest.approx(1.0, abs=1e-12)
        assert fit.r_factor < 1e-20


def test_float32_keeps_the_residuals_of_an_almost_perfect_fit():
    model = electrode_model()
    spectra = noisy_spectra(model, [0.03, 0.01, 0.017], sigma=1e-6, shape=(2000,), seed=1)
    exact = fit_combination(spectra, model)
    single = fit_combination(spectra.astype(np.float32), model)
    assert single.fraction.dtype == single.r_factor.dtype == np.float32
    assert np.median(single.fraction_sigma / exact.fraction_sigma) == pytest.approx(1.0, abs=0.05)


def test_r_factor_is_the_share_of_the_squares_left_over():
    rng = np.random.default_rng(0)
    for weighted in (False, True):
        model = random_model(rng, n_phases=2, n_background=1, weighted=weighted)
        spectra = rng.normal(size=(len(model.weights), 500))
        for constraint in ("free", "non-negative", "sum-to-one"):
            fit = fit_combination(spectra, model, constraint=constraint)
            left = spectra - model.design @ np.concatenate([fit.amounts, fit.background])
            np.testing.assert_allclose(fit.r_factor, (left**2).sum(0) / (spectra**2).sum(0), rtol=1e-9)


# constraints


def exact_nonnegative(model, spectrum):
    """Non-negative phases and free background by scipy: each background column with both signs."""
    root = np.sqrt(model.weights)
    columns = model.design * root[:, np.newaxis]
    k = model.n_phases
    solution, _ = nnls(np.concatenate([columns, -columns[:, k:]], axis=1), spectrum * root, maxiter=10_000)
    n_background = columns.shape[1] - k
    return np.concatenate([solution[:k], solution[k : k + n_background] - solution[k + n_background :]])


@pytest.mark.parametrize("n_phases", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_nonnegative_fit_equals_scipy_nnls(n_phases, weighted):
    rng = np.random.default_rng(n_phases)
    for n_background in (0, 1, 2):
        model = random_model(rng, n_phases=n_phases, n_background=n_background, weighted=weighted)
        spectra = rng.normal(size=(len(model.weights), 200))
        fit = fit_combination(spectra, model, constraint="non-negative")
        expected = np.transpose([exact_nonnegative(model, spectrum) for spectrum in spectra.T])
        np.testing.assert_allclose(np.concatenate([fit.amounts, fit.background]), expected, atol=1e-8)
        assert (fit.amounts >= 0).all()
        assert (fit.amounts == 0).any()


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_phases=st.integers(1, 5), n_background=st.integers(0, 2))
def test_nonnegative_solution_meets_the_optimality_conditions(seed, n_phases, n_background):
    rng = np.random.default_rng(seed)
    model = random_model(rng, n_phases=n_phases, n_background=n_background, weighted=True)
    spectra = rng.normal(size=(len(model.weights), 20))
    fit = fit_combination(spectra, model, constraint="non-negative")
    left = spectra - model.design @ np.concatenate([fit.amounts, fit.background])
    gradient = model.design.T @ (model.weights[:, np.newaxis] * left)  # (column, voxel)
    scale = np.linalg.norm(model.design.T @ (model.weights[:, np.newaxis] * np.abs(spectra)), axis=0)
    assert (gradient[:n_phases] <= 1e-8 * scale).all()
    assert (np.abs(gradient[:n_phases] * fit.amounts).max(axis=0) <= 1e-7 * scale).all()
    assert (np.abs(gradient[n_phases:]) <= 1e-8 * scale).all()


def test_nonnegative_fit_leaves_allowed_voxels_and_every_sigma_as_in_the_free_fit():
    model = electrode_model()
    spectra = noisy_spectra(model, [0.01, 0.002, 0.017], sigma=0.005, shape=(33, 65), seed=5)
    free = fit_combination(spectra, model)
    pinned = fit_combination(spectra, model, constraint="non-negative")
    allowed = (free.amounts >= 0).all(axis=0)
    assert 0 < allowed.mean() < 1
    np.testing.assert_array_equal(pinned.fraction[:, allowed], free.fraction[:, allowed])
    np.testing.assert_array_equal(pinned.fraction_sigma, free.fraction_sigma)
    np.testing.assert_array_equal(pinned.amount_sigma, free.amount_sigma)
    assert (pinned.r_factor[~allowed] >= free.r_factor[~allowed]).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_sum_to_one_fit_solves_the_equations_of_lagrange(weighted):
    rng = np.random.default_rng(7)
    model = random_model(rng, n_phases=3, n_background=1, weighted=weighted)
    spectra = rng.normal(size=(len(model.weights), 50))
    fit = fit_combination(spectra, model, constraint="sum-to-one")
    normal = model.design.T @ (model.weights[:, np.newaxis] * model.design)
    border = np.array([1.0, 1.0, 1.0, 0.0])
    system = np.block([[normal, border[:, np.newaxis]], [border[np.newaxis], np.zeros((1, 1))]])
    right = np.vstack([model.design.T @ (model.weights[:, np.newaxis] * spectra), np.ones(50)])
    expected = np.linalg.solve(system, right)[:4]
    np.testing.assert_allclose(np.concatenate([fit.amounts, fit.background]), expected, atol=1e-8)
    np.testing.assert_allclose(fit.fraction.sum(axis=0), 1.0, atol=1e-12)


def test_sum_to_one_pull_has_unit_width():
    model = electrode_model(ENERGY_SETS["8 chosen"], kind="none")
    spectra = noisy_spectra(model, [0.3, 0.7], sigma=0.05, shape=(20_000,), seed=9)
    fit = fit_combination(spectra, model, constraint="sum-to-one", variance=np.full(8, 0.05**2))
    assert ((fit.fraction[0] - 0.3) / fit.fraction_sigma[0]).std() == pytest.approx(1.0, abs=0.03)


# covariance


def test_sandwich_covariance_is_the_scatter_of_the_amounts():
    model = electrode_model(ENERGY_SETS["5 eV"])
    sigma = np.linspace(0.001, 0.004, 21)
    spectra = noisy_spectra(model, [0.03, 0.01, 0.017], sigma=sigma, shape=(50_000,), seed=2)
    expected = np.cov(fit_combination(spectra, model).amounts)
    np.testing.assert_allclose(amount_covariance(model, sigma**2), expected, rtol=0.04)
    per_voxel = amount_covariance(model, np.broadcast_to((sigma**2)[:, None, None], (21, 2, 3)))
    assert per_voxel.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(per_voxel[..., 1, 2], amount_covariance(model, sigma**2))


@pytest.mark.parametrize("n_phases", [2, 3, 5])
def test_fit_reports_what_fraction_and_sigma_computes(n_phases):
    rng = np.random.default_rng(n_phases)
    model = random_model(rng, n_phases=n_phases, n_background=1)
    spectra = model.design @ rng.uniform(0.5, 1.0, (n_phases + 1, 7)) + 0.01 * rng.normal(size=(len(model.weights), 7))
    variance = rng.uniform(1e-5, 1e-4, spectra.shape)
    fit = fit_combination(spectra, model, variance=variance)
    fraction, sigma = fraction_and_sigma(fit.amounts, amount_covariance(model, variance))
    np.testing.assert_allclose(fit.fraction, fraction, rtol=1e-10)
    np.testing.assert_allclose(fit.fraction_sigma, sigma, rtol=1e-7)


def test_sigma_of_two_phases_by_hand():
    # f = a/(a+b) with a = b = 1 and unit independent errors: gradient (1/4, -1/4), sigma = sqrt(2)/4.
    fraction, sigma = fraction_and_sigma(np.ones(2), np.eye(2))
    np.testing.assert_allclose(fraction, 0.5)
    np.testing.assert_allclose(sigma, np.sqrt(2) / 4)


def test_one_phase_is_the_whole_without_error():
    fraction, sigma = fraction_and_sigma(np.array([[2.0, 3.0]]), np.array([[0.1]]))
    np.testing.assert_array_equal(fraction, 1.0)
    np.testing.assert_allclose(sigma, 0.0, atol=1e-8)


# voxels without a phase


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("constraint", ["free", "non-negative"])
def test_voxels_without_amount_have_no_fraction_and_raise_no_warning(dtype, constraint):
    model = electrode_model()
    lfp = model.design[:, 0]
    spectra = np.stack([0 * lfp, -lfp, np.full_like(lfp, np.nan), np.where(lfp > 1, np.inf, lfp), lfp], axis=1)
    fit = fit_combination(spectra.astype(dtype), model, constraint=constraint)
    assert np.isnan(fit.fraction[:, :4]).all()
    assert np.isnan(fit.fraction_sigma[:, :4]).all()
    assert np.isnan(fit.r_factor[[0, 2, 3]]).all()
    np.testing.assert_allclose(fit.fraction[:, 4], [1.0, 0.0], atol=1e-5)
    missing, missing_sigma = fraction_and_sigma(np.zeros((2, 3), dtype), np.eye(2, dtype=dtype))
    assert np.isnan(missing).all()
    assert np.isnan(missing_sigma).all()


# shapes, threads


@pytest.mark.parametrize("shape", [(), (1,), (5, 7, 3), (0,), (1025,)])
def test_any_shape_of_voxels_is_kept(shape):
    model = electrode_model(ENERGY_SETS["8 chosen"])
    spectra = noisy_spectra(model, [0.03, 0.01, 0.017], sigma=0.001, shape=shape, seed=0)
    fit = fit_combination(spectra, model)
    assert fit.fraction.shape == fit.amounts.shape == fit.fraction_sigma.shape == (2, *shape)
    assert fit.amount.shape == fit.r_factor.shape == fit.amount_sigma.shape == shape
    assert fit.background.shape == (1, *shape)


def test_threads_and_memory_order_change_nothing():
    model = electrode_model(ENERGY_SETS["8 chosen"])
    spectra = noisy_spectra(model, [0.03, 0.01, 0.017], sigma=0.01, shape=(70_001,), seed=0)
    one = fit_combination(spectra, model, constraint="non-negative")
    two = fit_combination(np.asfortranarray(spectra), model, constraint="non-negative", threads=2)
    for name in ("amounts", "fraction", "fraction_sigma", "amount", "amount_sigma", "r_factor", "background"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_integer_spectra_are_fitted_in_double_precision():
    model = electrode_model(ENERGY_SETS["8 chosen"])
    assert fit_combination(np.arange(8), model).amount.dtype == np.float64


# refusals


def test_references_that_cannot_be_told_apart_are_named_with_their_condition_number():
    lfp, fp = sample_references(PHASES, UNIFORM)
    with pytest.raises(FitError, match=r"cannot tell a and b apart .*condition number inf|cannot tell a and b apart"):
        make_model([lfp, lfp, fp], background_columns(UNIFORM), names=["a", "b", "c"])
    with pytest.raises(FitError, match=r"cannot tell reference 1 and reference 2 and reference 3 apart .*limit 1e\+04"):
        make_model([lfp, fp, (lfp + fp) / 2 + 1e-7 * np.sin(UNIFORM)], background_columns(UNIFORM))
    below = np.linspace(7000.0, 7080.0, 9)
    with pytest.raises(FitError, match="condition number inf"):
        make_model(sample_references(PHASES, below), background_columns(below), names=["LFP", "FP"])


def test_fewer_energies_than_coefficients_are_refused():
    energies = np.array([7100.0, 7126.0])
    with pytest.raises(
        FitError,
        match=r"3 coefficients \(LiFePO4, FePO4, background column 1\) were asked for from 2 energies",
    ):
        electrode_model(energies)


def test_no_residual_left_needs_a_variance():
    model = electrode_model(np.array([7100.0, 7126.0, 7134.0]))
    with pytest.raises(FitError, match="leave no residual to take the noise from"):
        fit_combination(np.ones((3, 4)), model)
    assert np.isfinite(fit_combination(np.ones((3, 4)), model, variance=np.ones(3)).amount_sigma).all()


@pytest.mark.parametrize("noise", [0.0, -1.0, np.nan])
def test_noise_must_be_positive(noise):
    with pytest.raises(FitError, match="noise of an energy is zero, negative or not a number"):
        electrode_model(noise=np.where(UNIFORM < 7100, noise, 1.0))


def test_shapes_that_do_not_match_are_refused():
    model = electrode_model()
    with pytest.raises(FitError, match=r"spectra of shape \(4, 51\) were given for a model of 51 energies"):
        fit_combination(np.ones((4, 51)), model)
    with pytest.raises(FitError, match=r"variance of shape \(51, 1\) was given for spectra of shape \(51, 4\)"):
        fit_combination(np.ones((51, 4)), model, variance=np.ones((51, 1)))
    with pytest.raises(FitError, match="references at 51 energies were given with a background at 50"):
        make_model(model.references, model.background[:, :50])
    with pytest.raises(FitError, match="hold numbers that are not finite"):
        make_model(model.references * np.nan, model.background)
