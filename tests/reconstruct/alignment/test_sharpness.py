import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.reconstruct.alignment.sharpness import sharpness

SHAPE = (48, 64, 56)
VOXEL_UM = 0.05


def spot(sigma):
    """Gaussian spot in the middle, standard deviation in voxels."""
    offsets = [np.arange(n) - (n - 1) / 2 for n in SHAPE]
    return np.exp(-0.5 * sum(x**2 for x in np.ix_(*offsets)) / sigma**2)


def noise(seed):
    return np.random.default_rng(seed).standard_normal(SHAPE)


def grains(seed=0):
    return gaussian_filter(noise(seed), 2.0) * 20


@pytest.mark.parametrize("sigma", [1.6, 2.5])
def test_a_gaussian_spot_has_the_sharpness_of_its_width(sigma):
    volume = spot(sigma)
    expected = np.sqrt(1.5) / (sigma * VOXEL_UM)
    assert sharpness(volume, volume, voxel_um=VOXEL_UM) == pytest.approx(expected, rel=0.05)


def test_blurring_lowers_it_as_the_widths_add():
    before, after = grains(), gaussian_filter(grains(), 1.5)
    ratio = sharpness(after, after, voxel_um=VOXEL_UM) / sharpness(before, before, voxel_um=VOXEL_UM)
    # a random field of Gaussian spectrum has sharpness proportional to 1 / width: 2 / hypot(2, 1.5)
    assert ratio == pytest.approx(0.8, abs=0.03)


def test_noise_does_not_count_as_sharpness():
    quiet = sharpness(grains(), grains(), voxel_um=VOXEL_UM)
    for seed in range(3):
        scale = 1.5 * grains().std()
        halves = [grains() + scale * noise(10 * seed + number) for number in (1, 2)]
        alone = sharpness(halves[0], halves[0], voxel_um=VOXEL_UM)
        assert sharpness(*halves, voxel_um=VOXEL_UM) == pytest.approx(quiet, rel=0.03)
        assert alone > 1.1 * quiet  # what one volume with itself would have made of it


def test_halves_with_nothing_in_common_are_not_sharp():
    assert sharpness(grains(1), -grains(1), voxel_um=VOXEL_UM) == 0.0
    assert sharpness(np.zeros(SHAPE), grains(1), voxel_um=VOXEL_UM) == 0.0


def test_scale_and_offset_do_not_matter():
    expected = sharpness(grains(), grains(), voxel_um=VOXEL_UM)
    assert sharpness(5 * grains() + 3, 2 * grains() - 1, voxel_um=VOXEL_UM) == pytest.approx(expected, rel=1e-3)


def test_finer_details_count_where_asked_for():
    volume = noise(0)
    fine = sharpness(volume, volume, voxel_um=VOXEL_UM, finest_um=2 * VOXEL_UM)
    assert fine > 1.5 * sharpness(volume, volume, voxel_um=VOXEL_UM)
