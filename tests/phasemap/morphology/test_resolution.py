import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.mapping.masking import sample_mask
from xanesmap.phasemap.morphology.resolution import blur_from_surface, blur_of_resolution
from xanesmap.phasemap.surfaces.distance import depth_below
from xanesmap.phasemap.surfaces.shrinkage import surface_of_shape


@pytest.mark.parametrize("blur", [0.4, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_blur_is_found_from_the_surface_of_a_noisy_particle(solids, blur, seed):
    rng = np.random.default_rng(seed)
    radius = rng.uniform(10, 13)
    depth = solids.knobbly_body(rng, radius, n := 2 * int(1.35 * radius) + 8)
    filled = gaussian_filter((depth > 0).astype(float), 2 * blur).reshape(n, 2, n, 2, n, 2).mean(axis=(1, 3, 5))
    amount = 0.04 * (filled + 0.08 * rng.normal(size=filled.shape))
    mask = sample_mask(amount, threshold=0.02, smoothing_px=1.0)
    below = depth_below(np.argwhere(mask).astype(float), surface_of_shape(mask))
    assert blur_from_surface(below, amount[mask]) == pytest.approx(blur, rel=0.12)


def test_a_particle_without_depth_or_without_iron_tells_nothing():
    depth = np.linspace(0, 2, 500)
    assert blur_from_surface(depth, np.ones(500)) is None
    assert blur_from_surface(np.linspace(0, 5, 500), np.zeros(500)) is None
    assert blur_from_surface(np.zeros(0), np.zeros(0)) is None


def test_resolution_is_a_full_width_at_half_maximum():
    assert blur_of_resolution(2.3548 * 80, pixel_size_um=0.08) == pytest.approx(1, rel=1e-3)
