import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.viewers.movies.view_directions import (
    VOLUME_AXES,
    camera_facing,
    find_direction,
    isometric,
    named_directions,
    preset_names,
    principal_directions,
    turned,
    unit,
)

directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.1)


def test_along_z_x_is_to_the_right_and_y_downwards():
    camera = camera_facing((1, 0, 0))
    assert camera.view == (-1, 0, 0)
    assert camera.up == (0, -1, 0)


@pytest.mark.parametrize("axis", ["y", "x"])
def test_from_the_side_z_is_downwards(axis):
    camera = camera_facing(VOLUME_AXES[axis])
    assert camera.up == (-1, 0, 0)
    np.testing.assert_array_equal(camera.view, -np.array(VOLUME_AXES[axis]))
    np.testing.assert_array_equal(camera_facing(VOLUME_AXES[axis], from_behind=True).view, VOLUME_AXES[axis])


@given(direction=directions)
def test_the_direction_points_at_the_eye_and_up_is_across_it(direction):
    camera = camera_facing(direction)
    view, up = np.array(camera.view), np.array(camera.up)
    np.testing.assert_allclose(view, -np.array(unit(direction)))
    assert abs(view @ up) < 1e-9
    assert np.linalg.norm(up) == pytest.approx(1)


def test_the_isometric_camera_shortens_the_three_axes_alike():
    np.testing.assert_allclose(np.abs(isometric().view), 3**-0.5)
    assert isometric().up[0] < 0


@given(direction=directions, axis=directions, angle=st.floats(-360, 360))
def test_a_turned_camera_keeps_its_angle_to_the_axis(direction, axis, angle):
    camera = camera_facing(direction)
    other = turned(camera, axis, angle)
    about = np.array(unit(axis))
    assert np.dot(other.view, about) == pytest.approx(np.dot(camera.view, about), abs=1e-9)
    assert np.dot(other.up, other.view) == pytest.approx(0, abs=1e-9)
    back = turned(other, axis, -angle)
    np.testing.assert_allclose(back.view, camera.view, atol=1e-9)


def test_a_quarter_turn_about_the_first_axis_takes_the_second_to_the_third():
    assert turned(camera_facing((0, -1, 0)), (1, 0, 0), 90).view == pytest.approx((0, 0, 1))


def test_principal_axes_of_a_slab_are_its_edges():
    solid = np.zeros((20, 30, 30), bool)
    solid[8:11, 3:27, 10:20] = True
    found = principal_directions(solid)
    assert list(found) == ["long", "middle", "short"]
    for name, axis in zip(found, ((0, 1, 0), (0, 0, 1), (1, 0, 0)), strict=True):
        assert abs(np.dot(found[name], axis)) == pytest.approx(1)


def test_a_single_voxel_has_the_axes_of_the_volume():
    solid = np.zeros((3, 3, 3), bool)
    solid[1, 1, 1] = True
    assert list(principal_directions(solid).values()) == list(VOLUME_AXES.values())


def test_crystal_axes_of_the_segmentation_come_first(small_result, tmp_path):
    copy = tmp_path / "copy.zarr"
    shutil.copytree(small_result.path, copy)
    root = json.loads((copy / "zarr.json").read_text(encoding="utf-8"))
    axes = {"a": [0, 3, 4], "b": [1, 0, 0]}
    root["attributes"]["xanesmap"]["segmentation"] = {"configuration": {"axes": axes}}
    (copy / "zarr.json").write_text(json.dumps(root), encoding="utf-8")
    result = open_result(copy)
    assert preset_names(result) == ("a", "b", "z")
    assert named_directions(result)["a"] == pytest.approx((0, 0.6, 0.8))
    assert preset_names(small_result) == ("z", "y", "x")


def test_directions_are_found_by_name_or_by_their_numbers():
    assert find_direction("y", VOLUME_AXES) == (0, 1, 0)
    assert find_direction("0,-3,4", VOLUME_AXES) == pytest.approx((0, -0.6, 0.8))
    for wrong in ("w", "1,2", "0,0,0", "1,b,2", "nan,0,1"):
        with pytest.raises(DataError, match="there are z, y, x, or give three numbers"):
            find_direction(wrong, VOLUME_AXES)
