import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.coarse import air_level, centres_of_mass, coarse_displacement

ANGLES = np.linspace(0, np.pi, 25, endpoint=False)


def ball(shifts, *, n_v=40, n_u=60, x=6.0, y=-4.0, height=0.3, seed=0):
    """`(angle, v, u)` a ball off the axis, displaced, with noise."""
    v, u = np.meshgrid(np.arange(n_v) - (n_v - 1) / 2, np.arange(n_u) - (n_u - 1) / 2, indexing="ij")
    column = (x * np.cos(ANGLES) - y * np.sin(ANGLES) + shifts[:, 1])[:, None, None]
    row = shifts[:, 0][:, None, None]
    frames = height * np.exp(-((v - row) ** 2 + (u - column) ** 2) / (2 * 5.0**2))
    noise = np.random.default_rng(seed).normal(scale=0.007, size=frames.shape)
    return (frames + noise).astype(np.float32)


def displacements(frames):
    centres = [centres_of_mass(energy) for energy in frames]
    return coarse_displacement(centres, [ANGLES] * len(frames), n_columns=frames[0].shape[2])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_displacements_of_a_ball_are_found_to_a_fraction_of_a_pixel(seed):
    rng = np.random.default_rng(seed)
    shifts = [rng.normal(loc=(drift, 0), scale=1.0, size=(len(ANGLES), 2)) for drift in (-1.0, 0.0, 1.5)]
    found = displacements([ball(s, seed=seed) for s in shifts])
    circle = np.stack([np.ones_like(ANGLES), np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    error = np.array(found) - np.array(shifts)
    error[..., 0] -= error[..., 0].mean()
    design = np.tile(circle, (3, 1))
    along_u = error[..., 1].ravel()
    along_u -= design @ np.linalg.lstsq(design, along_u, rcond=None)[0]
    assert np.sqrt(np.mean(error[..., 0] ** 2)) < 0.2
    assert np.sqrt(np.mean(along_u**2)) < 0.2


def test_frames_without_object_take_the_place_of_their_neighbours():
    shifts = np.zeros((len(ANGLES), 2))
    frames = ball(shifts)
    frames[7] = 0
    found = displacements([frames, ball(shifts, seed=1)])
    np.testing.assert_allclose(found[0][7], np.median(found[0], axis=0), atol=0.3)


def test_empty_frames_are_refused():
    frames = np.random.default_rng(0).normal(scale=0.007, size=(25, 40, 60)).astype(np.float32)
    with pytest.raises(DataError, match="Nothing stands out of the noise"):
        displacements([frames, frames])


def test_air_level_is_that_of_the_border():
    frames = ball(np.zeros((len(ANGLES), 2)))
    levels = np.linspace(-0.05, 0.05, len(ANGLES)).astype(np.float32)
    np.testing.assert_allclose(air_level(frames + levels[:, None, None]), levels, atol=0.002)
