import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from xanesmap.phasemap.contacts import border_areas, contact_areas


@pytest.mark.parametrize("radius", [6, 10.5, 15])
def test_area_of_a_ball_without_a_mesh(solids, radius):
    n = int(2 * radius) + 7
    ball = solids.ellipsoid((n, n + 1, n + 2), (n / 2, n / 2 + 0.3, n / 2 + 0.6), radius).astype(np.int32)
    assert border_areas(ball)[0, 1] == pytest.approx(4 * np.pi * radius**2, rel=0.02)


def test_contact_of_two_halves_is_the_disc_between_them(solids):
    areas = []
    for seed in range(8):
        normal = Rotation.random(random_state=seed).as_matrix()[0]
        offset = np.stack(np.meshgrid(*(np.arange(44),) * 3, indexing="ij"), axis=-1) - 21.3
        labels = solids.ellipsoid((44, 44, 44), (21.3,) * 3, 18).astype(np.int32)
        labels[(labels > 0) & (offset @ normal > 2)] = 2
        areas.append(border_areas(labels)[1, 2])
    # the rim loses up to a voxel; a single orientation is off by up to 8 % more
    assert np.mean(areas) == pytest.approx(np.pi * (18**2 - 4), rel=0.06)


def test_a_flat_face_between_boxes():
    labels = np.ones((20, 100, 100), np.int32)
    labels[10:] = 3
    assert border_areas(labels)[1, 3] == pytest.approx(1e4, rel=0.09)
    assert border_areas(np.zeros((3, 3, 3), np.int32)) == {}


def test_contacts_in_boxes_are_those_of_the_whole(solids):
    shape = (30, 34, 60)
    labels = np.zeros(shape, np.int32)
    for number, x in enumerate((12, 28, 48), start=1):
        labels[solids.ellipsoid(shape, (14, 16, x), 9) & (labels == 0)] = number
    boxes = [
        tuple(slice(max(0, w.min() - 1), w.max() + 2) for w in np.nonzero(labels == number)) for number in (1, 2, 3)
    ]
    whole = {pair: area for pair, area in border_areas(labels).items() if 0 not in pair}
    assert contact_areas(labels, boxes) == pytest.approx(whole)
    assert set(whole) == {(1, 2)}
