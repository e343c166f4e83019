import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from xanesmap.phasemap.surfaces.mesh import EMPTY, surface_at_level
from xanesmap.phasemap.surfaces.minkowski import fractional_anisotropy, normal_tensor, principal_axes
from xanesmap.phasemap.surfaces.shrinkage import surface_of_shape


@pytest.mark.parametrize("seed", range(3))
def test_axes_of_a_turned_ellipsoid(solids, seed):
    rotation = Rotation.random(random_state=seed).as_matrix()
    inside = solids.ellipsoid((40, 41, 42), (19.7, 20.1, 20.4), (16, 12, 9), rotation)
    axes = principal_axes(np.argwhere(inside).astype(float))
    np.testing.assert_allclose(axes.lengths, (16, 12, 9), rtol=0.01)
    np.testing.assert_allclose(axes.centroid, (19.7, 20.1, 20.4), atol=0.05)
    np.testing.assert_allclose(np.abs(np.sum(axes.directions * rotation.T, axis=1)), 1, atol=0.01)


def test_one_voxel_is_a_cube():
    axes = principal_axes(np.array([[3.0, 4.0, 5.0]]))
    np.testing.assert_allclose(axes.lengths, np.sqrt(5 / 12))


def test_weights_move_the_centroid():
    assert principal_axes(np.array([[0.0, 0, 0], [4, 0, 0]]), np.array([3.0, 1.0])).centroid[0] == 1


def test_anisotropy_is_zero_for_equal_and_one_for_a_single_eigenvalue():
    assert fractional_anisotropy(np.array([2.0, 2, 2])) == 0
    assert fractional_anisotropy(np.array([5.0, 0, 0])) == pytest.approx(1)
    assert np.isnan(fractional_anisotropy(np.zeros(3)))


def test_normals_of_a_ball_look_everywhere_and_those_of_a_plane_one_way(solids):
    ball = normal_tensor(surface_of_shape(solids.ellipsoid((30, 30, 30), (14.6, 14.4, 14.2), 11)))
    assert ball.beta > 0.97
    assert ball.anisotropy < 0.02
    level = np.broadcast_to(5.2 - np.arange(12)[:, None, None], (12, 12, 12))
    plane = normal_tensor(surface_at_level(level, level=0))
    assert plane.beta == pytest.approx(0, abs=1e-6)
    assert plane.anisotropy == pytest.approx(1)
    assert abs(plane.directions[0, 0]) == pytest.approx(1)


def test_the_eigenvalues_add_up_to_the_area(solids):
    surface = surface_of_shape(solids.ellipsoid((30, 30, 30), (14.6, 14.4, 14.2), (11, 8, 6)))
    assert normal_tensor(surface).values.sum() == pytest.approx(surface.area)
    assert np.isnan(normal_tensor(EMPTY).beta)
