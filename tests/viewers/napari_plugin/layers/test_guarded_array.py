import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray


class Damaged:
    """Reads as its values, but for its first row."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, index):
        if 0 in np.atleast_1d(np.arange(self.shape[0])[index[0] if isinstance(index, tuple) else index]):
            message = "cannot decompress"
            raise RuntimeError(message)
        return self.values[index]


@pytest.fixture
def told():
    return []


def test_what_can_be_read_is_read(told):
    values = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    guarded = GuardedArray(values, name="mu", tell=told.append)
    np.testing.assert_array_equal(guarded[2, ::2], values[2, ::2])
    np.testing.assert_array_equal(np.asarray(guarded), values)
    assert (guarded.shape, guarded.dtype, guarded.ndim, guarded.size, len(guarded)) == ((4, 3, 2), "f4", 3, 24, 4)
    assert told == []


@pytest.mark.parametrize("first", [np.s_[1:], np.s_[::2, ..., 1:4], np.s_[..., ::-1], np.s_[:, 2:0:-1], np.s_[1:1]])
@pytest.mark.parametrize(
    "second", [np.s_[0, :, 1], np.s_[..., -1], np.s_[:, 1:, ::-1], np.s_[:, [0, 1]], np.s_[-1:, 0]]
)
def test_a_cut_of_a_cut_is_that_of_the_array(told, first, second):
    values = np.random.default_rng(0).random((5, 6, 7), np.float32)
    cut = GuardedArray(values, name="mu", tell=told.append)[first]
    assert cut.shape == values[first].shape
    if cut.size or second == np.s_[..., -1]:
        np.testing.assert_array_equal(np.asarray(cut[second]), values[first][second])


def test_slices_alone_read_nothing(told):
    class Unread:
        shape, dtype = (40, 1024, 1024, 1024), np.dtype(np.float32)

        def __getitem__(self, index):
            raise AssertionError

    tile = GuardedArray(Unread(), name="mu", tell=told.append)[:, :, 100:600, 200:700]
    assert tile.shape == (40, 1024, 500, 500)
    assert told == []


@pytest.mark.parametrize(("dtype", "blank"), [(np.float32, np.nan), (np.uint8, 0), (np.int32, 0)])
def test_what_cannot_be_read_is_blank_of_the_same_shape_and_told_once(told, dtype, blank):
    guarded = GuardedArray(Damaged(np.ones((4, 3, 2), dtype)), name="mu of result 'r.zarr'", tell=told.append)
    for index in ((0, slice(1, 3)), (slice(0, 2), 1)):
        part = np.asarray(guarded[index])
        np.testing.assert_array_equal(part, np.full_like(np.ones((4, 3, 2), dtype)[index], blank))
        assert part.dtype == dtype
        part[...] = 1  # no view of a single value
    assert (guarded[1] == 1).all()
    assert told == [
        "mu of result 'r.zarr': some of it cannot be read and is left blank (cannot decompress). "
        "Restore it from a copy."
    ]
