import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.segmentation import label_errors as module
from xanesmap.phasemap.segmentation.label_errors import label_errors
from xanesmap.phasemap.segmentation.label_volume import LabelRule, label_volume

RULE = LabelRule(method="threshold", pure_threshold=0.7, smoothing_px=1.0, blur_px=0.5, coupling=1.0)
SHAPE = (30, 40, 44)


def truth():
    """Fraction of the first phase: it changes over many voxels, so that there is much between the phases."""
    z, y, x = np.indices(SHAPE)
    return np.clip(0.5 + (x - 21.5) / 30 + 0.1 * np.sin(y / 5) * np.cos(z / 4), 0, 1)


def noisy(seed, *, sigma=0.1, correlated=False):
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    if correlated:
        noise = gaussian_filter(noise, 0.5)
        noise /= noise.std()
    first = truth() + sigma * noise
    return np.stack([first, 1 - first]).astype(np.float32)


def counts(labels):
    return np.bincount(labels.ravel(), minlength=4)[1:]


@pytest.mark.parametrize("correlated", [False, True])
def test_errors_are_the_scatter_of_repeated_measurements(correlated):
    sigma = np.full((2, *SHAPE), 0.1, np.float32)
    mask = np.ones(SHAPE, bool)
    found = [label_volume(noisy(seed, correlated=correlated), sigma, mask, rule=RULE) for seed in range(24)]
    scatter = np.std([counts(labels) for labels in found], axis=0, ddof=1)
    told = [
        label_errors(noisy(seed, correlated=correlated), sigma, found[seed], rule=RULE, seed=seed) for seed in range(3)
    ]
    # 24 repetitions know the scatter to 15 %, the 12 draws of an only block to 20 %, three of them to 12 %
    np.testing.assert_allclose(np.mean(told, axis=0), scatter, rtol=0.4)


def test_more_noise_makes_larger_errors_and_none_makes_none():
    mask = np.ones(SHAPE, bool)
    errors = []
    for sigma in (0.0, 0.05, 0.2):
        values, deviation = noisy(1, sigma=sigma), np.full((2, *SHAPE), max(sigma, 1e-9), np.float32)
        labels = label_volume(values, deviation, mask, rule=RULE)
        errors.append(label_errors(values, deviation, labels, rule=RULE))
    assert not errors[0].any()
    assert (errors[2] > errors[1]).all()
    assert (errors[1] > 0).all()


def test_same_seed_same_errors_and_every_block_is_told():
    values, sigma = noisy(3), np.full((2, *SHAPE), 0.1, np.float32)
    labels = label_volume(values, sigma, np.ones(SHAPE, bool), rule=RULE)
    told = []
    one, two = (
        label_errors(values, sigma, labels, rule=RULE, seed=7, block_done=lambda *step: told.append(step))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)
    assert told[-1][0] == told[-1][1]


def test_blocks_left_out_count_as_those_that_are_not(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_EDGE", 10)
    values, sigma = noisy(3), np.full((2, *SHAPE), 0.1, np.float32)
    labels = label_volume(values, sigma, np.ones(SHAPE, bool), rule=RULE)
    whole = label_errors(values, sigma, labels, rule=RULE)
    monkeypatch.setattr(module, "MOST_VOXELS", 20_000)
    part = label_errors(values, sigma, labels, rule=RULE)
    np.testing.assert_allclose(part, whole, rtol=0.35)


def test_an_empty_sample_has_no_errors():
    values, sigma = noisy(3), np.full((2, *SHAPE), 0.1, np.float32)
    np.testing.assert_array_equal(label_errors(values, sigma, np.zeros(SHAPE, np.uint8), rule=RULE), 0)


def test_three_phases_share_the_noise_so_that_their_fractions_still_sum_to_one(monkeypatch):
    seen = []

    def watched(fraction, sigma, mask, *, rule):
        seen.append(fraction)
        return label_volume(fraction, sigma, mask, rule=rule)

    monkeypatch.setattr(module, "label_volume", watched)
    values, sigma = np.full((3, 12, 12, 12), 1 / 3, np.float32), np.full((3, 12, 12, 12), 0.1, np.float32)
    label_errors(values, sigma, np.full((12, 12, 12), 4, np.uint8), rule=RULE)
    drawn = np.array(seen)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, atol=1e-5)
    assert drawn.std() == pytest.approx(0.1, rel=0.03)
