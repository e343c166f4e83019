import itertools

import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.picking import picked_voxel
from xanesmap.viewers.napari_plugin.session import KIND

SHAPE, SCALE = np.array([20, 24, 28]), np.array([0.3, 0.1, 0.2])
RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def labels(module_viewer):
    """Labels beside a layer of four dimensions; voxels are no cubes. Drawn for pictures only, not at every click."""
    module_viewer.window.resize(600, 500)
    module_viewer.window._qt_viewer.canvas.native.setUpdatesEnabled(False)
    module_viewer.add_image(np.zeros((4, *SHAPE), np.float32), scale=(1, *SCALE), visible=False)
    layer = module_viewer.add_labels(np.zeros(SHAPE, np.uint8), scale=SCALE, metadata={KIND: "phase"})
    layer.colormap = {1: RED, 2: BLUE, None: (0, 0, 0, 0)}
    module_viewer.dims.ndisplay = 3
    return layer


@pytest.fixture
def picked(module_viewer):
    """Voxels that clicks picked."""
    found = []

    def on_press(viewer, event):
        found.append(picked_voxel(viewer, event))

    module_viewer.mouse_drag_callbacks.append(on_press)
    yield found
    module_viewer.mouse_drag_callbacks.remove(on_press)


def pixel_of(viewer, world):
    """Pixel (x, y) of the canvas at which a point (z, y, x) of the world is drawn."""
    view = viewer.window._qt_viewer.canvas.view
    drawn = (view.transform * view.scene.transform).map(list(world[::-1]))
    return drawn[:2] / drawn[3]


def nearer(voxel, direction, steps):
    """The voxel that lies some steps from another towards the eye."""
    ray = direction / SCALE
    moved = np.rint(voxel - steps * ray / np.abs(ray).max()).astype(int)
    return tuple(np.clip(moved, 0, SHAPE - 1))


@pytest.mark.parametrize(("perspective", "cut"), list(itertools.product([0.0, 30.0], [False, True])))
def test_clicks_in_3d_pick_the_voxel_that_is_drawn_under_them(module_viewer, labels, picked, mouse, perspective, cut):
    """25 rays from random sides; a voxel lies behind each, and one before it that a clipping plane takes away."""
    rng = np.random.default_rng(int(perspective) + cut)
    camera = module_viewer.scene.camera
    camera.perspective = perspective
    for number in range(25):
        voxel = rng.integers(6, SHAPE - 6)
        camera.angles = tuple(rng.uniform([-180, -85, -180], [180, 85, 180]))
        camera.center = tuple((voxel + rng.uniform(-4, 4, 3)) * SCALE)
        camera.zoom = rng.uniform(60, 100)
        direction = np.array(camera.view_direction)
        data = np.zeros(SHAPE, np.uint8)
        data[nearer(voxel, direction, -4)] = 2
        planes = []
        if cut:
            data[nearer(voxel, direction, 4)] = 2
            ray = direction / SCALE
            between = (voxel - 2 * ray / np.abs(ray).max()) * SCALE
            planes = [{"position": tuple(between), "normal": tuple(direction), "enabled": True}]
        data[tuple(voxel)] = 1
        labels.data, labels.experimental_clipping_planes = data, planes
        x, y = pixel_of(module_viewer, voxel * SCALE)
        mouse.click(module_viewer, (x, y))
        assert picked[-1] == tuple(voxel.tolist()), number
        if number % 8 == 0:
            picture = module_viewer.screenshot(canvas_only=True, flash=False)
            red, _, blue, _ = picture[round(y), round(x)]
            assert red > 30 > blue
    assert len(picked) == 25


def test_clicks_in_2d_pick_the_voxel_of_the_slice_and_none_beside_the_volume(
    module_viewer, labels, picked, mouse, settle
):
    module_viewer.dims.ndisplay = 2
    rng = np.random.default_rng(3)
    for _ in range(20):
        voxel = rng.integers(0, SHAPE)
        module_viewer.dims.set_current_step(1, int(voxel[0]))
        module_viewer.scene.camera.center = (0.0, *(voxel[1:] + rng.uniform(-0.4, 0.4, 2)) * SCALE[1:])
        mouse.click(module_viewer)
        assert picked[-1] == tuple(voxel.tolist())
    module_viewer.scene.camera.center = (0.0, -50.0, 0.0)
    mouse.click(module_viewer)
    assert picked[-1] is None
    module_viewer.dims.ndisplay = 3


def test_a_click_in_3d_that_meets_nothing_picks_nothing(module_viewer, labels, picked, mouse):
    labels.data = np.zeros(SHAPE, np.uint8)
    mouse.click(module_viewer)
    assert picked == [None]
