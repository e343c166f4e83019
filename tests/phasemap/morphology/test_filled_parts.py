import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.morphology.core_shell import body_of
from xanesmap.phasemap.morphology.filled_parts import filled_parts

RADIUS, SHELL, BLUR, NOISE = 8.64, 3.0, 0.4, 0.05
DENSER = 0.08
"""Of the shell: there is so much more iron in a voxel of it than in one of the core."""


def blurred_ball(distance, radius):
    """Filled parts at distances from the middle of a ball, after a Gaussian blur: exact."""
    edge = np.hypot(BLUR, np.sqrt(1 / 12))
    sides = [norm.cdf((radius - distance) / edge), norm.cdf((radius + distance) / edge)]
    slopes = [norm.pdf((radius - distance) / edge), norm.pdf((radius + distance) / edge)]
    return sides[0] + sides[1] - 1 - edge / distance * (slopes[0] - slopes[1])


def volume_of(solids, seed, *, share=None, with_fraction):
    """Volume over the true one of a ball of 2700 voxels with a thin shell, or of one fraction throughout."""
    rng = np.random.default_rng(seed)
    shape, centre = (28, 29, 28), np.array([13.6, 14.1, 13.4]) + rng.uniform(-0.5, 0.5, 3)
    distance = RADIUS - solids.signed_depth(shape, centre, RADIUS)
    filled, inner = blurred_ball(distance, RADIUS), blurred_ball(distance, RADIUS - SHELL)
    core = inner / np.maximum(filled, 1e-3) if share is None else share
    amount = filled * (1 + DENSER * (1 - core)) + NOISE * rng.normal(size=shape)
    fraction = np.where(filled > 0.5, core + 0.02 * rng.normal(size=shape), np.nan)
    part = filled_parts(filled > 0.5, amount, fraction=fraction if with_fraction else None)
    return body_of(filled > 0.5, filled=part, blur_px=BLUR).volume / (4 / 3 * np.pi * RADIUS**3)


def test_a_thin_shell_of_more_iron_adds_nothing_to_the_volume(solids):
    plain, known = (
        np.mean([volume_of(solids, seed, with_fraction=way) for seed in range(6)]) - 1 for way in (False, True)
    )
    # held against the core below, the rim looks fuller than full, and its half level lies too far out
    assert plain > 0.01
    assert abs(known) < 0.005


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_where_there_is_one_phase_the_fraction_changes_nothing(solids, share):
    plain, known = (volume_of(solids, 0, share=share, with_fraction=way) for way in (False, True))
    assert known == pytest.approx(plain, abs=1e-3)


def test_volume_and_radius_of_a_body_are_of_one_ball(solids):
    shape, centre = (28, 29, 28), (13.6, 14.1, 13.4)
    filled = solids.blurred(solids.signed_depth(shape, centre, RADIUS), 0.5)
    for parts in (None, filled):
        body = body_of(filled > 0.5, filled=parts)
        assert 4 / 3 * np.pi * body.equivalent_radius**3 == pytest.approx(body.volume)
    assert body.equivalent_radius == pytest.approx(RADIUS, rel=0.003)
