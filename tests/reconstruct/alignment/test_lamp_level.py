"""A lamp that flickers is seen in the air beside the object, where there is air."""

import numpy as np
import pytest

from xanesmap.reconstruct.alignment.lamp_level import lamp_level

SIGMA = 0.01


def frames(*, flicker=0.0, n=(61, 12, 64), radius=20, seed=0):
    """`(angle, v, u)` a cylinder that moves a little, in noise, and the level of every frame."""
    rng = np.random.default_rng(seed)
    level = flicker * rng.standard_normal(n[0])
    u = np.arange(n[2]) - (n[2] - 1) / 2 - 3 * np.cos(np.arange(n[0]) * np.pi / n[0])[:, None]
    chord = 0.04 * np.sqrt(np.maximum(radius**2 - u**2, 0))
    values = chord[:, None, :] + level[:, None, None] + SIGMA * rng.standard_normal(n)
    return values.astype(np.float32), level


@pytest.mark.parametrize("n", [(61, 12, 64), (40, 7, 57), (91, 33, 120)])
@pytest.mark.parametrize("flicker", [0.01, 0.03])
def test_the_level_of_every_frame_is_found_to_the_noise_of_its_air(n, flicker):
    values, level = frames(flicker=flicker, n=n)
    found = lamp_level(values, variance=SIGMA**2)
    n_air = n[1] * 2 * max(2, round(n[2] / 20))
    assert np.std(found - level) < 2 * 1.2533 * SIGMA / np.sqrt(n_air)


def test_a_steady_lamp_is_left_alone():
    assert lamp_level(frames()[0], variance=SIGMA**2) is None
    assert lamp_level(frames(flicker=0.001)[0], variance=SIGMA**2) is None


def test_noise_is_not_taken_for_flicker():
    values, _ = frames(n=(61, 1, 64))
    values += np.float32(0.05) * np.random.default_rng(1).standard_normal(values.shape).astype(np.float32)
    assert lamp_level(values, variance=0.05**2) is None


def test_an_object_over_the_sides_leaves_no_air_to_tell():
    assert lamp_level(frames(flicker=0.02, radius=60)[0], variance=SIGMA**2) is None


def test_what_changes_smoothly_with_the_angle_is_no_lamp():
    values, _ = frames()
    values += 0.03 * np.sin(np.linspace(0, np.pi, len(values)))[:, None, None].astype(np.float32)
    assert lamp_level(values, variance=SIGMA**2) is None
