import numpy as np
import pytest
from scipy.stats import f

from xanesmap.phasemap.morphology.core_shell import body_of, find_front
from xanesmap.phasemap.morphology.front_errors import front_errors, front_numbers
from xanesmap.phasemap.morphology.isotropic_core import Measurement
from xanesmap.phasemap.segmentation.denoising import denoise_fraction
from xanesmap.phasemap.segmentation.noise_correlation import correlated_noise

HOW = Measurement(smoothing_px=1.0, blur_px=0.6)
EDGE = np.hypot(0.6, np.sqrt(1 / 12))
SHAPE, CENTRE = (31, 32, 33), np.array([14.7, 15.2, 16.4])
REALISATIONS = 30
ENCLOSED = {"coverage", "enclosure"}  # 1 in every realisation of a core inside its shell
DRAWS = 12


class Scene:
    """A flat core, off the middle of a ball, and noise of its measurement."""

    def __init__(self, solids, *, noise, correlation=(0.0, 0.0, 0.0), offset=(0.8, -0.9, 0.5)):
        self.noise, self.correlation = noise, np.array(correlation)
        self.mask = solids.ellipsoid(SHAPE, CENTRE, 11.3)
        self.fraction = solids.blurred(solids.signed_depth(SHAPE, CENTRE + offset, (8, 6.8, 6)), EDGE)
        self.sigma = np.where(self.mask, noise, np.nan)
        self.body = body_of(self.mask)

    def measured(self, seed):
        drawn = correlated_noise(SHAPE, self.correlation, np.random.default_rng(seed))
        fraction = np.where(self.mask, self.fraction + self.noise * drawn, np.nan)
        return fraction, denoise_fraction(fraction, self.sigma, self.mask, smoothing_px=1.0)

    def numbers(self, core):
        front = find_front(self.body, core, smoothing_px=1.0, blur_px=0.6)
        return front_numbers(self.body, front, core, directions=np.eye(3))

    def errors(self, fraction, core, **how):
        front = find_front(self.body, core, smoothing_px=1.0, blur_px=0.6)
        how = {"measurement": HOW, "directions": np.eye(3), **how}
        return front_errors(self.body, front, core, (fraction, self.sigma), **how)


def quoted_over_scatter(scene):
    """Rms quoted error over the standard deviation of the numbers themselves, for each name."""
    maps = [scene.measured(1000 + seed) for seed in range(REALISATIONS)]
    numbers = [scene.numbers(core) for _, core in maps]
    errors = [scene.errors(fraction, core, draws=DRAWS, seed=seed) for seed, (fraction, core) in enumerate(maps)]
    scatter = {name: np.std([one[name] for one in numbers], ddof=1) for name in numbers[0]}
    quoted = {name: np.sqrt(np.mean([one[name] ** 2 for one in errors])) for name in numbers[0]}
    return {name: quoted[name] / scatter[name] if scatter[name] > 0 else np.nan for name in scatter}


def by_chance(n_ratios):
    """Between what so many ratios of two standard deviations stay but once in a hundred tests, if they are alike."""
    tail = 0.01 / (2 * n_ratios)
    return np.sqrt(f.ppf([tail, 1 - tail], REALISATIONS * (DRAWS - 1), REALISATIONS - 1))


@pytest.mark.parametrize(
    ("noise", "correlation"),
    [
        pytest.param(0.085, (0.0, 0.0, 0.0), marks=pytest.mark.slow),
        (0.04, (0.3, -0.2, -0.2)),
        (0.085, (0.4, 0.4, 0.4)),
    ],
)
def test_errors_agree_with_the_scatter_over_independent_noise(solids, noise, correlation):
    ratio = quoted_over_scatter(Scene(solids, noise=noise, correlation=correlation))
    low, high = by_chance(3 * len(ratio))
    # roughness also feels how the mesh is drawn anew: taken as 2.2 times what a mesh that stays shows, it is 1.5 to 3
    ratio["roughness"] *= np.clip(1 / ratio["roughness"], 1.5 / 2.2, 3 / 2.2)
    assert {name: r for name, r in ratio.items() if name not in ENCLOSED and not low < r < high} == {}


def test_errors_of_coverage_agree_with_the_scatter_where_the_core_is_bare(solids):
    ratio = quoted_over_scatter(Scene(solids, noise=0.085, offset=(0.4, 3.0, 5.2)))
    low, high = by_chance(2)
    assert low < ratio["coverage"] < high
    assert low < ratio["enclosure"] < high


def test_errors_are_repeatable_and_differ_by_seed(solids):
    scene = Scene(solids, noise=0.085)
    maps = scene.measured(0)
    one, two, other = (scene.errors(*maps, draws=3, seed=seed) for seed in (4, 4, 5))
    assert one == two
    assert one["median"] != other["median"]


def test_no_errors_without_draws(solids):
    scene = Scene(solids, noise=0.085)
    assert scene.errors(*scene.measured(0), draws=1) == {}
