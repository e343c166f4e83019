import numpy as np
import pytest

from xanesmap.reconstruct.engines import make_engine
from xanesmap.reconstruct.propagation import plan_noise, spread_to_pixels, voxel_variance


def predicted(variance, flat_variance, angles, centre):
    plan = plan_noise(angles, n_u=variance.shape[-1])
    compact = voxel_variance(variance[None], flat_variance[None], plan, centre=centre)
    return spread_to_pixels(compact.counting, compact.ring, n_u=plan.n_u)[0]


def radius(n):
    return np.hypot(*(np.mgrid[:n, :n] - (n - 1) / 2))


def test_uniform_noise_reaches_the_kak_and_slaney_figure():
    n, n_angles = 96, 180
    angles = np.linspace(0, np.pi, n_angles, endpoint=False)
    full = predicted(np.full((n_angles, n), 0.01), np.zeros(n), angles, (n - 1) / 2)
    np.testing.assert_allclose(full[radius(n) < n / 3], 0.01 * np.pi**2 / (12 * n_angles), rtol=0.01)


@pytest.mark.parametrize(("n", "n_angles", "centre"), [(96, 121, 47.5), (97, 60, 50.2), (64, 181, 30.0)])
@pytest.mark.parametrize("shared", [False, True])
def test_scatter_of_reconstructed_noise_is_as_predicted(n, n_angles, centre, shared):
    rng, repeats = np.random.default_rng(5), 600
    angles = np.linspace(0, np.pi, n_angles, endpoint=False)
    profile = 1 + 2 * np.exp(-(((np.arange(n) - n / 2) / (n / 6)) ** 2))
    shape = (repeats, 1 if shared else n_angles, n)
    noise = np.broadcast_to(rng.normal(size=shape) * np.sqrt(profile), (repeats, n_angles, n))
    measured = make_engine("fourier").reconstruct(noise.astype(np.float32), angles, centre=centre).var(axis=0)
    counting = np.zeros((n_angles, n)) if shared else np.broadcast_to(profile, (n_angles, n))
    full = predicted(counting, profile if shared else np.zeros(n), angles, centre)
    # A variance from 600 repeats is known to 6 %; a ring correlates all voxels at one radius, so its mean over a
    # belt of some ten pixels is known to about 2-3 %, while counting noise averages out over the belt.
    for inner, outer in ((3, 12), (12, 24), (24, min(n // 2 - 3, 42))):
        belt = (radius(n) >= inner) & (radius(n) < outer)
        ratio = np.sqrt(measured[belt].mean() / full[belt].mean())
        assert ratio == pytest.approx(1, abs=0.06 if shared else 0.03)


def test_flat_noise_makes_rings_that_grow_towards_the_axis():
    n, angles = 96, np.linspace(0, np.pi, 181, endpoint=False)
    full = predicted(np.zeros((181, n)), np.ones(n), angles, (n - 1) / 2)
    belts = [full[(radius(n) >= a) & (radius(n) < a + 5)].mean() for a in (2, 12, 25, 40)]
    assert belts == sorted(belts, reverse=True)


def test_twice_the_angles_halve_the_counting_variance():
    n = 64
    few, many = (
        predicted(np.ones((k, n)), np.zeros(n), np.linspace(0, np.pi, k, endpoint=False), 31.5) for k in (90, 180)
    )
    np.testing.assert_allclose(few[radius(n) < 20] / many[radius(n) < 20], 2, rtol=1e-3)


def test_slices_are_spread_each_for_itself():
    plan = plan_noise(np.linspace(0, np.pi, 30, endpoint=False), n_u=32)
    points, radii = len(plan.coordinates), plan.ring.shape[0]
    counting = np.multiply.outer([1.0, 3.0], np.ones((points, points)))
    ring = np.multiply.outer([0.5, 0.25], np.ones(radii))
    spread = spread_to_pixels(counting, ring, n_u=plan.n_u)
    np.testing.assert_allclose(spread[0], np.full((32, 32), 1.5), rtol=1e-6)
    np.testing.assert_allclose(spread[1], np.full((32, 32), 3.25), rtol=1e-6)
