import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.viewers.napari_plugin.core_shell.cuts import Cut, carved, cut_frame, reach, removed_space, removed_voxels

STEP_UM = 0.05
CENTRE_UM = (3.0, -1.0, 2.0)
RADIUS_UM = 0.8


@pytest.fixture(scope="module")
def ball():
    """Labels of a ball about `CENTRE_UM`, and the place of their first voxel."""
    n = 44
    offset = (np.arange(n) - (n - 1) / 2) * STEP_UM
    z, y, x = np.meshgrid(offset, offset, offset, indexing="ij")
    origin = np.array(CENTRE_UM) - (n - 1) / 2 * STEP_UM
    return (z**2 + y**2 + x**2 < RADIUS_UM**2).astype(np.uint8), origin


def removed_share(ball, cut):
    labels, origin = ball
    left = carved(labels, removed_space(cut), origin_um=origin, step_um=STEP_UM)
    return 1 - left.sum() / labels.sum()


directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.1)


@given(direction=directions, turn=st.floats(-360, 360))
def test_the_frame_of_a_cut_is_orthonormal_and_right_handed(direction, turn):
    frame = cut_frame(direction, turn_deg=turn)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(frame[0], frame[1]), frame[2], atol=1e-12)
    np.testing.assert_allclose(frame[0], np.array(direction) / np.linalg.norm(direction), atol=1e-12)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, -2, 0), (0.3, 0.9, -0.4)])
@pytest.mark.parametrize(
    ("kind", "share"), [("half", 1 / 2), ("octant", 1 / 8), ("wedge", 1 / 8)], ids=["half", "octant", "wedge"]
)
def test_shapes_through_the_centre_of_a_ball_take_their_share_of_it(ball, kind, direction, share):
    for turn in (0.0, 31.0):
        cut = Cut(kind=kind, centre_um=CENTRE_UM, direction=direction, turn_deg=turn)
        assert removed_share(ball, cut) == pytest.approx(share, abs=0.02)  # voxels on the faces: area over volume


@pytest.mark.parametrize("angle", [30.0, 90.0, 180.0])
def test_a_wedge_through_the_whole_ball_takes_the_share_of_its_angle(ball, angle):
    cut = Cut(kind="wedge", centre_um=CENTRE_UM, direction=(0, 1, 0), position_um=-1.0, angle_deg=angle)
    assert removed_share(ball, cut) == pytest.approx(angle / 360, abs=0.02)


def test_a_box_takes_a_square_column_down_to_its_position(ball):
    cut = Cut(kind="box", centre_um=CENTRE_UM, direction=(0, 0, 1), position_um=-0.3, size_um=0.4, turn_deg=17)
    volume = 0.4**2 * (0.3 + 0.783)  # over the square the ball is 0.783 um high on average
    assert removed_share(ball, cut) == pytest.approx(volume / (4 / 3 * np.pi * RADIUS_UM**3), rel=0.04)


def test_a_cap_has_the_volume_that_its_height_gives(ball):
    height = 0.3
    cut = Cut(centre_um=CENTRE_UM, direction=(0.2, 0.5, 0.8), position_um=RADIUS_UM - height)
    cap = np.pi * height**2 * (RADIUS_UM - height / 3)
    assert removed_share(ball, cut) == pytest.approx(cap / (4 / 3 * np.pi * RADIUS_UM**3), abs=0.01)


@given(direction=directions, position=st.floats(-0.5, 0.5))
def test_the_two_sides_of_a_cut_are_the_whole(direction, position):
    shape, origin = (9, 8, 7), (0.0, 0.0, 0.0)
    sides = [
        removed_voxels(
            shape,
            removed_space(
                Cut(centre_um=(0.2, 0.2, 0.2), direction=direction, position_um=position, flip=flip),
            ),
            origin_um=origin,
            step_um=STEP_UM,
        )
        for flip in (False, True)
    ]
    assert not (sides[0] & sides[1]).any()
    assert sides[0].sum() + sides[1].sum() >= np.prod(shape) - 9 * 8  # those on the plane belong to neither


def test_carving_leaves_the_labels_as_they_were(ball):
    labels, origin = ball
    before = labels.copy()
    left = carved(labels, removed_space(Cut(centre_um=CENTRE_UM)), origin_um=origin, step_um=STEP_UM)
    np.testing.assert_array_equal(labels, before)
    assert left.dtype == labels.dtype
    assert not left[labels == 0].any()


def test_a_cut_reaches_from_one_end_of_the_points_to_the_other():
    points = np.array([[3.0, 0.0, 2.0], [4.0, 5.0, 2.0]])
    low, high = reach(points, Cut(centre_um=CENTRE_UM, direction=(0, 2, 0)))
    assert (low, high) == pytest.approx((1.0, 6.0))
