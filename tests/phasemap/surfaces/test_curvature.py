import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.surfaces.curvature import Curvature, curvature_at, roughness, shape_distribution
from xanesmap.phasemap.surfaces.mesh import EMPTY, surface_at_level, vertex_areas

Z, Y, X = np.meshgrid(*(np.arange(40) - 19.5,) * 3, indexing="ij")


def field(distance):
    return norm.cdf(distance / 2)


def curved(distance):
    surface = surface_at_level(field(distance), level=0.5)
    keep = (np.abs(surface.vertices - 19.5) < 12).all(axis=1)
    found = curvature_at(surface, field(distance))
    return Curvature(mean=found.mean[keep], gaussian=found.gaussian[keep])


def test_a_cylinder_bends_one_way_only():
    found = curved(9 - np.hypot(Y, X))
    np.testing.assert_allclose(found.mean, 1 / 18, rtol=0.05)
    np.testing.assert_allclose(found.gaussian, 0, atol=3e-4)
    np.testing.assert_allclose(found.shape_index, 0.5, atol=0.05)
    np.testing.assert_allclose(found.curvedness, 1 / 9 / np.sqrt(2), rtol=0.05)


def test_a_plane_has_no_curvature():
    found = curved(0.3 * Z + 0.5 * Y + 0.8 * X)
    np.testing.assert_allclose(found.mean, 0, atol=1e-3)


def test_a_hollow_is_negative_and_a_saddle_is_between():
    hollow = curved(np.sqrt(Z**2 + Y**2 + X**2) - 10)
    np.testing.assert_allclose(hollow.mean, -0.1, rtol=0.05)
    np.testing.assert_allclose(hollow.shape_index, -1, atol=0.25)
    saddle = curved(Z + (Y**2 - X**2) / 60)
    assert (saddle.gaussian < 0).all()
    centre = np.abs(saddle.mean).argmin()
    assert saddle.shape_index[centre] == pytest.approx(0, abs=0.1)


def test_principal_curvatures_are_ordered_and_give_back_mean_and_product():
    found = curved(12 - np.sqrt(Z**2 + 1.5 * Y**2 + 0.8 * X**2))
    low, high = found.principal
    assert (low <= high).all()
    np.testing.assert_allclose((low + high) / 2, found.mean)


def test_the_shape_distribution_of_a_ball_lies_at_one_point_and_integrates_to_one():
    surface = surface_at_level(field(10 - np.sqrt(Z**2 + Y**2 + X**2)), level=0.5)
    low, high = curvature_at(surface, field(10 - np.sqrt(Z**2 + Y**2 + X**2))).principal
    found = shape_distribution(low, high, vertex_areas(surface), largest=0.25, bins=25)
    width = found.edges[1] - found.edges[0]
    assert found.density.sum() * width**2 == pytest.approx(1)
    assert found.beyond == pytest.approx(0)
    centres = (found.edges[:-1] + found.edges[1:]) / 2
    assert (found.density.sum(axis=1) * centres).sum() * width**2 == pytest.approx(0.1, abs=0.01)


def test_area_beyond_the_bins_is_told():
    found = shape_distribution(np.array([0.0, 5.0]), np.array([0.0, 5.0]), np.array([3.0, 1.0]), largest=1.0)
    assert found.beyond == pytest.approx(0.25)
    nothing = shape_distribution(np.zeros(0), np.zeros(0), np.zeros(0), largest=1.0)
    assert nothing.density.sum() == 0


@pytest.mark.parametrize("amplitude", [0.3, 0.6])
def test_roughness_is_the_rms_of_waves_shorter_than_the_cutoff(amplitude):
    wavy = Z + amplitude * np.sin(2 * np.pi * X / 6)
    surface = surface_at_level(wavy, level=0)
    assert roughness(surface, cutoff_px=4) == pytest.approx(amplitude / np.sqrt(2), rel=0.15)


def test_a_smooth_surface_is_not_rough_and_none_has_no_roughness():
    assert roughness(surface_at_level(10 - np.sqrt(Z**2 + Y**2 + X**2), level=0), cutoff_px=3) < 0.08
    assert np.isnan(roughness(EMPTY, cutoff_px=3))
