import dataclasses
import shutil
import time

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.viewers.napari_plugin.layers.layer_plan import PARTICLE, PHASE
from xanesmap.viewers.napari_plugin.parts.missing_result import NO_RESULT
from xanesmap.viewers.napari_plugin.session import KIND, RESULT, layer_of_kind, layer_tuples
from xanesmap.viewers.napari_plugin.thresholds import widget as module
from xanesmap.viewers.napari_plugin.thresholds.trial_layer import TRIAL
from xanesmap.viewers.napari_plugin.thresholds.widget import ThresholdWidget


@pytest.fixture(scope="module", autouse=True)
def full_resolution_when_asked():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AUTOMATIC_VOXELS", 0)
        yield


@pytest.fixture(scope="module")
def opened(module_viewer, small_result, shown_widget, settle):
    """The widget beside a result; the full resolution is computed only when asked for."""
    return explored(module_viewer, small_result, shown_widget, settle)


@pytest.fixture
def explorer(opened, settle):
    """The widget as it opens; not to write to the result."""
    yield opened
    settle.until(lambda: at_rest(opened))
    settle(0)
    opened._begin(opened.result)
    settle.until(lambda: opened.tried is not None and at_rest(opened))


def explored(viewer, result, shown_widget, settle):
    open_lightly(viewer, result)
    widget = shown_widget(viewer, ThresholdWidget, "thresholds")
    settle.until(lambda: widget.tried is not None and not widget.live.is_busy)
    return widget


def open_lightly(viewer, result):
    """Open the layers that the explorer looks at, in 2-D: all of them take longer."""
    for data, options, kind in layer_tuples(result):
        if options["metadata"][KIND] in ("amount", PHASE):
            viewer._add_layer_from_data(data, options, kind)


def at_rest(widget):
    return not (widget.live.is_busy or widget.full.is_busy or widget.segmenting.is_busy)


def drag_slider(slider, to):
    """Drag the handle with the mouse to a part of the slider's length."""
    slider.setValue(slider.minimum())
    y, width = slider.height() // 2, slider.width()
    start, end = QPoint(6, y), QPoint(round(6 + to * (width - 12)), y)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    left = Qt.MouseButton.LeftButton
    for kind in (QEvent.Type.MouseMove,):
        event = QMouseEvent(
            kind, QPointF(end), QPointF(slider.mapToGlobal(end)), left, left, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(slider, event)
    QTest.mouseRelease(slider, left, Qt.KeyboardModifier.NoModifier, end)


def test_a_slider_that_is_dragged_changes_numbers_and_colours(explorer, settle):
    viewer, result = explorer.viewer, explorer.result
    assert explorer.form.thresholds.pure == 0.7
    trial = viewer.layers[TRIAL]
    assert not layer_of_kind(viewer, PHASE).visible
    before = trial.data.copy()
    drag_slider(explorer.form.pure, 0.95)
    settle.until(lambda: explorer.form.thresholds.pure > 0.9 and not explorer.live.is_busy)
    settle()
    assert viewer.layers[TRIAL] is trial
    assert (trial.data != before).any()
    np.testing.assert_array_equal(trial.data, explorer.tried.labels)
    np.testing.assert_allclose(trial.scale, explorer.tried.step * result.pixel_size_um)
    assert explorer.form.values[0].text() == f"{explorer.form.thresholds.pure:.2f}"
    shares = [float(explorer.table.item(row, 2).text().split()[0]) for row in range(3)]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    lines = explorer.canvas.figure.axes[0].get_lines()
    assert max(line.get_xdata()[0] for line in lines) == pytest.approx(explorer.form.thresholds.pure)


def test_mask_and_particle_size_have_sliders_too(explorer, settle):
    sample = (explorer.tried.labels > 0).sum()
    explorer.form.mask.setValue(80)
    settle.until(lambda: (explorer.tried.labels > 0).sum() < sample)
    assert "µm" in explorer.form.values[1].text()
    explorer.form.least.setValue(explorer.form.least.maximum())
    settle.until(lambda: explorer.tried.n_particles == 0)
    assert explorer.found.text().startswith("0 particles of at least 1048576 voxels")


def test_the_full_resolution_comes_with_errors(explorer, settle, mouse):
    mouse.press(explorer.compute)
    settle.until(lambda: at_rest(explorer) and "±" in explorer.table.item(0, 1).text(), seconds=60)
    assert explorer.tried.is_full
    assert explorer.found.text().endswith("Full resolution.")
    assert explorer.table.horizontalHeaderItem(1).text() == "volume (µm³)"
    assert not explorer.bar.isVisible()


def test_the_full_resolution_follows_by_itself_after_a_pause(explorer, settle, monkeypatch):
    monkeypatch.setattr(module, "AUTOMATIC_VOXELS", 10**9)
    explorer.form.pure.setValue(80)
    settle.until(lambda: "±" in explorer.table.item(0, 1).text(), seconds=60)
    settle.until(lambda: at_rest(explorer))


def test_segmenting_gives_what_was_shown_and_shows_it(viewer, small_result, shown_widget, settle, mouse, tmp_path):
    copy = open_result(shutil.copytree(small_result.path, tmp_path / "copy.zarr"))
    explorer = explored(viewer, copy, shown_widget, settle)
    explorer.form.pure.setValue(85)
    settle.until(lambda: at_rest(explorer))
    mouse.press(explorer.compute)
    settle.until(lambda: at_rest(explorer) and explorer.tried.is_full, seconds=60)
    volumes = [volume.volume for volume in explorer.tried.volumes]
    camera = viewer.scene.camera.zoom
    mouse.press(explorer.segment)
    settle.until(lambda: explorer.text.text().startswith("Segmented"), seconds=90)
    settle()
    stored = [float(cell) for cell in read_table(copy.path, "phases")["volume (um^3)"]]
    np.testing.assert_allclose(stored, volumes, rtol=1e-5)
    assert TRIAL not in viewer.layers
    phase = layer_of_kind(viewer, PHASE)
    assert phase.visible
    data = phase.data[0] if phase.multiscale else phase.data
    np.testing.assert_array_equal(np.asarray(data), open_result(copy.path).phase_labels.to_numpy())
    assert layer_of_kind(viewer, PARTICLE) is not None
    assert [layer.metadata[KIND] for layer in viewer.layers][-1] == PHASE
    assert {id(layer.metadata[RESULT]) for layer in viewer.layers} == {id(explorer.result)}
    assert explorer.result.attributes["segmentation"]["pure_threshold"] == 0.85
    assert viewer.scene.camera.zoom == camera
    explorer.form.pure.setValue(75)
    settle.until(lambda: TRIAL in viewer.layers)
    settle.until(lambda: at_rest(explorer))


def test_a_segmentation_that_fails_is_told_and_leaves_everything(explorer, settle, mouse, monkeypatch):
    def broken(*_, **__):
        message = "the disk is full; make room."
        raise DataError(message)

    monkeypatch.setattr(module, "segment_phases", broken)
    mouse.press(explorer.segment)
    settle.until(lambda: "the disk is full" in explorer.text.text())
    assert explorer.form.isEnabled()
    assert TRIAL in explorer.viewer.layers


def test_a_segmentation_can_be_stopped(explorer, settle, mouse, monkeypatch):
    def endless(result, *, progress, **settings):
        while True:
            progress("Measure particles", 1, 2)
            time.sleep(0.01)

    monkeypatch.setattr(module, "segment_phases", endless)
    mouse.press(explorer.segment)
    settle.until(lambda: explorer.bar.isVisible() and "Measure particles" in explorer.bar.format())
    mouse.press(explorer.stop)
    settle.until(lambda: not explorer.segmenting.is_busy)
    assert explorer.text.text().startswith("Stopped")
    assert explorer.form.isEnabled()
    assert not explorer.bar.isVisible()


def test_the_command_line_is_copied(explorer, mouse):
    explorer.form.pure.setValue(90)
    mouse.press(explorer.copy)
    words = QApplication.clipboard().text()
    assert words == f"xanesmap segment {explorer.result.path} --threshold 0.9 --least-voxels 64"
    assert words in explorer.text.text()


def test_without_a_result_there_is_a_sentence_and_one_that_is_opened_is_taken(
    viewer, shown_widget, small_result, settle, mouse
):
    widget = shown_widget(viewer, ThresholdWidget, "thresholds")
    assert widget.text.text() == NO_RESULT
    for button in (widget.compute, widget.segment, widget.copy):
        mouse.press(button)
    open_lightly(viewer, small_result)
    settle.until(lambda: widget.tried is not None)
    for layer in list(viewer.layers):
        if RESULT in layer.metadata:
            viewer.layers.remove(layer)
    assert widget.text.text() == NO_RESULT
    assert TRIAL not in viewer.layers
    settle.until(lambda: at_rest(widget))


def test_of_images_areas_are_explored(viewer, shown_widget, small_result, settle):
    flat = dataclasses.replace(small_result, attributes={**small_result.attributes, "attenuation_unit": "1"})
    open_lightly(viewer, flat)
    widget = shown_widget(viewer, ThresholdWidget, "thresholds")
    settle.until(lambda: widget.tried is not None)
    assert widget.segment.isEnabled()
    assert widget.table.horizontalHeaderItem(1).text() == "area (µm²)"
    settle.until(lambda: at_rest(widget))


@pytest.mark.parametrize("moment", ["at rest", "at work"])
def test_nothing_is_left_in_the_viewer_when_the_widget_is_closed(
    viewer, small_result, shown_widget, callbacks, settle, moment
):
    open_lightly(viewer, small_result)
    settle()
    before, layers = callbacks(viewer), list(viewer.layers)
    widget = shown_widget(viewer, ThresholdWidget, "thresholds")
    settle.until(lambda: widget.tried is not None)
    if moment == "at work":
        widget.form.pure.setValue(90)
        widget._compute_full()
    viewer.window.remove_dock_widget(widget)
    assert list(viewer.layers) == layers
    assert layer_of_kind(viewer, PHASE).visible
    assert callbacks(viewer) == before
    settle.until(lambda: at_rest(widget))
