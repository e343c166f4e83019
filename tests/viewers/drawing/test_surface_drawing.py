import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import Normalize

from xanesmap.viewers.drawing.panels import axes_at, new_figure
from xanesmap.viewers.drawing.surface_drawing import UNKNOWN, VIEWS, draw_surface, face_colours

# a tetrahedron longest along x
VERTICES = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 4]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


@pytest.mark.parametrize(("view", "extent"), [(VIEWS[0], (4, 2)), (VIEWS[1], (4, 1)), (VIEWS[2], (2, 1))])
def test_a_view_shows_the_two_other_axes_with_down_downwards(view, extent):
    axes = axes_at(new_figure(50, 50), 5, 5, 40, 40)
    draw_surface(axes, VERTICES, FACES, colours=np.ones((4, 4)), view=view)
    corners = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    assert tuple(np.ptp(corners, axis=0)) == extent
    low, high = axes.get_ylim()
    assert low > high
    assert np.ptp(axes.get_xlim()) == pytest.approx(low - high)


def test_the_view_from_the_far_end_swaps_left_and_right():
    first, other = (axes_at(new_figure(50, 50), 5, 5, 40, 40) for _ in range(2))
    draw_surface(first, VERTICES, FACES, colours=np.ones((4, 4)), view=VIEWS[0])
    draw_surface(other, VERTICES, FACES, colours=np.ones((4, 4)), view=VIEWS[3])
    assert other.get_xlim() == tuple(-x for x in first.get_xlim()[::-1])
    assert VIEWS[3].title == "seen along −z"


def test_faces_take_the_mean_of_their_corners_and_grey_where_one_is_unknown():
    values = np.array([0.0, 0.0, 0.0, np.nan])
    colours = face_colours(values, FACES, colour_map=colormaps["viridis"], norm=Normalize(0, 1))
    assert tuple(colours[0]) == colormaps["viridis"](0.0)
    assert tuple(colours[1]) == UNKNOWN


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_shown_as_its_mirror_image(view):
    def direction(axis, sign):
        return sign * np.eye(3)[2 - axis]  # of z, y, x, in x, y, z

    right, down = direction(view.right, view.right_sign), direction(view.down, 1)
    away = direction(view.across, -1 if view.from_far else 1)
    np.testing.assert_array_equal(np.cross(right, down), away)
