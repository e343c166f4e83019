"""The error bar of fronts: derived from a sharp plane, held against fronts that were projected and reconstructed."""

import numpy as np
import pytest

from xanesmap.phasemap.mapping.resolution_error import resolution_loss, resolution_variance
from xanesmap.reconstruct.fourier import FourierEngine
from xanesmap.reconstruct.simulator.beamline import image_phases, project_phases
from xanesmap.reconstruct.simulator.phantom import block_average

FINE = 2  # voxels per detector pixel along each axis


def core_in_ball(shape, *, radius, core_radius, offset):
    """`(phase, fine z, y, x)` a core off the middle of a ball."""
    axes = [(np.arange(n * FINE) + 0.5) / FINE - n / 2 for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)

    def filled(r, centre):
        distance = r - np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
        return np.clip(0.5 + distance * FINE, 0, 1)

    ball, core = filled(radius, (0, 0, 0)), filled(core_radius, offset)
    return np.stack([ball * core, ball * (1 - core)]).astype(np.float32)


def reconstructed(fine, *, filter_name="ramlak", n_angles=121):
    """`(phase, z, y, x)` without noise, one unit per voxel."""
    angles = np.arange(n_angles) * np.pi / n_angles
    lines = project_phases(fine, angles, supersampling=FINE, pixel_size_um=1.0)
    images = image_phases(lines, shift_px=np.zeros((n_angles, 2)), magnification=1.0)
    engine, centre = FourierEngine(filter_name=filter_name), (images.shape[-1] - 1) / 2
    return np.stack(
        [engine.reconstruct(np.ascontiguousarray(i.transpose(1, 0, 2)), angles, centre=centre) for i in images]
    )


@pytest.mark.parametrize("filter_name", ["ramlak", "shepp", "hann"])
@pytest.mark.parametrize(
    ("shape", "core_radius", "offset"), [((44, 60, 60), 12, (1.3, -2.2, 0.4)), ((41, 55, 55), 8, (0, 0.7, 3.1))]
)
def test_errors_of_reconstructed_fronts_are_as_large_as_those_of_a_plane(filter_name, shape, core_radius, offset):
    fine = core_in_ball(shape, radius=19, core_radius=core_radius, offset=offset)
    found, true = reconstructed(fine, filter_name=filter_name), np.stack([block_average(f, FINE) for f in fine])
    inside = true.sum(axis=0) > 0.999
    amount = found.sum(axis=0)
    fraction = np.where(inside, found / np.where(inside, amount, 1), 0)
    error = (fraction - true)[0][inside]
    loss = resolution_loss(filter_name, frames="as recorded")
    variance = resolution_variance(fraction, np.zeros_like(fraction), amount, inside, loss=loss)[0][inside]
    # curvature of the front, its places between the voxels, and streaks that leave the ball
    assert np.sqrt(np.mean(variance) / np.mean(error**2)) == pytest.approx(1, abs=0.2)
    # and in the right places
    assert np.corrcoef(np.sqrt(variance), np.abs(error))[0, 1] > 0.5


def filtered_noise(*, shape=(12, 64, 64), n_angles=90, seed=0):
    """`(z, y, x)` white noise of projections behind filtered back-projection, of unit variance in the middle."""
    angles = np.arange(n_angles) * np.pi / n_angles
    sinograms = np.random.default_rng(seed).standard_normal((shape[0], n_angles, shape[2])).astype(np.float32)
    noise = FourierEngine().reconstruct(sinograms, angles, centre=(shape[2] - 1) / 2)
    return noise / noise[:, 16:48, 16:48].std()


def test_noise_makes_no_error_of_fronts():
    noise = filtered_noise()
    middle = (slice(None), slice(16, 48), slice(16, 48))
    loss = resolution_loss("ramlak", frames="as recorded")
    fraction, sigma = np.stack([0.5 + 0.1 * noise, 0.5 - 0.1 * noise]), np.full((2, *noise.shape), 0.1)
    inside = np.zeros(noise.shape, bool)
    inside[middle] = True
    plain = resolution_variance(fraction, 0 * sigma, np.ones(noise.shape), inside, loss=loss)[0][middle]
    # what is to be subtracted, from the spectrum of the noise; 32 x 32 x 12 voxels that share it
    inner = (slice(3, -3), slice(4, -4), slice(4, -4))
    assert plain[inner].mean() == pytest.approx(loss.share * loss.noise * 0.1**2, rel=0.1)
    left = resolution_variance(fraction, sigma, np.ones(noise.shape), inside, loss=loss)[0][middle]
    assert left.mean() < 0.01 * 0.1**2


def ramp(shape, length_px):
    first = np.broadcast_to(np.clip(0.5 + (np.arange(shape[2]) - shape[2] / 2) / length_px, 0, 1), shape)
    return np.stack([first, 1 - first]).astype(np.float32)


def variance_of(fraction, *, frames="as recorded"):
    shape = fraction.shape[1:]
    loss = resolution_loss("ramlak", frames=frames)
    return resolution_variance(
        fraction, np.zeros(fraction.shape), np.ones(shape, np.float32), np.ones(shape, bool), loss=loss
    )


def test_a_gradual_change_of_composition_is_given_little_error():
    sharp, gradual = (variance_of(ramp((8, 30, 40), length))[0, 4, 15] for length in (1, 20))
    assert 0.03 < np.sqrt(sharp.max()) < 0.1
    assert np.sqrt(gradual.max()) < 0.006


def test_homogeneous_particles_and_all_beside_the_mask_are_given_none():
    fraction = np.stack([np.full((6, 20, 20), 0.3), np.full((6, 20, 20), 0.7)])
    assert variance_of(fraction).max() < 1e-10
    fraction[:, :, :, 10:] = fraction[::-1, :, :, 10:]
    assert variance_of(fraction).max() > 1e-4
    inside = np.zeros((6, 20, 20), bool)
    inside[:, :, :10] = True
    loss = resolution_loss("ramlak", frames="as recorded")
    assert resolution_variance(fraction, 0 * fraction, np.ones((6, 20, 20)), inside, loss=loss).max() < 1e-10


def test_along_the_axis_only_interpolated_frames_lose_detail():
    level = (np.arange(20) < 10)[:, None, None] * np.ones((20, 16, 16))
    fraction = np.stack([level, 1 - level])
    assert variance_of(fraction).max() < 1e-10
    assert np.sqrt(variance_of(fraction, frames="interpolated").max()) > 0.03


def test_frames_that_are_misplaced_lose_more():
    shares = [resolution_loss("ramlak", frames="interpolated", misplaced_px=px).share for px in (0, 0.1, 0.3)]
    assert shares[0] < shares[1] < shares[2]


def test_every_phase_of_three_has_the_error_of_its_own_fronts():
    fraction = np.zeros((3, 6, 20, 30))
    fraction[0, :, :, :10], fraction[1, :, :, 10:20], fraction[2, :, :, 20:] = 1, 1, 1
    variance = variance_of(fraction)
    assert variance[0, 3, 10, 9] > 100 * variance[0, 3, 10, 20]
    assert variance[2, 3, 10, 20] > 100 * variance[2, 3, 10, 9]
    assert variance[1, 3, 10, 9] == pytest.approx(variance[1, 3, 10, 20], rel=1e-3)


def test_large_slices_are_worked_on_in_blocks_that_do_not_show():
    rng = np.random.default_rng(0)
    fraction = rng.random((2, 7, 150, 20)).astype(np.float32)
    fraction[1] = 1 - fraction[0]
    turned = variance_of(np.ascontiguousarray(fraction.transpose(0, 1, 3, 2)))
    np.testing.assert_allclose(variance_of(fraction), turned.transpose(0, 1, 3, 2), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("frames", ["as recorded", "interpolated"])
def test_a_slab_with_its_reach_has_the_errors_of_the_whole(frames):
    rng = np.random.default_rng(0)
    fraction = rng.random((2, 40, 12, 14)).astype(np.float32)
    fraction[1] = 1 - fraction[0]
    loss = resolution_loss("ramlak", frames=frames)
    part = variance_of(fraction[:, 14 - loss.reach : 20 + loss.reach], frames=frames)
    np.testing.assert_allclose(
        part[:, loss.reach : loss.reach + 6], variance_of(fraction, frames=frames)[:, 14:20], rtol=1e-4, atol=1e-7
    )
