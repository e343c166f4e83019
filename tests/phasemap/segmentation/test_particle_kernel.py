import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from xanesmap.phasemap.segmentation.particle_kernel import distances, join_basins


@given(seed=st.integers(0, 1000), level=st.floats(-0.5, 0.5), start=st.integers(0, 10), rows=st.integers(1, 12))
def test_distances_in_some_rows_are_those_in_the_whole_volume(seed, level, start, rows):
    filled = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(13, 11, 12)), 1) > level * 0.2
    none = np.zeros(filled.shape[1:], np.int32)
    whole = distances(filled, none, none)
    np.testing.assert_allclose(whole, ndimage.distance_transform_edt(np.pad(filled, 1))[1:-1, 1:-1, 1:-1], rtol=1e-6)
    part = filled[start : start + rows]
    above, below = (_run(filled[:start]), _run(filled[start + rows :][::-1]))
    np.testing.assert_array_equal(distances(part, above, below), whole[start : start + rows])


def _run(rows):
    """Filled voxels in a row at the end of some rows."""
    run = np.zeros(rows.shape[1:], np.int32)
    for row in rows:
        run = np.where(row, run + 1, 0).astype(np.int32)
    return run


def test_basins_are_joined_over_the_highest_saddle_first_and_kept_apart_at_necks():
    tops = np.array([0.0, 10.0, 8.0, 9.0])
    touching, saddles = np.array([[1, 2], [2, 3]]), np.array([7.5, 4.0])
    assert join_basins(tops, touching, saddles, 0.8, 0.5).tolist() == [0, 1, 1, 3]
    assert join_basins(tops, touching, saddles, 0.0, 0.5).tolist() == [0, 1, 1, 1]
    assert join_basins(tops, touching, saddles, 1.0, 0.4).tolist() == [0, 1, 2, 3]
