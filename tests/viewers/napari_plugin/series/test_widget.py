import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent

from xanesmap.phasemap.series import open_series
from xanesmap.viewers.napari_plugin.layers.own_layers import shown_result
from xanesmap.viewers.napari_plugin.series.session import open_series_session, shown_series, shown_state
from xanesmap.viewers.napari_plugin.series.widget import SeriesWidget
from xanesmap.viewers.napari_plugin.series.window import open_series_window


@pytest.fixture(scope="module")
def opened(module_viewer, shown_widget):
    return shown_widget(module_viewer, SeriesWidget, "series")


@pytest.fixture
def widget(opened, series_file, settle, mouse):
    """The widget with a series that it opened itself."""
    viewer = opened.viewer
    if shown_series(viewer) is None:
        viewer.layers.clear()
        opened.sources.show_paths((str(series_file),))
        mouse.press(opened.open)
    viewer.dims.ndisplay = 2  # quicker to draw
    viewer.dims.set_current_step(0, 0)
    opened.state.go_to(0)
    settle.until(lambda: opened.shares is not None)
    return opened


def layer(viewer, name):
    return next(layer for layer in viewer.layers if layer.name.startswith(name))


def test_the_slider_of_napari_and_that_of_the_widget_move_one_another(widget):
    widget.viewer.dims.set_current_step(1, 2)
    assert widget.state.step() == 2
    assert widget.state.value.text() == "state 2, 150 mAh/g"
    widget.state.go_to(1)
    assert shown_state(widget.viewer) == 1
    phase = layer(widget.viewer, "phase")
    z = widget.viewer.dims.current_step[2]
    np.testing.assert_array_equal(phase._slice.image.raw, np.asarray(phase.data[1, z]))


def test_a_click_in_the_curve_shows_the_nearest_state(widget):
    at = widget.panels[0].transData.transform((140, 3.5))
    event = MouseEvent("button_press_event", widget.canvas, *at, button=1)
    widget.canvas.callbacks.process("button_press_event", event)
    assert shown_state(widget.viewer) == 2
    assert any(list(line.get_xdata()) == [150, 150] for line in widget.panels[1].lines)


def test_energies_keep_their_slider_beside_the_states(widget):
    layer(widget.viewer, "attenuation").visible = True
    widget.viewer.dims.set_current_step(0, 5)
    widget.viewer.dims.set_current_step(1, 1)
    assert widget.viewer.canvas.overlays["xanesmap_steps"].text == "75 mAh/g (2 of 3)"
    assert widget.viewer.dims.axis_labels[0].startswith("7133.50 eV")
    assert widget.viewer.dims.axis_labels[1].startswith("75 mAh/g")
    layer(widget.viewer, "attenuation").visible = False


def test_a_state_is_opened_by_itself(widget, mouse, series_file):
    widget.state.go_to(1)
    mouse.press(widget.alone)
    assert shown_series(widget.viewer) is None
    assert shown_result(widget.viewer).path == series_file.parent / "state1.zarr"
    widget.state.go_to(0)  # harmless


def test_files_that_are_no_series_are_told_in_a_sentence(viewer, shown_widget, mouse, tmp_path):
    widget = shown_widget(viewer, SeriesWidget, "series")
    assert "No series is open" in widget.status.text()
    mouse.press(widget.open)
    assert widget.status.text().startswith("Error: a series needs at least one result")
    widget.sources.show_paths((str(tmp_path / "series.toml"),))
    mouse.press(widget.open)
    assert "series.toml cannot be read" in widget.status.text()
    assert len(viewer.layers) == 0


def test_nothing_of_the_widget_stays_in_the_viewer(viewer, series_file, shown_widget, callbacks, settle):
    open_series_session(viewer, open_series([series_file]))
    viewer.dims.ndisplay = 2
    before = callbacks(viewer)
    widget = shown_widget(viewer, SeriesWidget, "series")
    assert widget.series is not None
    viewer.window.remove_dock_widget(widget)
    settle()
    assert callbacks(viewer) == before


def test_the_window_of_a_series_has_its_layers_and_its_curve(open_viewer, series_file, settle):
    viewer = open_series_window(open_series([series_file]))
    assert viewer.title == "xanesmap: charge"
    assert viewer.window.dock_widgets["series"].series is shown_series(viewer)
    settle()
