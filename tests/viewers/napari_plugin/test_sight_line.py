import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.sight_line import first_voxel

SHAPE = (7, 11, 9)


def rays(n, seed=0):
    """Lines through the inside of random voxels, from random sides."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        voxel = rng.integers(0, SHAPE)
        direction = rng.standard_normal(3)
        yield tuple(voxel.tolist()), voxel + rng.uniform(-0.45, 0.45, 3), direction


def test_a_single_voxel_is_met_by_every_line_through_it():
    for voxel, point, direction in rays(100):
        labels = np.zeros(SHAPE, np.uint8)
        labels[voxel] = 1
        assert first_voxel(labels, start=point + 30 * direction, direction=direction) == voxel
        assert first_voxel(labels, start=point, direction=-5 * direction) == voxel


def test_of_filled_volumes_no_finer_search_finds_an_earlier_voxel():
    labels = (np.random.default_rng(3).random(SHAPE) < 0.05).astype(np.uint8)
    for _, point, direction in rays(100, seed=1):
        unit = direction / np.linalg.norm(direction)
        found = first_voxel(labels, start=point, direction=unit)
        lengths = np.arange(-25, 25, 0.002)
        steps = np.rint(point + lengths[:, None] * unit).astype(int)
        steps = steps[((steps >= 0) & (steps < SHAPE)).all(axis=1)]
        hits = np.flatnonzero(labels[tuple(steps.T)])
        searched = tuple(steps[hits[0]].tolist()) if hits.size else None
        if searched != found:  # a corner that the search stepped over
            assert found is not None
            assert labels[found] == 1
            later = np.inf if searched is None else np.dot(np.array(searched) - point, unit)
            assert np.dot(np.array(found) - point, unit) <= later + 1


def test_lines_along_an_axis_meet_its_first_voxel():
    labels = np.ones(SHAPE, np.uint8)
    assert first_voxel(labels, start=(3, 4, -20), direction=(0, 0, 1)) == (3, 4, 0)
    assert first_voxel(labels, start=(3, 4, 20), direction=(0, 0, -1)) == (3, 4, 8)
    assert first_voxel(labels, start=(30, 4, 2), direction=(0, 0, 1)) is None


def test_nothing_is_met_beyond_a_clipping_plane():
    labels = np.ones(SHAPE, np.uint8)
    kept = [((0, 0, 4.0), (0, 0, 1))]
    assert first_voxel(labels, start=(3, 4, 0), direction=(0, 0, 1), kept=kept) == (3, 4, 4)
    assert first_voxel(labels, start=(3, 4, 0), direction=(0, 0, -1), kept=kept) == (3, 4, 8)
    assert first_voxel(labels, start=(3, 4, 0), direction=(1, 0, 0), kept=kept) is None


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 2, -3)])
def test_an_empty_volume_has_no_voxel_to_meet(direction):
    assert first_voxel(np.zeros(SHAPE, np.uint8), start=(3, 3, 3), direction=direction) is None


class OnDisk:
    """An array that counts the voxels read of it."""

    def __init__(self, values):
        self.values, self.shape, self.n_read = values, values.shape, 0

    def __getitem__(self, key):
        part = self.values[key]
        self.n_read += part.size
        return part


def test_of_a_volume_on_disk_little_is_read_and_the_same_found():
    values = np.zeros((200, 180, 160), np.uint8)
    values[40:160, 30:150, 20:140] = 1
    for _, point, direction in rays(50, seed=2):
        start = np.array(values.shape) / 2 + 3 * point
        stored = OnDisk(values)
        found = first_voxel(stored, start=start, direction=direction)
        assert found == first_voxel(values, start=start, direction=direction)
        assert stored.n_read < 0.25 * values.size


def test_a_line_through_what_was_cut_away_meets_what_is_behind():
    """A wedge open towards the eye: every line is asked in small steps for the first voxel that is left."""
    rng = np.random.default_rng(3)
    labels = np.ones((15, 16, 17), np.uint8)
    wedge = [((7.0, 7.3, 8.1), (0.0, 0.8, 0.6)), ((7.0, 7.3, 8.1), (0.1, -0.7, 0.7))]
    for _ in range(50):
        start, towards = rng.uniform(0, 15, 3), rng.standard_normal(3)
        towards /= np.linalg.norm(towards)
        points = start + np.linspace(-40, 40, 160_001)[:, None] * towards
        inside = np.all((points > -0.5) & (points < np.array(labels.shape) - 0.5), axis=1)
        in_wedge = np.all([(points - point) @ np.array(normal) > 0 for point, normal in wedge], axis=0)
        left = points[inside & ~in_wedge]
        expected = tuple(np.rint(left[0]).astype(int).tolist()) if len(left) else None
        assert first_voxel(labels, start=start, direction=towards, removed=wedge) == expected
