import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.reconstruct.zingers import (
    fill_from_neighbours,
    find_zingers,
    mean_without_zingers,
    remove_zingers,
    spread_of_neighbours,
)

N_SIGMA = 8.0


def sinogram(rng, *, photons, n_angles=181, n_u=200, sharp):
    """Transmission of five turning particles with sharp edges, and its counting noise."""
    theta = np.linspace(0, np.pi, n_angles)[:, None]
    u = np.arange(n_u) - (n_u - 1) / 2
    path = np.zeros((n_angles, n_u))
    for _ in range(5):
        x, y = rng.uniform(-n_u / 4, n_u / 4, 2)
        distance = np.abs(u - (x * np.cos(theta) - y * np.sin(theta))) / rng.uniform(n_u / 16, n_u / 7)
        # A slab face on (a step in the projection), or a round particle (a root at its rim).
        profile = distance < 1 if sharp else np.sqrt(np.maximum(1 - distance**2, 0))
        path += rng.uniform(0.3, 0.8) * profile
    clean = np.exp(-path)
    return clean, rng.poisson(photons * clean) / photons


def law(photons, n_u):
    """Variance of a transmission t counted with so many photons in the flat: t / photons."""
    return {
        "variance_slope": np.full(n_u, 1 / photons),
        "variance_offset": np.zeros(n_u),
        "n_sigma": N_SIGMA,
    }


@pytest.mark.parametrize("photons", [300.0, 2000.0, 20000.0])
def test_round_particles_lose_no_pixel_and_no_zinger_is_kept(photons):
    false = found = total = values = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        clean, noisy = sinogram(rng, photons=photons, sharp=False)
        where = rng.random(clean.shape) < 1e-3
        hit = noisy + where * rng.uniform(20, 200, clean.shape) * np.sqrt(clean / photons)
        false += np.count_nonzero(find_zingers(noisy, **law(photons, 200)))
        found += np.count_nonzero(remove_zingers(hit, **law(photons, 200)) & where)
        total += np.count_nonzero(where)
        values += noisy.size
    assert found / total > 0.99
    assert false / values < 1e-4


@pytest.mark.parametrize("photons", [300.0, 2000.0, 20000.0])
def test_sharp_edges_are_not_taken_for_zingers(photons):
    false = values = 0
    for seed in range(12):
        _, noisy = sinogram(np.random.default_rng(seed), photons=photons, sharp=True)
        false += np.count_nonzero(find_zingers(noisy, **law(photons, 200)))
        values += noisy.size
    assert false / values < 1e-4


@pytest.mark.parametrize("photons", [2000.0, 20000.0, 200000.0])
@pytest.mark.parametrize("sharp", [True, False])
def test_frames_that_jump_lose_no_pixel(photons, sharp):
    false = values = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        clean, _ = sinogram(rng, photons=photons, sharp=sharp)
        jumped = np.stack([np.roll(frame, shift) for frame, shift in zip(clean, rng.integers(-1, 3, 181), strict=True)])
        noisy = rng.poisson(photons * jumped) / photons
        false += np.count_nonzero(find_zingers(noisy, **law(photons, 200)))
        values += noisy.size
    assert false / values < 1e-4


def test_a_zinger_brighter_than_the_edges_is_found_anywhere():
    rng = np.random.default_rng(0)
    _, noisy = sinogram(rng, photons=2000.0, sharp=True)
    where = rng.random(noisy.shape) < 1e-3
    found = remove_zingers(noisy + 2.0 * where, **law(2000.0, 200))
    assert np.count_nonzero(found & where) / np.count_nonzero(where) > 0.99


@pytest.mark.parametrize("pattern", [[1.0], [1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.6, 0.9, 0.4]])
def test_zingers_of_several_pixels_are_replaced_by_the_level_around_them(pattern):
    rng = np.random.default_rng(1)
    flat = rng.poisson(5000.0, (40, 60)) / 5000.0
    hit = flat.copy()
    hit[20, 30 : 30 + len(pattern)] += pattern
    found = remove_zingers(hit, **law(5000.0, 60))
    assert np.count_nonzero(found) == len(pattern)
    assert found[20, 30 : 30 + len(pattern)].all()
    # The median of eight neighbours, some of them filled before, has a noise below that of one value.
    assert np.abs(hit[20, 30 : 30 + len(pattern)] - 1).max() < 5 / np.sqrt(5000.0)
    np.testing.assert_array_equal(hit[~found], flat[~found])


@pytest.mark.parametrize(("angle", "u"), [(0, 0), (0, 5), (9, 11), (4, 0), (9, 3)])
def test_zingers_on_the_rim_are_found(angle, u):
    values = np.ones((10, 12))
    values[angle, u] = 2.0
    found = remove_zingers(values, **law(1000.0, 12))
    np.testing.assert_array_equal(np.argwhere(found), [[angle, u]])
    np.testing.assert_array_equal(values, 1.0)


def test_a_bright_frame_is_no_zinger():
    values = np.random.default_rng(2).poisson(5000.0, (30, 50)) / 5000.0
    values[12] *= 1.3
    assert not find_zingers(values, **law(5000.0, 50)).any()


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    seed=st.integers(0, 1000),
    portion=st.floats(0.0, 0.9),
)
def test_filling_keeps_good_values_and_stays_within_their_range(shape, seed, portion):
    rng = np.random.default_rng(seed)
    truth = rng.random(shape)
    bad = rng.random(shape) < portion
    bad.flat[rng.integers(bad.size)] = False
    values = np.where(bad, -1e9, truth)
    fill_from_neighbours(values, bad)
    np.testing.assert_array_equal(values[~bad], truth[~bad])
    assert values.min() >= truth[~bad].min()
    assert values.max() <= truth[~bad].max()


def test_a_dead_column_is_filled_halfway_between_its_sides():
    values = np.tile(np.arange(9.0), (6, 1))
    bad = np.zeros(values.shape, dtype=bool)
    bad[:, 4] = True
    values[:, 4] = 0.0
    fill_from_neighbours(values, bad)
    np.testing.assert_array_equal(values[:, 4], 4.0)


def test_the_spread_of_neighbours_is_their_mean_squared_distance():
    values = np.zeros((5, 5))
    values[2, 3] = 4.0
    where = np.zeros((5, 5), dtype=bool)
    where[2, 2] = where[0, 0] = True
    np.testing.assert_allclose(spread_of_neighbours(values, where), [0.0, 2.0])


def test_zingers_in_repeated_frames_leave_their_mean_alone():
    rng = np.random.default_rng(3)
    frames = rng.poisson(2000.0, (9, 20, 30)).astype(np.uint16)
    hit = frames.copy()
    hit[4, 10, 12] = 60000
    mean, n_zingers = mean_without_zingers(hit, gain=1.0, read_variance=0.0, n_sigma=N_SIGMA)
    assert n_zingers == 1
    assert mean[10, 12] == pytest.approx(frames[:, 10, 12].mean(), abs=np.sqrt(2000))
    hit[4, 10, 12] = frames[4, 10, 12]
    np.testing.assert_allclose(
        mean_without_zingers(hit, gain=1.0, read_variance=0.0, n_sigma=N_SIGMA)[0], hit.mean(axis=0)
    )


def test_a_flickering_beam_makes_no_zingers():
    rng = np.random.default_rng(4)
    lamp = np.array([1.0, 1.2, 0.9, 1.0, 1.1])[:, None, None]
    frames = rng.poisson(3000.0 * lamp * np.ones((5, 16, 64))).astype(np.uint16)
    assert mean_without_zingers(frames, gain=1.0, read_variance=0.0, n_sigma=N_SIGMA)[1] == 0


def test_two_frames_are_averaged_as_they_are():
    frames = np.array([[[0.0]], [[1000.0]]])
    assert mean_without_zingers(frames, gain=1.0, read_variance=0.0, n_sigma=N_SIGMA) == (500.0, 0)
