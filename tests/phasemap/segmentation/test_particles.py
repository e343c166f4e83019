import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from xanesmap.phasemap.segmentation.particles import find_particles
from xanesmap.reconstruct.simulator.phantom import make_phantom

PAIRS = 25  # benchmarks/morphology.py splits 200


@pytest.fixture(scope="module")
def pairs(solids):
    rng = np.random.default_rng(5)
    return [solids.touching_pair(rng) for _ in range(PAIRS)]


def test_touching_particles_are_split(pairs, solids):
    right = sum(solids.is_split_right(find_particles(one | other).labels, one, other) for one, other in pairs)
    assert right >= 0.95 * PAIRS


def test_cigars_and_lenses_stay_whole(solids):
    rng = np.random.default_rng(2)
    for _ in range(20):
        axes = rng.uniform(7, 12) * np.array([1, rng.uniform(0.5, 1), rng.uniform(0.4, 1)])
        rotation = Rotation.random(random_state=rng).as_matrix()
        assert find_particles(solids.ellipsoid((30, 30, 30), rng.uniform(14, 15, 3), axes, rotation)).count == 1


@pytest.mark.parametrize(("seed", "shape"), [(0, (64, 96, 96)), (1, (65, 97, 97)), (2, (40, 61, 60))])
def test_knobbly_particles_with_pores_are_told_apart_and_stay_whole(seed, shape):
    phantom = make_phantom(shape=shape, seed=seed)
    found = find_particles(phantom.mask)
    assert found.count == len(phantom.kinds)
    for number in range(1, found.count + 1):
        inside = phantom.particle[found.labels == number]
        assert np.bincount(inside).max() == inside.size


def test_numbers_fall_with_size_and_fragments_are_dropped(solids):
    shape = (30, 30, 60)
    large, small = (solids.ellipsoid(shape, (15, 15, x), r) for x, r in ((15, 9), (40, 5)))
    speck = solids.ellipsoid(shape, (15, 15, 55), 2)
    found = find_particles(large | small | speck)
    np.testing.assert_array_equal(found.labels == 1, large)
    np.testing.assert_array_equal(found.labels == 2, small)
    assert (found.count, found.found.n_fragments, found.found.fragment_voxels) == (2, 1, speck.sum())


def test_closed_pores_belong_to_their_particle_and_do_not_split_it(solids):
    shape = (30, 30, 30)
    pores = solids.ellipsoid(shape, (15, 15, 10), 2.5) | solids.ellipsoid(shape, (15, 15, 20), 2.5)
    found = find_particles(solids.ellipsoid(shape, (15, 15, 15), 12) & ~pores)
    assert found.count == 1
    np.testing.assert_array_equal(found.pores == 1, pores)


def test_particles_at_the_end_of_the_field_are_marked(solids):
    shape = (30, 40, 40)
    inner, top, rim = (solids.ellipsoid(shape, c, r) for c, r in (((15, 20, 20), 7), ((3, 20, 20), 6), ((15, 6, 6), 5)))
    found = find_particles(inner | top | rim, rows=4)
    assert found.count == 3
    assert found.found.cut.tolist() == [False, True, True]
    assert find_particles(np.zeros((3, 4, 4), bool)).found.cut.size == 0


@given(seed=st.integers(0, 1000), rows=st.integers(1, 12))
def test_blocks_of_any_height_give_what_one_piece_gives(seed, rows):
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.normal(size=(23, 17, 19)), rng.uniform(0.5, 2)) > rng.uniform(-0.05, 0.1)
    whole, blocks = find_particles(mask, least_voxels=10), find_particles(mask, least_voxels=10, rows=rows)
    np.testing.assert_array_equal(whole.labels, blocks.labels)
    np.testing.assert_array_equal(whole.pores, blocks.pores)
    np.testing.assert_array_equal(whole.found.cut, blocks.found.cut)
    assert whole.found.boxes == blocks.found.boxes
    assert whole.found.n_fragments == blocks.found.n_fragments


@given(seed=st.integers(0, 1000))
def test_every_particle_hangs_together_and_its_box_holds_it(seed):
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(15, 16, 17)), 1.2) > 0
    found = find_particles(mask, least_voxels=10)
    for number, box in enumerate(found.found.boxes, start=1):
        own = (found.labels == number) | (found.pores == number)
        assert ndimage.label(own)[1] == 1
        assert ndimage.find_objects(own.astype(int))[0] == box


def test_nothing_and_one_voxel_are_no_particles():
    mask = np.zeros((4, 5, 6), bool)
    assert find_particles(mask).count == 0
    mask[2, 2, 2] = True
    found = find_particles(mask)
    assert (found.count, found.found.n_fragments) == (0, 1)
    assert find_particles(mask, least_voxels=1).count == 1


@given(seed=st.integers(0, 1000))
def test_every_voxel_is_in_one_particle_or_in_a_fragment(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((9, 10, 11)) > 0.5
    found = find_particles(mask, least_voxels=20)
    assert ((found.labels > 0) <= mask).all()
    kept = np.bincount(found.labels.ravel(), minlength=found.count + 1)[1:]
    kept += np.bincount(found.pores.ravel(), minlength=found.count + 1)[1:]
    assert (kept >= 20).all()
    assert (np.diff(kept) <= 0).all()
