import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.viewers.movies.frame_plan import frame_count, frame_size, spread_evenly, turn_angles_deg


def test_a_movie_has_as_many_frames_as_its_length_asks_for():
    assert frame_count(4, 25) == 100
    assert frame_count(0.5, 12.5) == 6
    for seconds, fps in ((0, 25), (-1, 25), (1, 0), (0.01, 25), (float("nan"), 25), (1e9, 25)):
        with pytest.raises(DataError, match="give --seconds and --fps"):
            frame_count(seconds, fps)


@given(count=st.integers(2, 500))
def test_a_turn_is_whole_even_and_does_not_show_its_start_twice(count):
    angles = turn_angles_deg(count)
    assert len(angles) == count
    np.testing.assert_allclose(np.diff([*angles, 360.0]), 360 / count)


@given(first=st.integers(0, 50), extent=st.integers(0, 80), count=st.integers(2, 300))
def test_slices_go_from_the_first_to_the_last_and_never_back(first, extent, count):
    shown = spread_evenly(first, first + extent, count)
    assert len(shown) == count
    assert shown[0] == first
    assert shown[-1] == first + extent
    assert np.all(np.diff(shown) >= 0)
    if count > extent:
        times = np.bincount(shown - first, minlength=extent + 1)
        assert times.max() - times.min() <= 1


def test_a_size_has_its_width_first_and_is_even():
    assert frame_size("1280x960") == (960, 1280)
    assert frame_size(" 641 × 481 ") == (482, 642)
    for wrong in ("1280", "10x10", "1280x", "9000x100", "-640x480"):
        with pytest.raises(DataError, match="such as 1280x960"):
            frame_size(wrong)
