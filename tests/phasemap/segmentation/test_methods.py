import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from xanesmap.phasemap.segmentation.methods import (
    MIXTURE_PUREST,
    denoise_phases,
    fit_mixture,
    label_by_mixture,
    label_by_random_field,
    label_denoised,
    resolve_thin_mixed,
)

BLUR, NOISE, PURE = 0.6, 0.085, 0.7
METHODS = ("threshold", "mixture", "random-field")


def labelled(method, fraction, sigma, mask):
    """Labels by one of the methods, partial volumes resolved."""
    denoised = denoise_phases(fraction, sigma, mask, smoothing_px=1.0)
    blur = np.hypot(BLUR, 1.0)
    if method == "threshold":
        return label_denoised(denoised, mask, pure_threshold=PURE, blur_px=blur)
    if method == "mixture":
        mixture = fit_mixture(denoised, mask)
        labels = label_by_mixture(denoised, mask, mixture=mixture, pure_threshold=PURE)
        return resolve_thin_mixed(labels, denoised, blur_px=blur, purest=MIXTURE_PUREST)
    labels = label_by_random_field(fraction, sigma, mask, pure_threshold=PURE)
    return resolve_thin_mixed(labels, denoised, blur_px=blur, purest=PURE)


def measured(first, mask, noise, rng):
    """Two fractions with noise and their sigmas."""
    noisy = np.where(mask, first + noise * rng.normal(size=mask.shape), np.nan)
    return np.stack([noisy, 1 - noisy]), np.full((2, *mask.shape), noise)


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.fixture(scope="module", params=[(0, 60), (1, 71)])
def sample(request, solids):
    """Core and shell beside a mixed ball: true labels, mask, first fraction, generator."""
    seed, n = request.param
    rng = np.random.default_rng(seed)
    shape = (36, 37, n)
    places = ((17, 18, 18), (18, 18, n - 16))
    outer, mixed = (solids.signed_depth(shape, c, r) for c, r in zip(places, (15, 11), strict=True))
    core = solids.signed_depth(shape, (17, 18, 20), 9)
    mask = (outer > 0) | (mixed > 0)
    truth = np.where(core > 0, 1, np.where(outer > 0, 2, np.where(mixed > 0, 3, 0)))
    fraction = np.where(mixed > 0, 0.5, solids.blurred(core, np.hypot(BLUR, np.sqrt(1 / 12))))
    return truth, mask, fraction, rng


@pytest.mark.parametrize("method", METHODS)
def test_labels_are_right_away_from_surfaces_and_core_and_shell_overlap_with_the_truth(sample, method):
    truth, mask, fraction, rng = sample
    labels = labelled(method, *measured(fraction, mask, NOISE, rng), mask)
    deep = np.zeros(mask.shape, bool)
    for value in (1, 2, 3):
        deep |= distance_transform_edt(truth == value) - 0.5 > 2 * BLUR
    assert np.mean(labels[deep] == truth[deep]) >= 0.98
    for value in (1, 2, 3):
        assert dice(labels == value, truth == value) >= 0.95
    assert (labels[~mask] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_partial_volumes_between_two_phases_are_not_called_mixed(solids, method):
    shape = (34, 34, 34)
    mask = solids.ellipsoid(shape, (16.5,) * 3, 15)
    fraction = solids.blurred(solids.signed_depth(shape, (16.5,) * 3, 9), 0.8)
    labels = labelled(method, *measured(fraction, mask, 0.05, np.random.default_rng(0)), mask)
    assert np.count_nonzero(labels == 3) < 0.005 * mask.sum()


def test_the_random_field_takes_more_noise_than_thresholds_on_the_voxels(solids):
    rng = np.random.default_rng(1)
    shape = (34, 34, 34)
    mask = solids.ellipsoid(shape, (16.5,) * 3, 15)
    core = solids.ellipsoid(shape, (16.5,) * 3, 10)
    fraction, sigma = measured(core.astype(float), mask, 0.3, rng)
    labels = label_by_random_field(fraction, sigma, mask, pure_threshold=PURE)
    assert dice(labels == 1, core) > 0.95
    assert dice((fraction[0] >= PURE) & mask, core) < 0.92


def test_a_gradient_stays_mixed_in_its_middle():
    ramp = np.broadcast_to(np.linspace(0, 1, 60)[:, None, None], (60, 20, 20))
    mask = np.ones(ramp.shape, bool)
    labels = labelled("threshold", *measured(ramp, mask, 0.02, np.random.default_rng(0)), mask)
    middle = labels[:, 5:-5, 5:-5]
    assert (middle[27:33] == 3).all()
    assert (middle[:15] == 2).all()
    assert (middle[45:] == 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_three_phases(method):
    rng = np.random.default_rng(0)
    which = np.zeros((30, 30, 30), int)
    which[10:20], which[20:] = 1, 2
    pure = np.eye(3)[:, which]
    smooth = np.stack([gaussian_filter(p, 0.5) for p in pure])
    noise = 0.08 * rng.normal(size=smooth.shape)
    fraction = smooth + noise - noise.mean(axis=0)
    mask = np.ones(which.shape, bool)
    labels = labelled(method, fraction, np.full(fraction.shape, 0.08), mask)
    for value, centre in ((1, 5), (2, 15), (3, 25)):
        assert np.mean(labels[centre - 3 : centre + 3] == value) > 0.98


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("value", "label"), [(1.0, 1), (0.0, 2), (0.5, 3)])
def test_samples_of_one_composition(solids, method, value, label):
    mask = solids.ellipsoid((24, 24, 24), (11.5,) * 3, 10)
    rng = np.random.default_rng(2)
    labels = labelled(method, *measured(np.full(mask.shape, value), mask, 0.05, rng), mask)
    assert np.mean(labels[mask] == label) > 0.97


def test_an_empty_mask_and_few_voxels():
    nothing = np.full((2, 5, 5, 5), np.nan)
    mask = np.zeros((5, 5, 5), bool)
    assert fit_mixture(nothing, mask) is None
    assert not label_by_random_field(nothing, nothing, mask, pure_threshold=PURE).any()
    mask[2, 2, 2] = True
    fraction = np.where(mask, np.array([0.9, 0.1])[:, None, None, None], np.nan)
    labels = label_by_random_field(fraction, np.full(fraction.shape, 0.1), mask, pure_threshold=PURE)
    assert labels[2, 2, 2] == 1
    assert labels.sum() == 1


def test_voxels_that_were_not_measured_take_the_label_of_their_neighbours():
    mask = np.ones((9, 9, 9), bool)
    fraction, sigma = np.zeros((2, 9, 9, 9)), np.full((2, 9, 9, 9), 0.1)
    fraction[0] = 1.0
    fraction[:, 4, 4, 4] = np.nan
    assert (label_by_random_field(fraction, sigma, mask, pure_threshold=PURE) == 1).all()
