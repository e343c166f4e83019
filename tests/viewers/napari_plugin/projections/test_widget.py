import time

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from xanesmap.viewers.napari_plugin.projections import sheet_window
from xanesmap.viewers.napari_plugin.projections.widget import ProjectionWidget


@pytest.fixture(scope="module")
def opened(module_viewer, small_scan, shown_widget, settle, mouse):
    """The widget with a scan open and a projection shown."""
    widget = shown_widget(module_viewer, ProjectionWidget, "projections")
    widget.scan.show_paths((str(small_scan.folder),))
    mouse.press(widget.open)
    settle.until(lambda: widget.picture.layer is not None)
    settle()
    return widget


@pytest.fixture
def widget(opened, settle):
    """The widget as it opens."""
    yield opened
    for box in (opened.kind, opened.shown, opened.over):
        box.setCurrentIndex(0)
    for slider in (opened.energy, opened.angle, opened.row):
        slider.go_to(0)
    opened._show()
    settle.until(lambda: not opened.task.is_busy)
    settle(0)


def shown(widget):
    return widget.picture.layer.data


def text(viewer):
    return viewer.canvas.overlays["projection"].text


def test_a_projection_fills_the_canvas_in_um(widget):
    np.testing.assert_array_equal(shown(widget), widget.projections.frame(0, 0))
    np.testing.assert_allclose(widget.picture.layer.scale, 0.32)
    height, width = widget.viewer.canvas.size
    zoom = widget.viewer.scene.camera.zoom
    assert zoom * 40 * 0.32 < width
    assert zoom * 24 * 0.32 < height
    assert max(zoom * 40 * 0.32 / width, zoom * 24 * 0.32 / height) > 0.8


def test_sliders_step_through_energies_and_angles_in_their_units(widget, settle):
    widget.energy.slider.setFocus()
    for _ in range(3):
        QTest.keyClick(widget.energy.slider, Qt.Key.Key_Right)
    QTest.keyClick(widget.angle.slider, Qt.Key.Key_End)
    settle.until(lambda: "175.50°" in text(widget.viewer))
    assert widget.energy.value.text() == "7124.50 eV (Fe K +12 eV)"
    assert text(widget.viewer) == "attenuation: 7124.50 eV (Fe K +12 eV), 175.50°"
    np.testing.assert_array_equal(shown(widget), widget.projections.frame(3, 39))


def test_a_step_is_shown_in_less_than_a_third_of_a_second(widget, settle):
    times = []
    for angle in range(1, 6):
        began = time.perf_counter()
        widget.angle.go_to(angle)
        wanted = widget.projections.frame(0, angle)
        settle.until(lambda wanted=wanted: np.array_equal(shown(widget), wanted))
        times.append(time.perf_counter() - began)
    assert min(times) < 0.3  # the others as the machine lets them


@pytest.mark.parametrize("values", ["counts", "transmission"])
def test_raw_and_corrected_values_are_shown_each_with_its_contrast(widget, settle, values):
    widget.shown.setCurrentText(values)
    wanted = widget.projections.frame(0, 0, shown=values)
    settle.until(lambda: np.array_equal(shown(widget), wanted))
    np.testing.assert_allclose(widget.picture.layer.contrast_limits, widget.projections.limits(values))


def test_a_sinogram_is_one_row_of_all_angles(widget, settle):
    widget.kind.setCurrentText("sinogram of a row")
    assert widget.row.isVisible()
    assert not widget.angle.isEnabled()
    widget.row.go_to(9)
    settle.until(lambda: "row 9" in text(widget.viewer))
    np.testing.assert_array_equal(shown(widget), widget.projections.sinogram(0, 9))


def test_the_mean_over_energies_is_shown(widget, settle):
    widget.kind.setCurrentText("mean over energies")
    settle.until(lambda: "mean" in text(widget.viewer))
    expected = widget.projections.mean_over_energies(0.0, shown="attenuation")
    np.testing.assert_array_equal(shown(widget), expected)
    assert not widget.energy.isEnabled()


def test_a_contact_sheet_opens_in_a_window_and_is_saved(widget, settle, mouse, tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    monkeypatch.setattr(sheet_window.QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    mouse.press(widget.sheet)
    settle.until(lambda: widget._windows)
    window = widget._windows[0]
    assert window.sheet.images.shape[0] == 8
    assert window.picture.pixmap().width() == 1000
    mouse.press(window.save)
    settle.until(lambda: str(path) in window.told.text())
    assert path.stat().st_size > 10_000
    window.save_to(tmp_path / "nowhere" / "sheet.bmp8")
    settle.until(lambda: not window.saving.is_busy)
    settle()
    assert window.told.text().startswith("Error: picture")


def test_the_scan_of_the_result_is_shown_alone_and_the_volumes_come_back_as_they_were(
    session, shown_widget, settle, mouse, small_scan
):
    session.scene.camera.angles = (10, 20, 30)
    before = [layer.name for layer in session.layers if layer.visible], session.scene.camera.zoom
    widget = shown_widget(session, ProjectionWidget, "projections")
    assert widget.scan.paths() == (str(small_scan.folder),)
    mouse.press(widget.open)
    settle.until(lambda: widget.picture.layer is not None)
    assert [layer.name for layer in session.layers if layer.visible] == ["projection"]
    assert session.dims.ndisplay == 2
    mouse.press(widget.back)
    assert ([layer.name for layer in session.layers if layer.visible], session.scene.camera.zoom) == before
    assert session.dims.ndisplay == 3
    np.testing.assert_allclose(session.scene.camera.angles, (10, 20, 30))
    assert "projection" not in session.canvas.overlays


def test_a_picture_that_the_user_removed_is_made_again(widget, settle):
    widget.viewer.layers.remove(widget.picture.layer)
    widget.angle.go_to(5)
    settle.until(lambda: widget.picture.layer is not None)
    np.testing.assert_array_equal(shown(widget), widget.projections.frame(0, 5))


def test_files_that_are_no_scan_are_told_in_a_sentence(viewer, shown_widget, settle, mouse, tmp_path):
    widget = shown_widget(viewer, ProjectionWidget, "projections")
    mouse.press(widget.open)
    assert "no scan is chosen" in widget.status.text()
    widget.scan.show_paths((str(tmp_path / "nothing"),))
    mouse.press(widget.open)
    settle.until(lambda: widget.status.text().startswith("Error"))
    assert str(tmp_path / "nothing") in widget.status.text()
    assert not widget.energy.isEnabled()


def test_nothing_of_the_widget_stays_in_the_viewer(viewer, small_scan, shown_widget, callbacks, settle, mouse):
    before = callbacks(viewer)
    widget = shown_widget(viewer, ProjectionWidget, "projections")
    widget.scan.show_paths((str(small_scan.folder),))
    mouse.press(widget.open)
    settle.until(lambda: widget.picture.layer is not None)
    viewer.window.remove_dock_widget(widget)
    settle()
    assert callbacks(viewer) == before
    assert "projection" not in viewer.layers
