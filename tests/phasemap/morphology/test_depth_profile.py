import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.morphology.depth_profile import depth_profile, shrinking_core_depth


def ball_profile(solids, values, radius=14.0):
    shape = values.shape
    depth = solids.signed_depth(shape, (np.array(shape) - 1) / 2, radius)
    points = np.argwhere(depth > 0)
    where = tuple(points.T)
    return depth_profile(
        points,
        depth[where],
        values[where],
        np.ones(len(points)),
        edges=np.arange(0, 17, 2.0),
    )


def test_the_shrinking_core_follows_yagi_and_kunii():
    depths = shrinking_core_depth(np.array([0.1, 0.25, 0.5, 0.75, 0.9]))
    np.testing.assert_allclose(depths, [0.035, 0.091, 0.206, 0.370, 0.536], atol=5e-4)


def test_a_sharp_core_is_a_step_at_its_depth(solids):
    shape = (33, 33, 33)
    core = solids.signed_depth(shape, (16,) * 3, 8) > 0  # front at a depth of 6
    profile = ball_profile(solids, 1.0 - core)
    np.testing.assert_allclose(profile.mean[:3], 1)
    np.testing.assert_allclose(profile.mean[3:7], 0, atol=0.01)
    assert profile.voxels.sum() == np.count_nonzero(solids.signed_depth(shape, (16,) * 3, 14.0) > 0)


@pytest.mark.parametrize("correlation_px", [0.0, 1.0])
def test_errors_are_those_of_repeated_measurements(solids, correlation_px):
    rng = np.random.default_rng(0)
    profiles = []
    for _ in range(40):
        noise = rng.normal(size=(33, 33, 33))
        profiles.append(ball_profile(solids, gaussian_filter(noise, correlation_px)))
    scatter = np.std([profile.mean for profile in profiles], axis=0)
    told = np.mean([profile.error for profile in profiles], axis=0)
    # the innermost layers hold few blocks
    np.testing.assert_allclose(told[:5], scatter[:5], rtol=0.4)


def test_weights_count(solids):
    points = np.argwhere(np.ones((4, 4, 4)))
    values, weights = np.zeros(64), np.ones(64)
    values[:16], weights[:16] = 1.0, 3.0
    profile = depth_profile(points, np.full(64, 0.5), values, weights, edges=np.array([0.0, 1.0, 2.0]))
    assert profile.mean[0] == pytest.approx(0.5)
    assert np.isnan(profile.mean[1])
    assert np.isnan(profile.error).all()  # one block tells nothing of its scatter
    assert profile.voxels.tolist() == [64, 0]


def test_no_voxels_give_no_means():
    nothing = np.zeros(0)
    profile = depth_profile(np.zeros((0, 3), int), nothing, nothing, nothing, edges=np.array([0.0, 1.0]))
    assert np.isnan(profile.mean).all()
    assert profile.voxels.tolist() == [0]
