import numpy as np
import pytest

from xanesmap.phasemap.surfaces.distance import depth_below, depth_map, distance_to_surface
from xanesmap.phasemap.surfaces.mesh import surface_at_level
from xanesmap.phasemap.surfaces.shrinkage import surface_of_shape


def test_depth_in_a_ball_is_radius_less_distance_from_the_centre(solids):
    rng = np.random.default_rng(0)
    centre, radius = np.array([19.3, 19.6, 19.1]), 14.0
    surface = surface_of_shape(np.clip(solids.signed_depth((40, 40, 40), centre, radius) + 0.5, 0, 1))
    direction = rng.normal(size=(500, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    distance = rng.uniform(2, 18, 500)
    depth = depth_below(centre + direction * distance[:, None], surface)
    np.testing.assert_allclose(depth, radius - distance, atol=0.1)


def test_past_the_rim_of_an_open_surface_the_rim_is_nearest():
    level = np.broadcast_to(5.2 - np.arange(12)[:, None, None], (12, 12, 12))
    surface = surface_at_level(level, level=0)
    distance = distance_to_surface(np.array([[9.2, 5, 5], [5.2, 5, 15]]), surface)
    assert distance[0] == pytest.approx(4)
    assert abs(distance[1]) == pytest.approx(4)


def test_the_map_of_depths_agrees_with_the_mesh(solids):
    inside = solids.ellipsoid((40, 41, 39), (19.3, 19.6, 19.1), (16, 13, 11))
    surface = surface_of_shape(inside)
    depth = depth_map(inside, surface)
    error = depth[inside] - depth_below(np.argwhere(inside).astype(float), surface)
    assert np.abs(error).mean() < 0.05
    assert np.quantile(np.abs(error), 0.99) < 0.3
    assert not depth[~inside].any()
