import shutil

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.viewers.napari_plugin.label_editing.editing import labels_to_edit, numbers_text
from xanesmap.viewers.napari_plugin.label_editing.widget import LabelEditWidget
from xanesmap.viewers.napari_plugin.layers.own_layers import layer_of_kind
from xanesmap.viewers.napari_plugin.parts.missing_result import NO_RESULT
from xanesmap.viewers.napari_plugin.result_reload import reload_result
from xanesmap.viewers.napari_plugin.session import open_session


def test_labels_that_do_not_fit_in_memory_are_not_copied(small_result):
    with pytest.raises(DataError, match="painting phase labels of 24 x 40 x 40 voxels takes"):
        labels_to_edit(small_result, "phase", free_bytes=1000)


def test_particles_have_to_be_there(small_result):
    with pytest.raises(DataError, match="has no particle labels yet"):
        labels_to_edit(small_result, "particle")


def test_numbers_of_phases_are_told(small_result):
    assert numbers_text(small_result, "phase") == "0 outside, 1 LiFePO4, 2 FePO4, 3 mixed."


def test_without_a_result_the_widget_says_so(module_viewer, shown_widget):
    widget = shown_widget(module_viewer, LabelEditWidget)
    assert widget.text.text() == NO_RESULT
    assert not widget.edit.isEnabled()
    module_viewer.window.remove_dock_widget(widget)


def test_what_is_painted_is_kept_beside_the_labels_found(
    module_viewer, small_result, shown_widget, mouse, settle, tmp_path
):
    copy = tmp_path / "small.zarr"
    shutil.copytree(small_result.path, copy)
    result = open_result(copy)
    viewer = module_viewer
    open_session(viewer, result)
    widget = shown_widget(viewer, LabelEditWidget)
    mouse.press(widget.edit)
    settle.until(lambda: widget.copy is not None)
    layer = widget.copy
    assert viewer.dims.ndisplay == 2
    assert not layer_of_kind(viewer, "phase").visible
    viewer.dims.set_current_step(1, 11)
    layer.selected_label, layer.brush_size = 3, 4
    mouse.drag(viewer, (300, 300), (340, 320))
    painted = layer.data.copy()
    found = small_result.phase_labels.to_numpy()
    changed = painted != found
    assert 4 < changed.sum() < 200
    assert (painted[changed] == 3).all()
    assert not changed[:11].any()
    reload_result(viewer, result, open_result(copy))
    assert widget.copy is layer  # a segmentation meanwhile takes nothing away
    mouse.press(widget.save)
    settle.until(lambda: widget.text.text().startswith("Saved"))
    assert f"{changed.sum()} voxels differ" in widget.text.text()
    stored = open_result(copy)
    np.testing.assert_array_equal(stored.levels("phase_labels_edited")[0][:], painted)
    np.testing.assert_array_equal(stored.phase_labels.to_numpy(), found)
    assert layer.mode == "paint"
    np.testing.assert_array_equal(labels_to_edit(stored, "phase"), painted)
    widget.kind.setCurrentText("particle")
    mouse.press(widget.edit)
    settle.until(lambda: "no particle labels yet" in widget.text.text())
