import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from xanesmap.phasemap.morphology.contacts import border_area, contact_faces


@pytest.mark.parametrize("seed", range(8))
def test_faces_of_two_halves_are_the_disc_between_them(solids, seed):
    normal = Rotation.random(random_state=seed).as_matrix()[0]
    offset = np.stack(np.meshgrid(*(np.arange(44),) * 3, indexing="ij"), axis=-1) - 21.3
    labels = solids.ellipsoid((44, 44, 44), (21.3,) * 3, 18).astype(np.int32)
    labels[(labels > 0) & (offset @ normal > 2)] = 2
    found = contact_faces(labels, 1, origin=(5, 6, 7))
    assert found.keys() == {2}
    # whichever way it looks
    assert found[2].area == pytest.approx(np.pi * (18**2 - 4), rel=0.04)
    assert found[2].normal @ normal / found[2].area > np.cos(np.radians(3))
    assert found[2].centre == pytest.approx(np.array([26.3, 27.3, 28.3]) + 2 * normal, abs=0.5)


def test_both_partners_find_the_same_faces_and_others_none(solids):
    shape = (30, 34, 60)
    labels = np.zeros(shape, np.int32)
    for number, x in enumerate((12, 28, 48), start=1):
        labels[solids.ellipsoid(shape, (14, 16, x), 9) & (labels == 0)] = number
    first, second = contact_faces(labels, 1), contact_faces(labels, 2)
    assert first.keys() == {2}
    assert second.keys() == {1}
    assert second[1].normal == pytest.approx(-first[2].normal)
    assert second[1].centre == pytest.approx(first[2].centre)
    assert contact_faces(labels, 3) == {}


def test_a_single_face_is_one_square_voxel_at_its_middle():
    labels = np.zeros((3, 3, 4), np.int32)
    labels[1, 1, 1:3] = (4, 7)
    found = contact_faces(labels, 4)[7]
    assert found.area == 1
    for place in (found.centre, found.low, found.high):
        assert place.tolist() == [1, 1, 1.5]


def test_the_border_of_a_ball(solids):
    ball = solids.ellipsoid((29, 30, 31), (14.2, 14.5, 15.1), 12)
    assert border_area(ball) == pytest.approx(4 * np.pi * 12**2, rel=0.05)
    assert border_area(np.zeros((3, 3, 3), bool)) == 0
