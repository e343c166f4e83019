import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.spectrum.probed_region import box_region, label_region, outlined_region

SHAPE = (6, 9, 11)


def voxels(region):
    """The region in the whole volume."""
    filled = np.zeros(SHAPE, bool)
    filled[region.box] = region.inside(region.box)
    return filled


def rectangle(z, top, bottom, left, right):
    return [(z, top, left), (z, top, right), (z, bottom, right), (z, bottom, left)]


def test_a_rectangle_holds_the_voxels_whose_centres_it_holds():
    found = voxels(outlined_region(rectangle(3, 1.6, 4.4, 2.5, 5.5), shape=SHAPE))
    expected = np.zeros(SHAPE, bool)
    expected[3, 2:5, 3:6] = True
    np.testing.assert_array_equal(found, expected)


def test_voxels_on_the_border_belong_to_an_outline_whichever_way_it_runs():
    corners = rectangle(3, 2, 4, 3, 5)
    forth, back = (voxels(outlined_region(way, shape=SHAPE)) for way in (corners, corners[::-1]))
    assert forth.sum() == 9
    np.testing.assert_array_equal(forth, back)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_outline_may_lie_across_any_axis(axis):
    corners = np.roll(rectangle(2.0, 1, 3, 2, 5), axis, axis=1)
    found = voxels(outlined_region(corners, shape=SHAPE))
    assert found.sum() == 12
    assert np.unique(np.argwhere(found)[:, axis]).tolist() == [2]


@given(
    top=st.floats(0, 4), height=st.floats(1, 4), left=st.floats(0, 5), width=st.floats(1, 5), lean=st.floats(-0.9, 0.9)
)
def test_a_triangle_holds_just_the_points_left_of_its_three_sides(top, height, left, width, lean):
    y, x = np.array([top, top + height, top + height]), np.array([left + lean, left, left + width])
    grid = np.mgrid[: SHAPE[1], : SHAPE[2]]
    sides = [(x[(i + 1) % 3] - x[i]) * (grid[0] - y[i]) - (y[(i + 1) % 3] - y[i]) * (grid[1] - x[i]) for i in range(3)]
    clearly_in = (np.max(sides, axis=0) < -1e-3) | (np.min(sides, axis=0) > 1e-3)
    clearly_out = (np.max(sides, axis=0) > 1e-3) & (np.min(sides, axis=0) < -1e-3)
    assume(clearly_in.any())
    found = voxels(outlined_region(np.column_stack([np.full(3, 1.0), y, x]), shape=SHAPE))[1]
    assert found[clearly_in].all()
    assert not found[clearly_out].any()


def test_thickness_is_centred_on_the_slice_and_ends_at_the_volume():
    def slices(n, z=3):
        region = outlined_region(rectangle(z, 1, 3, 1, 3), shape=SHAPE, slices=n)
        return np.unique(np.argwhere(voxels(region))[:, 0]).tolist(), region.name

    assert slices(1) == ([3], "outline in slice z = 3 only")
    assert slices(3) == ([2, 3, 4], "outline through 3 slices, z = 2 to 4")
    assert slices(3, z=0)[0] == [0, 1]
    assert slices(None) == ([0, 1, 2, 3, 4, 5], "outline through 6 slices, z = 0 to 5, all slices")


def test_outlines_that_hold_no_voxel_are_told():
    with pytest.raises(DataError, match="no centre of a voxel"):
        outlined_region([(3, 2.2, 2.2), (3, 3.1, 2.2), (3, 2.2, 3.1)], shape=SHAPE, kind="lasso")
    with pytest.raises(DataError, match="holds no voxel of the volume"):
        outlined_region(rectangle(3, 20, 30, 2, 4), shape=SHAPE)


def test_parts_of_a_region_make_up_the_whole():
    region = outlined_region([(2, 1, 1), (2, 7, 3), (2, 4, 9)], shape=SHAPE, slices=3)
    whole = voxels(region)
    parts = np.zeros(SHAPE, bool)
    z, y, x = region.box
    for low, high in ((y.start, 4), (4, y.stop)):
        block = (z, slice(low, high), x)
        parts[block] = region.inside(block)
    np.testing.assert_array_equal(parts, whole)


def test_boxes_and_labels_are_regions_too():
    assert voxels(box_region((1, 2, 3), (2, 2, 2))).sum() == 8
    labels = np.random.default_rng(0).integers(0, 3, SHAPE)
    np.testing.assert_array_equal(voxels(label_region(labels, 2, name="core")), labels == 2)
