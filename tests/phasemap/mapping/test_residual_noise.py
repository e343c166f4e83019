import numpy as np
import pytest

from xanesmap.errors import FitError
from xanesmap.phasemap.mapping.residual_noise import (
    POOLED_FREEDOM,
    covariances_of_residuals,
    degrees_of_freedom,
    energy_variances,
    pool_variance,
    residual_variance,
    second_moments,
    window_px,
)
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import make_model
from xanesmap.spectra.reference import bundled_reference, sample_references


def model_of(n_energies, noise=None):
    energies = np.linspace(7095.0, 7190.0, n_energies)
    references = sample_references([bundled_reference("LiFePO4"), bundled_reference("FePO4")], energies)
    return make_model(references, background_columns(energies), noise=noise)


def spectra_of(model, sigma, *, shape=(60, 70), seed=0):
    """Spectra that the model describes, with noise of so much at each energy."""
    rng = np.random.default_rng(seed)
    coefficients = rng.random((model.design.shape[1], *shape))
    noise = np.reshape(sigma, (-1, 1, 1)) * rng.standard_normal((len(model.design), *shape))
    return (np.tensordot(model.design, coefficients, axes=(1, 0)) + noise).astype(np.float32)


@pytest.mark.parametrize("n_energies", [5, 12, 51])
def test_residuals_tell_the_variance_without_bias(n_energies):
    model = model_of(n_energies)
    found = residual_variance(spectra_of(model, np.full(n_energies, 0.02)), model)
    n_free = n_energies - 3
    # chi-square: its mean is sigma^2, its variance 2 sigma^4 / freedom
    assert found.mean() == pytest.approx(0.02**2, rel=4 * np.sqrt(2 / n_free / found.size))
    assert found.std() == pytest.approx(0.02**2 * np.sqrt(2 / n_free), rel=0.1)


@pytest.mark.parametrize("ratio", [1.0, 3.0, 9.0])
def test_variances_of_the_energies_are_found_from_the_residuals(ratio):
    sigma = 0.01 * np.geomspace(1, ratio, 24)
    spectra = spectra_of(model_of(24), sigma, shape=(150, 160))
    spectra[:, :20] = np.nan
    found = energy_variances(second_moments(spectra), model_of(24))
    expected = sigma**2 / np.mean(sigma**2)
    # five standard errors of a variance from 130 x 160 voxels, for an energy that the fit leaves half of its noise
    np.testing.assert_allclose(found, expected, rtol=5 * np.sqrt(2 / (130 * 160)) / 0.5 * 2)
    np.testing.assert_allclose(energy_variances(1e-4 * second_moments(spectra), model_of(24)), found)


def test_energies_count_the_same_where_residuals_cannot_tell_them_apart():
    for n_energies, sigma in ((8, 0.01), (24, 0.0)):
        model = model_of(n_energies)
        spectra = spectra_of(model, sigma * np.geomspace(1, 9, n_energies))
        np.testing.assert_array_equal(energy_variances(second_moments(spectra), model), 1)


def test_one_energy_that_nobody_describes_cannot_take_all_weights():
    model = model_of(24)
    spectra = spectra_of(model, np.full(24, 1e-3))
    spectra[7] += np.random.default_rng(3).standard_normal(spectra.shape[1:]).astype(np.float32)
    found = energy_variances(second_moments(spectra), model)
    assert np.argmax(found) == 7
    assert found.max() / found.min() <= 16**2 * (1 + 1e-9)


@pytest.mark.parametrize(("n_free", "side"), [(1, 11), (2, 9), (21, 3), (99, 3), (100, 1), (500, 1)])
def test_the_window_holds_the_freedom_asked_for_and_no_more(n_free, side):
    assert window_px(n_free) == side
    assert side**2 * n_free >= POOLED_FREEDOM
    assert side == 1 or (side - 2) ** 2 * n_free < POOLED_FREEDOM


def test_voxels_without_data_do_not_count_and_have_no_say():
    own = np.full((9, 12), 4.0, np.float32)
    own[:, :4], own[:, 4:6], own[5, 9] = np.nan, 0.0, np.nan
    pooled = pool_variance(own, n_free=21)
    np.testing.assert_allclose(pooled[:, 5:], 4.0, rtol=1e-6)
    assert np.isnan(pooled[:, :5]).all()


def test_a_voxel_that_scatters_beyond_chance_keeps_its_own_variance():
    own = np.full((15, 15), 1.0, np.float32)
    own[7, 7] = 30.0
    pooled = pool_variance(own, n_free=21)
    assert pooled[7, 7] == 30.0
    assert pooled[7, 8] == pytest.approx((8 + 30) / 9)
    assert pooled[7, 10] == pytest.approx(1.0)


@pytest.mark.parametrize("n_energies", [5, 9, 24])
def test_covariance_is_that_of_the_scatter_of_the_amounts(n_energies):
    sigma = 0.01 * np.geomspace(1, 2, n_energies)
    model = model_of(n_energies, noise=sigma)
    mu = spectra_of(model, sigma, shape=(60, 70))[:, None]
    (covariance,) = covariances_of_residuals(mu, model)
    expected = model.normal_inverse[:2, :2]
    np.testing.assert_allclose(covariance.mean(axis=(2, 3)), expected, rtol=0.05)
    coefficients = np.tensordot(model.solver[:2], mu[:, 0], axes=(1, 0))
    truth = np.random.default_rng(0).random((3, 60, 70))[:2]
    scatter = np.cov((coefficients - truth).reshape(2, -1))
    np.testing.assert_allclose(scatter, expected, atol=5 * np.abs(expected).max() * np.sqrt(2 / (60 * 70)))


def subtract_first(n_energies, n_window=6):
    """Normalisation that takes off the mean of the first energies."""
    matrix = np.eye(n_energies)
    matrix[:, :n_window] -= 1 / n_window
    return matrix


@pytest.mark.parametrize("kind", ["an energy without a say", "normalised", "both"])
def test_normalisation_and_energies_without_a_say_leave_the_error_bars_right(kind):
    sigma = np.full(24, 0.01)
    noise, no_say = sigma.copy(), 15
    if kind != "normalised":
        noise[no_say] = np.inf
    energies = np.linspace(7095.0, 7190.0, 24)
    references = sample_references([bundled_reference("LiFePO4"), bundled_reference("FePO4")], energies)
    matrix = None if kind == "an energy without a say" else subtract_first(24)
    columns = background_columns(energies) if matrix is None else np.empty((0, 24))
    model = make_model(references, columns, noise=noise, matrix=matrix)
    truth = np.random.default_rng(1).random((2, 90, 80))
    mu = np.tensordot(references, truth, axes=(0, 0)) + 0.4
    mu += 0.01 * np.random.default_rng(2).standard_normal(mu.shape)
    if matrix is None:
        mu += np.reshape(0.4 * columns[0] - 0.4, (-1, 1, 1))
    if kind != "normalised":
        mu[no_say] += 5.0
    mu = mu.astype(np.float32)
    (covariance,) = covariances_of_residuals(mu[:, None], model)
    amounts = np.tensordot(model.solver[:2], mu, axes=(1, 0))
    pull = (amounts - truth) / np.sqrt(covariance[[0, 1], [0, 1]])
    assert pull.std(axis=(1, 2)) == pytest.approx([1, 1], abs=4 / np.sqrt(2 * 90 * 80) + 0.01)
    np.testing.assert_allclose(pull.mean(axis=(1, 2)), 0, atol=5 / np.sqrt(90 * 80))


def test_a_fit_without_residual_is_refused():
    assert degrees_of_freedom(model_of(4)) == pytest.approx(1)
    with pytest.raises(FitError, match="3 energies and 3 columns of the fit leave no residual"):
        degrees_of_freedom(model_of(3))
