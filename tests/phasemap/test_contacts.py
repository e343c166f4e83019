import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from xanesmap.phasemap.contacts import border_area, contact_areas, contact_error
from xanesmap.phasemap.particles import find_particles


@pytest.mark.parametrize("seed", range(8))
def test_contact_of_two_halves_is_the_disc_between_them(solids, seed):
    normal = Rotation.random(random_state=seed).as_matrix()[0]
    offset = np.stack(np.meshgrid(*(np.arange(44),) * 3, indexing="ij"), axis=-1) - 21.3
    labels = solids.ellipsoid((44, 44, 44), (21.3,) * 3, 18).astype(np.int32)
    labels[(labels > 0) & (offset @ normal > 2)] = 2
    # whichever way it looks
    assert contact_areas(labels, 1) == {2: pytest.approx(np.pi * (18**2 - 4), rel=0.04)}


def test_both_partners_find_the_same_area_and_others_none(solids):
    shape = (30, 34, 60)
    labels = np.zeros(shape, np.int32)
    for number, x in enumerate((12, 28, 48), start=1):
        labels[solids.ellipsoid(shape, (14, 16, x), 9) & (labels == 0)] = number
    first, second = contact_areas(labels, 1), contact_areas(labels, 2)
    assert first.keys() == {2}
    assert second == {1: first[2]}
    assert contact_areas(labels, 3) == {}


def test_contacts_of_balls_agree_with_geometry_within_their_errors(solids):
    pulls = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        radii, way = rng.uniform(7, 13, 2), rng.normal(size=3)
        way /= np.linalg.norm(way)
        distance = radii.sum() - rng.uniform(0.5, 0.33 * radii.min())
        first = 34.5 - way * distance / 2 + rng.uniform(-0.5, 0.5, 3)
        one, other = (
            solids.ellipsoid((70,) * 3, c, r) for c, r in zip((first, first + way * distance), radii, strict=True)
        )
        found = find_particles(one | other)
        assert found.count == 2
        # the circle in which two spheres meet
        along = (distance**2 + radii[0] ** 2 - radii[1] ** 2) / (2 * distance)
        area = contact_areas(found.labels, 1)[2]
        pulls.append((area - np.pi * (radii[0] ** 2 - along**2)) / contact_error([area]))
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.2


def test_the_border_of_a_ball(solids):
    ball = solids.ellipsoid((29, 30, 31), (14.2, 14.5, 15.1), 12)
    assert border_area(ball) == pytest.approx(4 * np.pi * 12**2, rel=0.05)
    assert border_area(np.zeros((3, 3, 3), bool)) == 0
