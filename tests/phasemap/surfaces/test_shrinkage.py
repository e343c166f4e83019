import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from xanesmap.phasemap.surfaces.curvature import SMOOTHING_PX, integral_of_gaussian_curvature
from xanesmap.phasemap.surfaces.mesh import vertex_areas
from xanesmap.phasemap.surfaces.shrinkage import level_shift, surface_and_curvature, surface_of_shape

SHAPES = {
    "small ball": ((25, 25, 25), (8, 8, 8)),
    "ball, even and odd": ((40, 41, 42), (14, 14, 14)),
    "three axes": ((40, 33, 31), (14, 11, 8)),
    "cigar": ((50, 33, 34), (20, 10, 10)),
    "lens": ((27, 43, 43), (8, 16, 16)),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def solid(request, solids):
    """Occupancy, centre and half axes of an ellipsoid off the grid."""
    shape, axes = request.param
    rng = np.random.default_rng(len(SHAPES) + axes[0])
    centre = (np.array(shape) - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    return np.clip(solids.signed_depth(shape, centre, axes) + 0.5, 0, 1), centre, np.array(axes, float)


@pytest.mark.parametrize("binary", [False, True])
def test_volume_to_one_percent_and_area_to_two(solid, solids, binary):
    occupancy, _, axes = solid
    surface = surface_of_shape(occupancy >= 0.5 if binary else occupancy)
    assert surface.is_closed
    assert surface.enclosed_volume == pytest.approx(4 / 3 * np.pi * axes.prod(), rel=0.01)
    assert surface.area == pytest.approx(solids.ellipsoid_area(axes), rel=0.02)


def test_mean_curvature_to_five_percent_and_gauss_bonnet_to_three(solid, solids):
    occupancy, centre, axes = solid
    surface, curvature = surface_and_curvature(occupancy, smoothing_px=SMOOTHING_PX)
    true = solids.ellipsoid_mean_curvature(surface.vertices, centre, axes)
    weight = vertex_areas(surface)
    assert np.average(curvature.mean, weights=weight) == pytest.approx(np.average(true, weights=weight), rel=0.05)
    assert integral_of_gaussian_curvature(surface, curvature) == pytest.approx(4 * np.pi, rel=0.03)
    if axes.min() == axes.max():
        assert np.sqrt(np.average((curvature.mean / true - 1) ** 2, weights=weight)) < 0.05


def test_mean_curvature_of_a_binary_ball_holds_on_average(solids):
    inside = solids.ellipsoid((30, 31, 32), (14.6, 15.2, 15.3), 10)
    surface, curvature = surface_and_curvature(inside, smoothing_px=SMOOTHING_PX)
    assert np.average(curvature.mean, weights=vertex_areas(surface)) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("blur", [0.7, 1.2])
def test_the_blur_of_the_microscope_is_undone_where_it_is_known(solids, blur):
    fine = solids.ellipsoid((120, 120, 120), np.full(3, 59.5), 36).astype(float)
    occupancy = gaussian_filter(fine, 4 * blur).reshape(30, 4, 30, 4, 30, 4).mean(axis=(1, 3, 5))
    true = 4 / 3 * np.pi * 9**3
    assert surface_of_shape(occupancy, blur_px=blur).enclosed_volume == pytest.approx(true, rel=0.01)
    # without it the ball loses three times sigma^2 / R^2 of its volume
    lost = 1 - surface_of_shape(occupancy).enclosed_volume / true
    assert lost > 0.5 * 3 * blur**2 / 81


def test_a_pure_gaussian_shifts_by_sigma_squared():
    voxel = 1 / 12  # a voxel averages too
    assert level_shift(smoothing_px=0, blur_px=2.0) == pytest.approx(4.0 + voxel)
    assert level_shift(smoothing_px=1.0) < 0.6  # twicing moves less than the Gaussian it is made of


@pytest.mark.parametrize("seed", range(4))
def test_turning_a_body_changes_nothing(solids, seed):
    rotation = Rotation.random(random_state=seed).as_matrix()
    inside = solids.ellipsoid((40, 40, 40), np.full(3, 19.5), (15, 11, 9), rotation)
    surface = surface_of_shape(inside)
    assert surface.enclosed_volume == pytest.approx(4 / 3 * np.pi * 15 * 11 * 9, rel=0.01)
    assert surface.area == pytest.approx(solids.ellipsoid_area((15, 11, 9)), rel=0.02)


def test_bodies_too_small_to_smooth_still_have_a_surface_and_nothing_has_none():
    voxel = np.zeros((3, 3, 3), bool)
    assert surface_of_shape(voxel).is_empty
    voxel[1, 1, 1] = True
    surface = surface_of_shape(voxel)
    assert surface.is_closed
    assert np.isfinite(surface.vertices).all()
    assert surface_of_shape(np.ones((6, 6, 6), bool)).enclosed_volume == pytest.approx(216, rel=0.1)
