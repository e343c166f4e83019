from itertools import combinations

import numpy as np
import pytest
from scipy import ndimage

from xanesmap.errors import DataError
from xanesmap.reconstruct.simulator.phantom import EDGE_STEPS_PER_UM, KINDS, Phantom, block_average, make_phantom

SHAPES = [(32, 32, 32), (33, 47, 47), (48, 40, 57), (64, 96, 96)]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(shape=(48, 71, 71), seed=3)


def test_block_average_of_a_ramp_is_the_middle_of_each_block():
    ramp = np.arange(12.0).reshape(1, 1, 12) * np.ones((3, 3, 1))

    np.testing.assert_allclose(block_average(ramp, 3), [[[1.0, 4.0, 7.0, 10.0]]])


def test_block_average_keeps_the_total():
    volume = np.random.default_rng(0).random((2, 6, 4, 8))

    assert block_average(volume, 2).sum() * 8 == pytest.approx(volume.sum(), rel=1e-12)


def test_truth_is_the_mean_of_the_fine_grid(phantom):
    assert phantom.fine.shape == (2, 96, 142, 142)
    assert phantom.occupancy.shape == (2, 48, 71, 71)
    np.testing.assert_allclose(phantom.fine.sum(axis=(1, 2, 3)), 8 * phantom.occupancy.sum(axis=(1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(phantom.occupancy[:, 20, 30, 40], phantom.fine[:, 40:42, 60:62, 80:82].mean((1, 2, 3)))


def test_fractions_sum_to_one_inside_the_mask_and_are_nan_outside(phantom):
    np.testing.assert_allclose(phantom.fraction.sum(axis=0)[phantom.mask], 1.0, rtol=1e-6)
    assert np.isnan(phantom.fraction[:, ~phantom.mask]).all()


def test_amount_is_the_edge_step_of_both_phases(phantom):
    expected = EDGE_STEPS_PER_UM[0] * phantom.occupancy[0] + EDGE_STEPS_PER_UM[1] * phantom.occupancy[1]

    np.testing.assert_allclose(phantom.amount, expected, rtol=1e-5)


@pytest.mark.parametrize(("kind", "fraction"), [("LiFePO4", 1.0), ("FePO4", 0.0), ("mixed", 0.5)])
def test_uniform_particles_hold_exactly_their_fraction_of_iron(phantom, kind, fraction):
    inside = phantom.particle == phantom.kinds.index(kind) + 1

    np.testing.assert_allclose(phantom.fraction[0][inside], fraction, atol=1e-6)


def test_mixed_particle_halves_the_iron_whatever_the_edge_steps():
    phantom = make_phantom(shape=(24, 32, 32), seed=1, edge_steps_per_um=(1.0, 3.0))
    inside = phantom.particle == phantom.kinds.index("mixed") + 1

    np.testing.assert_allclose(phantom.fraction[0][inside], 0.5, atol=1e-6)
    np.testing.assert_allclose(phantom.occupancy[0][inside], 3 * phantom.occupancy[1][inside], rtol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_core_is_lithiated_and_covered_by_the_shell_everywhere(seed):
    phantom = make_phantom(shape=(48, 72, 72), seed=seed)
    for number in (1, 2):
        inside = phantom.particle == number
        solid = ndimage.binary_fill_holes(inside)
        rim = solid & ~ndimage.binary_erosion(solid) & inside
        assert np.nanmax(phantom.fraction[0][inside]) > 0.99
        # The shell is one pixel thick or more, so a core reaches only into the far side of a surface voxel.
        assert np.nanmax(phantom.fraction[0][rim]) < 0.6


def test_particles_have_pores_and_a_density_texture_of_a_few_percent(phantom):
    total = phantom.occupancy.sum(axis=0)
    filled = ndimage.binary_fill_holes(phantom.mask)
    deep = ndimage.binary_erosion(phantom.mask, iterations=2)

    assert (filled & ~phantom.mask).any()
    assert 0.01 < total[deep].std() < 0.05
    assert total[deep].mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [0, 11])
def test_particles_lie_inside_the_circle_with_room_to_move(shape, seed):
    phantom = make_phantom(shape=shape, seed=seed)
    z, y, x = np.nonzero(phantom.occupancy.sum(axis=0) > 0)
    radius = np.hypot(y - (shape[1] - 1) / 2, x - (shape[2] - 1) / 2)

    # a tenth of the size stays free, less one pixel for the voxels which the surface only touches
    assert radius.max() <= 0.4 * min(shape[1:]) + 1
    assert np.abs(z - (shape[0] - 1) / 2).max() <= 0.4 * shape[0] + 1


@pytest.mark.parametrize("shape", SHAPES)
def test_every_kind_is_there_and_no_two_particles_touch(shape):
    phantom = make_phantom(shape=shape, seed=5)
    grown = [ndimage.binary_dilation(phantom.particle == n) for n in range(1, len(phantom.kinds) + 1)]

    assert set(phantom.kinds) == set(KINDS)
    assert all(particle.any() for particle in grown)
    assert not any((one & other).any() for one, other in combinations(grown, 2))


def test_surfaces_cut_fine_voxels_in_part():
    # A surface of area A cuts about A / h^2 fine voxels of side h, each of which must be filled in part: were
    # the object made of whole voxels there would be none.
    phantom = make_phantom(shape=(32, 48, 48), seed=2)
    total = phantom.fine.sum(axis=0)
    cut = np.count_nonzero((total > 0.02) & (total < 0.85))
    sphere_area = sum(
        4 * np.pi * (3 * 8 * np.count_nonzero(phantom.particle == n) / (4 * np.pi)) ** (2 / 3) for n in range(1, 6)
    )

    assert cut > 0.7 * sphere_area


def test_volume_does_not_depend_on_the_fine_grid():
    coarse, fine = (make_phantom(shape=(32, 48, 48), seed=2, supersampling=s) for s in (1, 3))

    # the texture is drawn anew on every grid: 3 % per voxel, averaged over some hundred independent regions
    assert coarse.occupancy.sum() == pytest.approx(fine.occupancy.sum(), rel=0.015)


def test_same_seed_gives_the_same_object_and_another_seed_another():
    one, again, other = (make_phantom(shape=(24, 32, 32), seed=seed) for seed in (4, 4, 5))

    np.testing.assert_array_equal(one.fine, again.fine)
    assert np.abs(one.fine - other.fine).max() > 0.5


def test_bulk_arrays_are_single_precision(phantom):
    assert phantom.fine.dtype == phantom.occupancy.dtype == phantom.amount.dtype == phantom.fraction.dtype == np.float32
    assert phantom.particle.dtype == np.int32


def test_too_small_a_volume_is_refused():
    with pytest.raises(DataError, match=r"8 x 32 x 32 voxels was asked for.*at least 16"):
        make_phantom(shape=(8, 32, 32), seed=0)


def test_a_supersampling_of_zero_is_refused():
    with pytest.raises(DataError, match=r"supersampling 0 was asked for"):
        make_phantom(shape=(32, 32, 32), seed=0, supersampling=0)
