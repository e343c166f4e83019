import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.series.state_stack import StateStack


class Counted:
    """An array that counts how often it is read."""

    def __init__(self, values):
        self.values, self.reads = values, 0
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, index):
        self.reads += 1
        return self.values[index]


@pytest.fixture
def arrays():
    return [Counted(np.arange(24.0).reshape(2, 3, 4) + 100 * number) for number in range(3)]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "index",
    [
        np.s_[1],
        np.s_[1, 1],
        np.s_[...],
        np.s_[..., 2],
        np.s_[1, ..., 0],
        np.s_[:, 1, :, 2:4],
        np.s_[0:2, 0:1, 1],
        np.s_[0, 2:0:-1],
        np.s_[np.int64(1), np.int64(0), 1, 2],
        np.s_[1:1],
    ],
)
def test_what_is_read_is_what_a_stack_in_memory_holds(arrays, axis, index):
    whole = np.stack([array.values for array in arrays], axis=axis)
    stack = StateStack(arrays, axis=axis)
    assert stack.shape == whole.shape
    assert stack.dtype == whole.dtype
    np.testing.assert_array_equal(stack[index], whole[index])


def test_only_the_state_that_is_asked_for_is_read(arrays):
    StateStack(arrays, axis=1)[:, 2, 1]
    assert [array.reads for array in arrays] == [0, 0, 1]
