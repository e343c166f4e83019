import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.morphology.core_shell import body_of, find_front, structure_of
from xanesmap.phasemap.morphology.two_phase import Maps, judge, mixed_share, sharp_mixed_share
from xanesmap.phasemap.segmentation.denoising import denoise_fraction
from xanesmap.phasemap.surfaces.shrinkage import surface_of_shape

NOISE = 0.05
PARTICLES = 4  # of each kind; benchmarks/morphology.py judges 100


def judged(mask, fraction, *, blur_px, seed):
    """Evidence for a fraction with noise."""
    rng = np.random.default_rng([seed, 1])
    sigma = np.where(mask, NOISE, np.nan)
    noisy = np.where(mask, fraction + NOISE * rng.normal(size=mask.shape), np.nan)
    core, body = denoise_fraction(noisy, sigma, mask, smoothing_px=1.0), body_of(mask)
    shown = core if structure_of(body, core) == "core and shell" else np.zeros_like(core)
    front = find_front(body, shown, smoothing_px=1.0, blur_px=blur_px)
    return judge(body, front, Maps(fraction=noisy, sigma=sigma), blur_px=blur_px)


@pytest.fixture(scope="module", params=range(PARTICLES))
def particle(request, solids):
    """Depth, mask, sharp core with blur, blur and seed of a random particle."""
    rng = np.random.default_rng(request.param)
    radius, blur = rng.uniform(9, 13), rng.uniform(0.5, 1.0)
    depth = solids.knobbly_body(rng, radius, 2 * int(1.35 * radius) + 6)
    share, way = rng.uniform(0.15, 0.7), rng.normal(size=3)
    way *= radius * rng.uniform(0, 0.3) / np.linalg.norm(way)
    mask, fraction = solids.core_in(depth, share, blur_px=blur, shift=way)
    coarse = depth.reshape(*(m for n in mask.shape for m in (n, 2))).mean(axis=(1, 3, 5))
    return coarse, mask, fraction, blur, request.param


def test_a_sharp_core_is_two_phases(particle):
    _, mask, fraction, blur, seed = particle
    found = judged(mask, fraction, blur_px=blur, seed=seed)
    assert found.verdict == "two phases"
    assert abs(found.excess) < 3 * found.excess_error
    assert found.edge.width == pytest.approx(found.blur_width, rel=0.2)
    assert "two phases" in found.sentence(pixel_size_um=0.08)


def test_a_wide_front_a_gradient_and_a_uniform_particle_are_solid_solutions(particle):
    depth, mask, _, blur, seed = particle
    wide = norm.cdf((depth - np.median(depth[mask])) / (0.25 * depth.max()))
    uniform = np.full(mask.shape, 0.2 + 0.15 * (seed % 5))
    for fraction in (wide, np.clip(depth / depth.max(), 0, 1), uniform):
        assert judged(mask, fraction, blur_px=blur, seed=seed).verdict == "solid solution or fine mixture"


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.03, 0.96])
def test_a_pure_particle_is_one_phase_also_when_the_energy_scale_is_a_little_off(solids, fraction):
    mask = solids.ellipsoid((28, 28, 28), (13.5,) * 3, 10)
    found = judged(mask, np.full(mask.shape, fraction), blur_px=0.6, seed=3)
    assert found.verdict == "one phase"
    assert found.edge is None


@pytest.mark.parametrize(("radius", "blur"), [(16, 0.8), (20, 1.0), (24, 1.4)])
def test_a_sharp_blurred_front_makes_2563_sigma_area_per_volume_look_mixed(solids, radius, blur):
    n = 2 * radius + 20
    centre = (n - 1) / 2 + np.array([0.2, -0.1, 0.4])
    fraction = solids.blurred(solids.signed_depth((n, n + 1, n - 1), centre, radius), blur)
    area = surface_of_shape(fraction, blur_px=blur).area
    assert mixed_share(fraction) == pytest.approx(sharp_mixed_share(area, fraction.size, blur_px=blur), rel=0.05)
    # 2.563 = z(0.9) - z(0.1); between 0.3 and 0.7: 1.049
    assert sharp_mixed_share(1, 1, blur_px=1) == pytest.approx(2.563, abs=1e-3)
    assert sharp_mixed_share(1, 1, blur_px=1, between=(0.3, 0.7)) == pytest.approx(1.049, abs=1e-3)


def test_a_third_species_at_the_front_shows_in_the_residual(solids):
    shape = (30, 30, 30)
    mask = solids.ellipsoid(shape, (14.5,) * 3, 13)
    depth = solids.signed_depth(shape, (14.5,) * 3, 8)
    fraction, sigma = solids.blurred(depth, 0.7), np.full(shape, NOISE)
    residual = np.where(np.abs(depth) < 2, 3e-3, 1e-3)
    body = body_of(mask)
    front = find_front(body, fraction, smoothing_px=0, blur_px=0.7)
    maps = Maps(fraction=fraction, sigma=sigma, residual=residual)
    assert judge(body, front, maps, blur_px=0.7).residual_ratio == pytest.approx(3, rel=0.05)


def test_nothing_measured_is_undecided(solids):
    mask = solids.ellipsoid((12, 12, 12), (5.5,) * 3, 4)
    unknown = np.full(mask.shape, np.nan)
    front = find_front(body_of(mask), np.zeros(mask.shape), smoothing_px=0, blur_px=0.6)
    found = judge(body_of(mask), front, Maps(fraction=unknown, sigma=unknown), blur_px=0.6)
    assert found.verdict == "undecided"
    assert np.isnan(mixed_share(unknown))
