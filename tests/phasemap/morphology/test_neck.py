import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from xanesmap.phasemap.morphology.neck import Plane, SectionErrors, measure_neck

SHARP = SectionErrors(blur_px=np.sqrt(1 / 12), lost=0.0, common=0.0, density=1 / 12)
"""Of voxels that are in or out: each that a surface cuts is off by up to half a voxel, whatever its neighbours are."""
N = 56


def split_bodies(centres, half_axes, turns):
    """True in either of two ellipsoids, each voxel that of the one it lies deeper in."""
    grid = np.stack(np.meshgrid(*(np.arange(N),) * 3, indexing="ij"), axis=-1)
    level = [np.linalg.norm((grid - c) @ t / a, axis=-1) for c, a, t in zip(centres, half_axes, turns, strict=True)]
    inside = np.minimum(*level) <= 1
    return inside & (level[0] < level[1]), inside & (level[0] >= level[1])


def neck_of_balls(seed, *, ratio):
    """Neck of two balls whose circle is so many times as wide as the smaller one, and the area of that circle."""
    rng = np.random.default_rng(seed)
    radii, way = rng.uniform(6, 12, 2), rng.normal(size=3)
    way /= np.linalg.norm(way)
    neck = ratio * radii.min()
    to_plane = np.sqrt(radii**2 - neck**2)
    place = (N - 1) / 2 + (radii[0] - radii[1]) / 2 * way + rng.uniform(-0.5, 0.5, 3)
    centres = place - to_plane[0] * way, place + to_plane[1] * way
    grid = np.stack(np.meshgrid(*(np.arange(N),) * 3, indexing="ij"), axis=-1)
    either = np.logical_or(*(np.linalg.norm(grid - c, axis=-1) <= r for c, r in zip(centres, radii, strict=True)))
    beyond = (grid - place) @ way > 0
    # neither place nor direction are known well to start with
    start = Plane(centre=place + rng.normal(0, 0.3, 3), normal=tilted(way, rng))
    found = measure_neck(either & ~beyond, either & beyond, either.astype(np.float32), start=start, errors=SHARP)
    return found, np.pi * neck**2


def tilted(way, rng):
    turned = way + 0.1 * rng.normal(size=3)
    return turned / np.linalg.norm(turned)


@pytest.mark.parametrize("ratio", [0.3, 0.45, 0.6, 0.75])
def test_neck_of_two_balls_is_the_circle_in_which_they_meet(ratio):
    found, true = zip(*(neck_of_balls(seed, ratio=ratio) for seed in range(12)), strict=True)
    off = np.array([neck.area for neck in found]) - true
    # errors hold how far bodies differ from balls, so they are upper bounds here
    assert np.sum((off / [neck.error for neck in found]) ** 2) < chi2.ppf(0.999, len(off))
    assert abs(np.sum(off) / np.sum(true)) < 0.04


def test_neck_of_ellipsoids_agrees_within_its_errors():
    pulls = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        axes = [rng.uniform(7, 10) * rng.uniform(0.8, 1.2, 3) for _ in range(2)]
        turns = [Rotation.random(random_state=rng).as_matrix() for _ in range(2)]
        way = rng.normal(size=3)
        way /= np.linalg.norm(way)
        half = [1 / np.linalg.norm(way @ turn / a) for turn, a in zip(turns, axes, strict=True)]
        apart = sum(half) - rng.uniform(1.0, 2.5)
        first = (N - 1) / 2 - way * (apart + half[1] - half[0]) / 2
        centres = first, first + apart * way
        one, other = split_bodies(centres, axes, turns)
        middle = first + way * half[0] * apart / sum(half)
        found = measure_neck(
            one, other, (one | other).astype(np.float32), start=Plane(centre=middle, normal=way), errors=SHARP
        )
        pulls.append((found.area - area_of_rim(centres, axes, turns, middle)) / found.error)
    low, high = chi2.ppf([0.001, 0.999], len(pulls))
    assert low < np.sum(np.square(pulls)) < high


def area_of_rim(centres, axes, turns, middle):
    """Area of the flat disc inside the curve in which two ellipsoids meet: their overlap seen along its normal."""

    def deepest(points):
        level = [np.linalg.norm((points - c) @ t / a, axis=-1) for c, t, a in zip(centres, turns, axes, strict=True)]
        return np.maximum(*level)

    step, offsets = 0.3, np.arange(-7, 7, 0.3)
    points = middle + np.stack(np.meshgrid(offsets, offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 3)
    overlap = points[deepest(points) <= 1]
    across = np.linalg.svd(overlap - overlap.mean(axis=0), full_matrices=False)[2]  # the overlap is a lens
    places = [np.arange(-9, 9, step / 2), np.arange(-9, 9, step / 2), np.arange(-1, 1.01, step / 3)]
    seen = overlap.mean(axis=0) + np.stack(np.meshgrid(*places, indexing="ij"), axis=-1) @ across
    return np.count_nonzero((deepest(seen) <= 1).any(axis=2)) * (step / 2) ** 2


def test_a_cut_through_one_body_has_the_area_of_the_cut(solids):
    ball = solids.ellipsoid((N,) * 3, (27.3, 27.6, 27.1), 15)
    way = np.array([0.6, 0.0, 0.8])
    beyond = (np.argwhere(np.ones((N,) * 3)) - [27.3, 27.6, 27.1]).reshape(N, N, N, 3) @ way > 2
    start = Plane(centre=np.array([27.3, 27.6, 27.1]) + 2 * way, normal=way)
    found = measure_neck(ball & ~beyond, ball & beyond, ball.astype(np.float32), start=start, errors=SHARP)
    # no groove tells where it is: it stays where it was cut
    assert found.area == pytest.approx(np.pi * (15**2 - 2**2), rel=0.02)


def test_bodies_thinner_than_the_range_of_sections_have_none():
    one = np.zeros((12, 12, 12), bool)
    one[2:10, 2:10, 2:4] = True
    other = np.zeros_like(one)
    other[2:10, 2:10, 4:11] = True
    start = Plane(centre=np.array([5.5, 5.5, 3.5]), normal=np.array([0.0, 0.0, 1.0]))
    assert measure_neck(one, other, (one | other).astype(np.float32), start=start, errors=SHARP) is None
