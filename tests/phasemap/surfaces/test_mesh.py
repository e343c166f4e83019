import numpy as np
import pytest

from xanesmap.phasemap.surfaces.mesh import (
    EMPTY,
    Surface,
    joined,
    moved,
    part_of,
    pieces_of,
    surface_at_level,
    vertex_areas,
)


def ball(radius, n=32, centre=None):
    centre = np.full(3, (n - 1) / 2) if centre is None else np.asarray(centre)
    offset = np.stack(np.meshgrid(*(np.arange(n),) * 3, indexing="ij"), axis=-1) - centre
    return radius - np.linalg.norm(offset, axis=-1)


def test_area_and_volume_of_a_ball_given_by_its_distance():
    surface = surface_at_level(ball(10.0), level=0)
    assert surface.area == pytest.approx(4 * np.pi * 100, rel=0.005)
    assert surface.enclosed_volume == pytest.approx(4 / 3 * np.pi * 1000, rel=0.01)
    assert vertex_areas(surface).sum() == pytest.approx(surface.area)


def test_normals_point_out_of_the_phase_above_the_level():
    surface = surface_at_level(ball(10.0), level=0)
    radial = surface.vertices - 15.5
    radial /= np.linalg.norm(radial, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", radial, surface.normals).min() > 0.99


def test_topology_of_a_ball_two_balls_and_a_ring():
    one = surface_at_level(ball(6.0), level=0)
    assert one.euler_characteristic == 2
    assert one.is_closed
    two = surface_at_level(np.maximum(ball(5.0, centre=(7, 15, 15)), ball(5.0, centre=(22, 15, 15))), level=0)
    assert two.euler_characteristic == 4
    assert len(np.unique(pieces_of(two))) == 2
    z, y, x = np.meshgrid(*(np.arange(32) - 15.5,) * 3, indexing="ij")
    ring = 3 - np.hypot(np.hypot(y, x) - 9, z)
    assert surface_at_level(ring, level=0).euler_characteristic == 0


def test_a_surface_ends_where_its_domain_ends():
    field = ball(10.0)
    domain = np.zeros(field.shape, bool)
    domain[:16] = True
    half = surface_at_level(field, level=0, domain=domain)
    assert not half.is_closed
    # the domain reaches to the plane between voxels 15 and 16 through the centre, less the cube that crosses it
    assert half.area == pytest.approx(2 * np.pi * 10 * 9.5, rel=0.02)


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_field_that_does_not_cross_the_level_has_no_surface(value):
    surface = surface_at_level(np.full((5, 5, 5), value), level=0.5)
    assert surface.is_empty
    assert surface.area == 0
    assert not surface.is_closed
    assert surface_at_level(np.ones((1, 4, 4)), level=0.5).is_empty


def test_surfaces_join_part_and_move():
    surface = surface_at_level(ball(6.0), level=0)
    twice = joined([surface, EMPTY, moved(surface, (40, 0, 0))])
    assert twice.area == pytest.approx(2 * surface.area)
    first = part_of(twice, twice.vertices[:, 0] < 40)
    np.testing.assert_allclose(first.vertices, surface.vertices)
    assert first.area == pytest.approx(surface.area)
    assert joined([]).is_empty


@pytest.mark.parametrize("radius", [4.2, 6.0, 9.3])
def test_the_rounded_volume_of_a_ball_misses_nothing_that_flat_triangles_cut_off(radius):
    grid = np.arange(24) - 11.7
    distance = np.sqrt(grid[:, None, None] ** 2 + grid[:, None] ** 2 + grid**2)
    drawn = surface_at_level(radius - distance, level=0.0)
    outwards = (drawn.vertices - 11.7) / np.linalg.norm(drawn.vertices - 11.7, axis=1, keepdims=True)
    ball = Surface(vertices=11.7 + radius * outwards, faces=drawn.faces, normals=outwards)
    true = 4 / 3 * np.pi * radius**3
    assert ball.rounded_volume == pytest.approx(true, rel=1e-3)
    assert ball.enclosed_volume < 0.996 * true
