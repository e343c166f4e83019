from typing import NamedTuple

import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.picking import picked_voxel
from xanesmap.viewers.napari_plugin.session import KIND

SHAPE, SCALE = (20, 24, 28), np.array([0.3, 0.1, 0.2])


class Sight(NamedTuple):
    """What picking takes of a mouse event of napari."""

    position: tuple
    view_direction: tuple


@pytest.fixture
def labels(viewer):
    """Labels beside a layer of four dimensions; voxels are not cubes."""
    viewer.add_image(np.zeros((4, *SHAPE), np.float32), scale=(1, *SCALE))
    layer = viewer.add_labels(np.zeros(SHAPE, np.uint8), scale=SCALE, metadata={KIND: "phase"})
    viewer.dims.ndisplay = 3
    return layer


@pytest.mark.parametrize("cut", [False, True])
def test_lines_of_sight_meet_the_known_voxel_also_behind_a_clipping_plane(viewer, labels, cut):
    rng = np.random.default_rng(5)
    for _ in range(50):
        voxel = rng.integers(5, 15, 3)
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        data = np.zeros(SHAPE, np.uint8)
        data[tuple(voxel)] = 1
        planes = []
        if cut:  # a nearer voxel is cut away
            step = direction / SCALE / np.abs(direction / SCALE).max()
            nearer = np.rint(voxel - 4 * step).astype(int)
            data[tuple(np.clip(nearer, 0, np.array(SHAPE) - 1))] = 2
            planes = [{"position": tuple((voxel - 2 * step) * SCALE), "normal": tuple(direction), "enabled": True}]
        labels.data = data
        labels.experimental_clipping_planes = planes
        sight = Sight((1.0, *(voxel * SCALE - 3 * direction)), (0.0, *direction))
        assert picked_voxel(viewer, sight) == tuple(voxel.tolist())
