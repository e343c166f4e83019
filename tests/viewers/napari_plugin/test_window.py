from pathlib import Path

import napari
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest

import xanesmap.viewers.napari_plugin as plugin
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.layers.own_layers import layer_of_kind
from xanesmap.viewers.napari_plugin.session import open_session
from xanesmap.viewers.napari_plugin.window import PLUGIN_IS_OFF, SPECTRUM_PROBE, open_window


def test_the_window_of_a_result_has_the_probe_of_the_menu_which_a_click_fills(open_viewer, small_result, settle, mouse):
    viewer = open_window(small_result)
    settle(0.3)
    assert viewer.title == f"xanesmap: {small_result.path.name}"
    assert viewer.canvas.size[1] > 600  # pixels that the widgets leave to it
    _, widget = viewer.window.add_plugin_dock_widget(*SPECTRUM_PROBE)
    assert len(viewer.window.dock_widgets) == 1
    labels = np.asarray(layer_of_kind(viewer, PHASE).data)
    viewer.dims.ndisplay = 2
    voxel = np.argwhere(labels == 1)[0]
    viewer.dims.set_current_step(1, int(voxel[0]))
    viewer.scene.camera.center = (0.0, *voxel[1:] * small_result.pixel_size_um)
    settle(0)
    mouse.click(viewer)
    settle.until(lambda: len(widget.spectra) == 1 and not widget.work.is_busy)


def test_without_the_plugin_a_result_opens_with_a_sentence_in_place_of_the_probe(open_viewer, small_result):
    notified = []
    notification_manager.notification_ready.connect(notified.append)
    PluginManager.instance().disable("xanesmap")
    try:
        viewer = open_window(small_result)
    finally:
        PluginManager.instance().enable("xanesmap")
        notification_manager.notification_ready.disconnect(notified.append)
    assert layer_of_kind(viewer, PHASE) is not None
    assert [notification.message for notification in notified] == [PLUGIN_IS_OFF]


WIDGETS = [
    widget.display_name
    for widget in PluginManifest.from_file(Path(plugin.__file__).with_name("napari.yaml")).contributions.widgets
]


@pytest.fixture(scope="module")
def opened(module_viewer, small_result):
    """A session whose volumes are hidden: each drawing of them takes a third of a second."""
    open_session(module_viewer, small_result)
    for layer in module_viewer.layers:
        layer.visible = False
    return module_viewer


@pytest.mark.parametrize("name", WIDGETS)
def test_every_widget_opens_from_the_menu_with_the_viewer_itself_and_leaves_nothing(opened, name, callbacks, settle):
    before, layers = callbacks(opened), list(opened.layers)
    dock, widget = opened.window.add_plugin_dock_widget("xanesmap", name)
    settle(0.2)
    assert type(widget.viewer) is napari.Viewer
    opened.window.remove_dock_widget(dock)
    widget.close()
    widget.deleteLater()
    settle(0.2)
    assert list(opened.layers) == layers
    assert callbacks(opened) == before


def test_slices_that_were_not_probed_have_no_mark(opened, small_result, settle):
    dock, widget = opened.window.add_plugin_dock_widget(*SPECTRUM_PROBE)
    opened.theme, opened.dims.ndisplay = "light", 2
    voxel = np.argwhere(np.asarray(layer_of_kind(opened, PHASE).data) == 1)[0]
    widget.show_voxel(tuple(map(int, voxel)))
    settle.until(lambda: len(widget.spectra) == 1 and not widget.work.is_busy)
    opened.canvas.overlays.scale_bar.visible = opened.canvas.overlays.axes.visible = False
    opened.dims.set_current_step(1, (int(voxel[0]) + 5) % small_result.shape[0])
    assert opened.screenshot(canvas_only=True, flash=False)[..., :3].min() > 200
    opened.window.remove_dock_widget(dock)
    widget.close()
    widget.deleteLater()
