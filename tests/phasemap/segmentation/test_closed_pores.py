import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from xanesmap.phasemap.segmentation.closed_pores import filled_in_memory, filled_rows


@given(seed=st.integers(0, 1000), rows=st.integers(1, 10), share=st.floats(0.4, 0.95))
def test_pores_are_filled_in_blocks_as_in_one_piece(seed, rows, share):
    mask = np.random.default_rng(seed).random((9, 8, 10)) < share
    expected = ndimage.binary_fill_holes(mask)
    np.testing.assert_array_equal(filled_in_memory(mask), expected)
    found = np.zeros_like(mask)
    for start, stop, block in filled_rows(mask, rows=rows):
        found[start:stop] = block
    np.testing.assert_array_equal(found, expected)


def test_a_pore_that_winds_through_all_blocks_is_closed_until_it_reaches_the_end():
    mask = np.ones((7, 5, 5), bool)
    mask[1:6, 2, 2] = False
    assert all(block.all() for _, _, block in filled_rows(mask, rows=2))
    mask[6, 2, 2] = False
    assert not any(block.all() for _, _, block in filled_rows(mask, rows=2))
