import dataclasses

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from scipy.ndimage import distance_transform_edt

from xanesmap.viewers.napari_plugin.layers.layer_plan import MU, PARTICLE, PHASE
from xanesmap.viewers.napari_plugin.parts.missing_result import NO_RESULT, SERIES_ONLY
from xanesmap.viewers.napari_plugin.series.session import SERIES
from xanesmap.viewers.napari_plugin.session import KIND, RESULT, layer_of_kind, layer_tuples
from xanesmap.viewers.napari_plugin.spectrum.probe_layers import MARKS, OUTLINES
from xanesmap.viewers.napari_plugin.spectrum.widget import NO_ATTENUATION, SpectrumWidget


@pytest.fixture(scope="module")
def opened(module_viewer, small_result, shown_widget):
    add_layers(module_viewer, small_result)
    return shown_widget(module_viewer, SpectrumWidget, "spectrum")


@pytest.fixture
def probe(opened, small_result, settle):
    """The widget beside the small result, as it opens; `probe.shows(n)` waits for so many spectra."""
    viewer, layers = opened.viewer, {kind: layer_of_kind(opened.viewer, kind) for kind in (MU, PHASE)}

    def shows(n):
        settle.until(lambda: len(opened.spectra) == n and not opened.work.is_busy)
        settle()

    opened.shows = shows
    yield opened
    settle.until(lambda: not opened.work.is_busy)
    settle(0)
    for kind, layer in layers.items():
        layer.metadata.update({KIND: kind, RESULT: small_result})
    layers[PHASE].selected_label = 1
    opened._remove_all()
    opened.slices.setValue(1)
    viewer.layers.selection.active, viewer.dims.ndisplay = layers[PHASE], 2
    viewer.dims.set_current_step(0, 0)
    viewer.reset_view()


@pytest.fixture
def session(probe):
    """Its window: the layers that the probe looks at, in 2-D."""
    return probe.viewer


def add_layers(viewer, result):
    """Not all layers of a result: they take longer to open."""
    for data, options, kind in layer_tuples(result):
        if options["metadata"][KIND] in (MU, PHASE):
            viewer._add_layer_from_data(data, options, kind)


@pytest.fixture
def look_at(session, settle):
    """Put a voxel into the middle of the canvas."""

    def look(voxel, *, zoom=None, um):
        session.dims.set_current_step(session.dims.ndim - 3, int(voxel[0]))
        session.scene.camera.center = (0, voxel[1] * um, voxel[2] * um)
        if zoom is not None:
            session.scene.camera.zoom = zoom
        settle()

    return look


def core_voxel(result):
    """The voxel of the core that is deepest in the sample."""
    depth = distance_transform_edt(result.mask.to_numpy()) * (result.phase_labels.to_numpy() == 1)
    return tuple(int(i) for i in np.unravel_index(depth.argmax(), depth.shape))


def middle(canvas):
    return canvas.width() / 2, canvas.height() / 2


def test_a_click_shows_the_spectrum_of_the_voxel_under_it_and_the_line_follows_the_slider(
    session, small_result, probe, look_at, mouse
):
    voxel = core_voxel(small_result)
    look_at(voxel, um=small_result.pixel_size_um)
    mouse.click(session)
    probe.shows(1)
    assert probe.picked == voxel
    np.testing.assert_array_equal(probe.spectra[0].measured, small_result.spectrum(*voxel))
    session.dims.set_current_step(0, 2)
    assert [line.get_xdata()[0] for line in probe.plot.lines] == [small_result.energies_ev[2]] * 2
    assert probe.table.item(0, 1).text().startswith(f"{probe.spectra[0].fractions[0]:.3f} ± ")


def test_a_click_or_a_drag_in_the_plot_moves_the_slider(session, small_result, probe, settle):
    probe.show_voxel(core_voxel(small_result))
    probe.shows(1)
    canvas = probe.plot.canvas
    settle()
    canvas.draw()

    def at(index):
        axes = canvas.figure.axes[0]
        x, y = axes.transData.transform((small_result.energies_ev[index], np.mean(axes.get_ylim())))
        ratio = canvas.device_pixel_ratio
        return QPoint(round(x / ratio), round(canvas.height() - y / ratio))

    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(4))
    settle()
    assert session.dims.current_step[0] == 4
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(4))
    QTest.mouseMove(canvas, at(6))
    settle()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(6))
    assert session.dims.current_step[0] == 6
    assert probe.plot.lines[0].get_xdata()[0] == small_result.energies_ev[6]


def test_a_rectangle_drawn_with_the_mouse_is_probed_through_as_many_slices_as_asked(
    session, small_result, probe, look_at, mouse, settle
):
    voxel, um = core_voxel(small_result), small_result.pixel_size_um
    look_at(voxel, zoom=30 / um, um=um)  # 30 pixels of the screen for a voxel
    mouse.press(probe.tools["box"])
    x, y = middle(session.window._qt_viewer.canvas.native)
    mouse.drag(session, (x - 40, y - 40), (x + 40, y + 40))
    probe.shows(1)
    one = probe.spectra[0]
    assert one.name.startswith(f"box in slice z = {voxel[0]} only")
    assert one.n_voxels == 9
    np.testing.assert_allclose(one.centre, voxel)
    assert session.layers.selection.active.metadata.get(KIND) is not None, "the layer used before is active again"
    probe.slices.setValue(3)
    settle.until(lambda: "3 slices" in probe.spectra[0].name)
    assert probe.spectra[0].n_voxels == 27
    probe.slices.setValue(0)
    settle.until(lambda: "all slices" in probe.spectra[0].name)
    probe.shows(1)


def test_a_lasso_is_drawn_with_the_button_held(session, small_result, probe, look_at, mouse, settle):
    voxel, um = core_voxel(small_result), small_result.pixel_size_um
    look_at(voxel, zoom=30 / um, um=um)
    mouse.press(probe.tools["lasso"])
    canvas = session.window._qt_viewer.canvas.native
    x, y = middle(canvas)
    turns = np.linspace(0, 2 * np.pi, 30)[:-1]
    points = [QPoint(round(x + 70 * np.cos(t)), round(y + 70 * np.sin(t))) for t in turns]
    QTest.mouseMove(canvas, points[0])
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[0])
    for point in points[1:]:
        QTest.mouseMove(canvas, point)
        settle(0.02)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[-1])
    probe.shows(1)
    radius = 70 / 30
    assert probe.spectra[0].name.startswith("lasso in slice")
    assert probe.spectra[0].n_voxels == pytest.approx(np.pi * radius**2, abs=5)
    np.testing.assert_allclose(probe.spectra[0].centre, voxel, atol=0.3)


def test_the_selected_label_is_a_region(session, small_result, probe, mouse):
    phase = layer_of_kind(session, PHASE)
    session.layers.selection.active = phase
    phase.selected_label = 2
    mouse.press(probe.of_label)
    probe.shows(1)
    assert probe.spectra[0].name.startswith(f"phase {small_result.label_names[1]}")
    assert probe.spectra[0].n_voxels == (small_result.phase_labels.to_numpy() == 2).sum()
    phase.selected_label = 9
    mouse.press(probe.of_label)
    assert "phase label 9 does not exist" in probe.text.text()


def test_pinned_spectra_stay_named_and_coloured_until_removed(session, small_result, probe, mouse):
    z, y, x = core_voxel(small_result)
    probe.show_voxel((z, y, x))
    probe.shows(1)
    probe.show_voxel((z, y, x + 1))
    probe.shows(1)
    probe.table.item(0, 0).setCheckState(Qt.CheckState.Checked)
    probe.table.item(0, 0).setText("middle of the core")
    probe.show_voxel((z, y + 1, x))
    probe.shows(2)
    assert [spectrum.name for spectrum in probe.spectra] == ["middle of the core", f"voxel {z}, {y + 1}, {x}"]
    assert len({one.colour for one in probe.listing}) == 2
    np.testing.assert_allclose(session.layers[MARKS].data, [(z, y, x + 1), (z, y + 1, x)])
    probe.table.selectRow(0)
    mouse.press(probe.remove_one)
    assert [spectrum.name for spectrum in probe.spectra] == [f"voxel {z}, {y + 1}, {x}"]
    session.dims.ndisplay = 3
    assert not session.layers[MARKS].visible
    session.dims.ndisplay = 2
    assert session.layers[MARKS].visible
    mouse.press(probe.remove_all)
    assert probe.spectra == []
    assert len(session.layers[MARKS].data) == 0


def test_shift_compares(session, small_result, probe, look_at, mouse):
    z, y, x = core_voxel(small_result)
    for number, voxel in enumerate([(z, y, x), (z, y, x - 1)], start=1):
        look_at(voxel, um=small_result.pixel_size_um)
        mouse.click(session, shift=True)
        probe.shows(number)
    assert [spectrum.centre for spectrum in probe.spectra] == [(z, y, x), (z, y, x - 1)]


def test_spectra_are_saved_and_the_widget_says_where(small_result, probe, tmp_path):
    probe.save_as_reference(str(tmp_path / "reference.csv"))
    assert not (tmp_path / "reference.csv").exists()
    probe.show_voxel(core_voxel(small_result))
    probe.shows(1)
    probe.save_table(str(tmp_path / "all.csv"))
    assert (tmp_path / "all.csv").exists()
    assert (tmp_path / "all_fractions.csv").exists()
    assert "all.csv" in probe.text.text()
    probe.save_as_reference(str(tmp_path / "reference.csv"))
    assert f"--reference NAME={tmp_path / 'reference.csv'}" in probe.text.text()
    probe.save_table(str(tmp_path / "no folder" / "all.csv"))
    assert "cannot be written" in probe.text.text()


def test_without_attenuation_a_sentence_stands_for_the_spectrum(session, small_result, probe, settle):
    bare = dataclasses.replace(small_result, mu=None)
    for layer in session.layers:
        layer.metadata[RESULT] = bare
    probe.show_voxel(core_voxel(small_result))
    probe.shows(1)
    assert probe.text.text() == NO_ATTENUATION
    assert "no spectra" in probe.plot.canvas.figure.texts[0].get_text()
    assert probe.table.item(0, 1).text() != ""


def test_without_a_result_there_is_a_sentence_and_nothing_breaks(viewer, shown_widget, mouse, settle):
    widget = shown_widget(viewer, SpectrumWidget, "spectrum")
    assert widget.text.text() == NO_RESULT
    mouse.click(viewer)
    for button in (*widget.tools.values(), widget.of_label, widget.remove_one, widget.remove_all):
        mouse.press(button)
    widget.show_voxel((0, 0, 0))
    assert widget.text.text() == NO_RESULT


def test_a_series_is_told_from_nothing_at_all(viewer, shown_widget):
    viewer.add_image(np.zeros((2, 3, 4, 5)), metadata={SERIES: "of two states"})
    widget = shown_widget(viewer, SpectrumWidget, "spectrum")
    widget.show_voxel((0, 0, 0))
    assert widget.text.text() == SERIES_ONLY


def test_a_region_without_sample_is_told(session, small_result, probe, settle):
    corners = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)]
    probe._probe_outline(np.array(corners, float), "box")
    settle.until(lambda: "holds no voxel of the sample" in probe.text.text())
    assert probe.spectra == []


@pytest.mark.parametrize("way", ["close", "remove"])
def test_nothing_but_an_empty_layer_of_outlines_is_left_when_the_widget_is_closed(
    viewer, small_result, shown_widget, callbacks, settle, way
):
    add_layers(viewer, small_result)
    before, layers = callbacks(viewer), list(viewer.layers)
    widget = shown_widget(viewer, SpectrumWidget, "spectrum")
    widget.draw_region("box")
    widget.show_voxel(core_voxel(small_result))
    settle.until(lambda: widget.spectra)
    assert OUTLINES in viewer.layers
    if way == "close":
        widget.close()
    viewer.window.remove_dock_widget(widget)
    outlines = viewer.layers[OUTLINES]
    assert not outlines.data
    assert not outlines.visible
    again = shown_widget(viewer, SpectrumWidget, "spectrum")
    again.draw_region("lasso")
    assert [layer for layer in viewer.layers if layer not in layers] == [outlines]
    assert outlines.visible
    viewer.window.remove_dock_widget(again)
    viewer.layers.remove(outlines)
    assert list(viewer.layers) == layers
    assert callbacks(viewer) == before


def test_particles_can_be_probed_where_there_are_any(session, small_result, probe):
    layer = layer_of_kind(session, PHASE)
    layer.metadata[KIND] = PARTICLE  # of a result that was not segmented
    session.layers.selection.active = layer
    probe.show_label()
    assert "holds no particle_labels" in probe.text.text()
    assert small_result.particle_labels is None
