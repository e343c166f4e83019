import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import marching_cubes

from xanesmap.viewers.napari_plugin.core_shell.cuts import Cut, HalfSpace, removed_space
from xanesmap.viewers.napari_plugin.core_shell.triangle_cutting import (
    Mesh,
    empty_mesh,
    inside_all,
    joined,
    outside,
    side_above,
)

RADIUS = 6.0


def ball_mesh():
    """Mesh of a ball of radius 6 about the origin; its values are 1 and the coordinates, so linear in the place."""
    z, y, x = np.meshgrid(*[np.arange(-8.0, 9.0)] * 3, indexing="ij")
    vertices, faces, _, _ = marching_cubes((RADIUS - np.sqrt(z**2 + y**2 + x**2)).astype(np.float32), 0.0)
    vertices = vertices.astype(np.float64) - 8
    values = np.concatenate([np.ones((len(vertices), 1)), vertices], axis=1)
    return Mesh(vertices=vertices, faces=faces.astype(np.intp), values=values)


BALL = ball_mesh()
TRIANGLE = Mesh(vertices=np.eye(3), faces=np.array([[0, 1, 2]]), values=np.arange(3.0)[:, None])
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.1)
spaces = st.lists(st.tuples(directions, st.floats(-7, 7)), min_size=1, max_size=5)


def half_spaces(drawn):
    made = []
    for direction, height in drawn:
        normal = np.array(direction) / np.linalg.norm(direction)
        made.append(HalfSpace(point=tuple(height * normal), normal=tuple(normal)))
    return tuple(made)


def areas_as_vectors(mesh):
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    return np.cross(b - a, c - a).sum(axis=0) / 2


def test_a_triangle_is_divided_where_its_height_is_nil():
    above = side_above(TRIANGLE, np.array([1.0, -1.0, -3.0]))
    assert len(above.faces) == 1
    places = {tuple(vertex) for vertex in np.round(above.vertices, 9)}
    assert places == {(1, 0, 0), (0.5, 0.5, 0), (0.75, 0, 0.25)}
    np.testing.assert_allclose(sorted(above.values[:, 0]), [0, 0.5, 0.5])
    below = side_above(TRIANGLE, -np.array([1.0, -1.0, -3.0]))
    assert len(below.faces) == 2
    assert above.area() + below.area() == pytest.approx(TRIANGLE.area())


def test_triangles_keep_facing_the_same_way():
    for heights in ([1, -1, -3], [-1, 2, 1], [-1, -2, 1], [3, -1, 2]):
        part = side_above(TRIANGLE, np.array(heights, float))
        normals = np.cross(
            part.vertices[part.faces[:, 1]] - part.vertices[part.faces[:, 0]],
            part.vertices[part.faces[:, 2]] - part.vertices[part.faces[:, 0]],
        )
        assert (normals > 0).all()


@given(drawn=spaces)
def test_what_is_taken_and_what_is_left_make_the_whole(drawn):
    planes = half_spaces(drawn)
    left, taken = outside(BALL, planes), inside_all(BALL, planes)
    assert left.area() + taken.area() == pytest.approx(BALL.area(), rel=1e-9)
    np.testing.assert_allclose(areas_as_vectors(left) + areas_as_vectors(taken), 0, atol=1e-8)


@given(drawn=spaces)
def test_every_vertex_lies_on_its_side_and_values_stay_linear(drawn):
    planes = half_spaces(drawn)
    left, taken = outside(BALL, planes), inside_all(BALL, planes)
    for plane in planes:
        assert plane.heights(taken.vertices).min(initial=0) > -1e-9
    lowest = np.min([plane.heights(left.vertices) for plane in planes], axis=0)
    assert lowest.max(initial=0) < 1e-9
    for mesh in (left, taken):
        np.testing.assert_allclose(mesh.values[:, 1:], mesh.vertices, atol=1e-9)
        np.testing.assert_allclose(mesh.values[:, 0], 1, atol=1e-12)


def test_the_area_of_a_spherical_cap_is_that_of_its_height():
    cap = inside_all(BALL, removed_space(Cut(centre_um=(0, 0, 0), direction=(1, 2, 3), position_um=2.0)))
    assert cap.area() == pytest.approx(2 * np.pi * RADIUS * (RADIUS - 2), rel=0.02)


def test_a_plane_beside_the_mesh_takes_nothing_or_everything():
    far = removed_space(Cut(centre_um=(20, 0, 0)))
    assert outside(BALL, far).area() == pytest.approx(BALL.area())
    assert inside_all(BALL, far).empty


def test_nothing_joined_is_nothing_with_its_columns():
    assert joined([empty_mesh(4)], n_values=4).values.shape == (0, 4)
    both = joined([BALL, empty_mesh(4), BALL])
    assert both.area() == pytest.approx(2 * BALL.area())
