import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xanesmap.phasemap.segmentation.labels import label_phases


def test_phases_begin_at_seventy_percent_and_the_rest_is_mixed():
    first = np.array([1.2, 1.0, 0.7, 0.6999, 0.5, 0.3001, 0.3, 0.0, -0.2])
    labels = label_phases(np.stack([first, 1 - first])[:, None, None], np.ones((1, 1, 9), bool), pure_threshold=0.7)
    assert labels.dtype == np.uint8
    assert labels.ravel().tolist() == [1, 1, 1, 3, 3, 3, 2, 2, 2]


def test_voxels_outside_the_mask_have_no_label():
    fraction = np.full((2, 2, 2, 2), [[[[1.0]]], [[[0.0]]]])
    mask = np.zeros((2, 2, 2), bool)
    mask[0, 1] = True
    labels = label_phases(fraction, mask, pure_threshold=0.7)
    np.testing.assert_array_equal(labels > 0, mask)


def test_a_voxel_without_a_fraction_belongs_to_no_phase():
    fraction = np.full((2, 1, 1, 1), np.nan)
    assert label_phases(fraction, np.ones((1, 1, 1), bool), pure_threshold=0.7).item() == 3


@given(arrays(np.float64, (3, 2, 3, 4), elements=st.floats(-0.5, 1.5)), st.floats(0.51, 1.0))
def test_a_label_names_the_largest_fraction_wherever_fractions_are_shares(values, threshold):
    fraction = values / np.where(np.abs(values.sum(axis=0)) > 0.1, values.sum(axis=0), np.nan)
    shares = (fraction >= 0).all(axis=0)
    labels = label_phases(fraction, shares, pure_threshold=threshold)
    largest = fraction[:, shares].argmax(axis=0) + 1
    reached = fraction[:, shares].max(axis=0) >= threshold
    np.testing.assert_array_equal(labels[shares], np.where(reached, largest, 4))


@pytest.mark.parametrize("n_phases", [1, 2, 5])
def test_mixed_is_the_last_label(n_phases):
    fraction = np.full((n_phases, 1, 1, 1), 0.1)
    assert label_phases(fraction, np.ones((1, 1, 1), bool), pure_threshold=0.7).item() == n_phases + 1
