import numpy as np
import pytest

from xanesmap.reconstruct.plausible_counts import implausible_frames, plausible_or_nan


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_infinite_counts_become_nan_and_nothing_else_changes(dtype):
    counts = np.array([[0, -3, 60000, np.inf], [1e-3, -np.inf, np.nan, 7]], dtype=dtype)
    told = plausible_or_nan(counts)
    assert told.dtype == counts.dtype.newbyteorder("=")
    np.testing.assert_array_equal(np.isnan(told), [[0, 0, 0, 1], [0, 1, 1, 0]])
    np.testing.assert_array_equal(told[np.isfinite(counts)], counts[np.isfinite(counts)])


@pytest.mark.parametrize("absurd", [1.1e18, -3e38, 1e308])
def test_absurd_counts_become_nan(absurd):
    np.testing.assert_array_equal(plausible_or_nan(np.array([1.0, absurd, 9e17])), [1.0, np.nan, 9e17])


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u8", "f4", "f8"])
def test_plausible_counts_are_not_copied(dtype):
    counts = np.arange(9, dtype=dtype)
    assert plausible_or_nan(counts) is counts


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_frames_with_counts_that_are_no_numbers_are_found(dtype, wrong):
    counts = np.full((5, 3, 4), 60000, dtype=dtype)
    counts[1, 2, 3] = counts[4, 0, 0] = wrong
    assert implausible_frames(counts).tolist() == [1, 4]


def test_frames_with_absurd_counts_are_found_and_integers_never_are():
    counts = np.full((3, 2, 2), 9e17)
    counts[2, 1, 1] = -1.1e18
    assert implausible_frames(counts).tolist() == [2]
    assert implausible_frames(np.full((3, 2, 2), 2**64 - 1, dtype=np.uint64)).size == 0
