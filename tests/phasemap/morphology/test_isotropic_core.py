import numpy as np
import pytest

from xanesmap.phasemap.morphology.core_shell import Evenness, body_of, evenness, find_front
from xanesmap.phasemap.morphology.isotropic_core import Interval, Measurement, even_core, isotropic_null
from xanesmap.phasemap.segmentation.denoising import denoise_fraction

NOISE, BLUR = 0.085, 0.6
PARTICLES = 5  # benchmarks/morphology.py draws 100


def measured(solids, seed, offset):
    """Indices of a random particle whose core was moved by `offset` equivalent radii, and their null."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(9, 13)
    depth = solids.knobbly_body(rng, radius, 2 * int(1.35 * radius) + 6 + seed % 2)
    way = rng.normal(size=3)
    way *= offset * np.cbrt(3 * (depth > 0).sum() / 8 / (4 * np.pi)) / np.linalg.norm(way)
    mask, fraction = solids.core_in(depth, rng.uniform(0.2, 0.55), blur_px=BLUR, shift=way)
    sigma = np.where(mask, NOISE, np.nan)
    noisy = fraction + NOISE * rng.normal(size=fraction.shape)
    core, body = denoise_fraction(noisy, sigma, mask, smoothing_px=1.0), body_of(mask)
    indices = evenness(body, find_front(body, core, smoothing_px=1.0, blur_px=BLUR), core)
    share = float(np.mean(core[mask] > 0.5))
    how = Measurement(smoothing_px=1.0, blur_px=BLUR)
    return indices, isotropic_null(body, sigma, core_share=share, measurement=how, draws=10, seed=seed)


@pytest.mark.parametrize("seed", range(PARTICLES))
def test_evenly_shrunk_cores_lie_inside_the_null_and_shifted_ones_outside(solids, seed):
    indices, null = measured(solids, seed, 0.0)
    assert null["depth_spread"].holds(indices.depth_spread)
    assert null["offset"].holds(indices.offset)
    indices, null = measured(solids, seed, 0.15)
    assert not null["depth_spread"].holds(indices.depth_spread)
    assert not null["offset"].holds(indices.offset)


def test_an_even_core_has_the_volume_asked_for_at_one_depth(solids):
    inside = solids.ellipsoid((40, 40, 40), (19.5,) * 3, (17, 12, 12))
    body = body_of(inside)
    core = even_core(body, core_share=0.4, blur_px=BLUR)
    assert np.mean(core[inside] > 0.5) == pytest.approx(0.4, abs=0.002)
    front = find_front(body, core, smoothing_px=0.0, blur_px=BLUR)
    assert front.depth.std() < 0.15


def test_the_null_is_repeatable_and_names_every_index(solids):
    inside = solids.ellipsoid((26, 26, 26), (12.5,) * 3, 10)
    body, sigma = body_of(inside), np.where(inside, NOISE, np.nan)
    how = Measurement(smoothing_px=1.0, blur_px=BLUR)
    one, two = (isotropic_null(body, sigma, core_share=0.3, measurement=how, draws=3, seed=4) for _ in range(2))
    assert one == two
    assert set(one) == set(Evenness.names())
    assert isotropic_null(body, sigma, core_share=1e-4, measurement=how, draws=3) == {}


def test_an_interval_holds_its_ends():
    interval = Interval(low=0.0, high=1.0)
    assert interval.holds(0.0)
    assert interval.holds(1.0)
    assert not interval.holds(1.01)
