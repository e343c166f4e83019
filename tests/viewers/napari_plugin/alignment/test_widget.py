import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent

from xanesmap.viewers.napari_plugin.alignment.widget import BEFORE_AFTER, TWO_ALIGNED, AlignmentWidget
from xanesmap.viewers.napari_plugin.session import layer_tuples


@pytest.fixture(scope="module")
def opened(module_viewer, moved_result, shown_widget, settle):
    """The widget beside one layer of an aligned result, with the first pair of frames shown."""
    add_phase(module_viewer, moved_result)
    widget = shown_widget(module_viewer, AlignmentWidget, "alignment")
    settle.until(lambda: widget.picture.layer is not None)
    return widget


@pytest.fixture
def widget(opened, settle):
    """The widget as it opens."""
    yield opened
    opened.flicker.setChecked(False)
    opened.difference.setChecked(False)
    opened.compared.setCurrentText(BEFORE_AFTER)
    opened.energy.go_to(0)
    opened.angle.go_to(0)
    opened._second, opened.viewer.theme = False, "dark"
    opened._show()
    settle.until(lambda: not opened.task.is_busy)
    settle(0)


def add_phase(viewer, result):
    data, options, kind = layer_tuples(result)[-1]
    return viewer._add_layer_from_data(data, options, kind)


def shown(widget):
    return widget.picture.layer.data


def click(widget, axes, x):
    """A click on a panel at an abscissa."""
    at = axes.transData.transform((x, np.mean(axes.get_ylim())))
    widget.canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", widget.canvas, *at, button=1)
    )


def test_swapping_shows_the_frame_before_and_after(widget, mouse):
    np.testing.assert_array_equal(shown(widget), widget.pair.images[0])
    mouse.press(widget.swap)
    np.testing.assert_array_equal(shown(widget), widget.pair.images[1])
    assert widget.viewer.canvas.overlays["frame"].text.startswith("aligned")
    mouse.press(widget.swap)
    np.testing.assert_array_equal(shown(widget), widget.pair.images[0])


def test_flicker_swaps_by_itself_until_it_is_stopped(widget, mouse, settle):
    widget.rate.setValue(5)
    mouse.press(widget.flicker)
    seen = set()
    settle.until(lambda: seen.add(widget._second) or len(seen) == 2, 5)
    mouse.press(widget.flicker)
    assert not widget.timer.isActive()


def test_the_difference_is_shown_about_zero(widget, mouse):
    mouse.press(widget.difference)
    np.testing.assert_array_equal(shown(widget), widget.pair.difference)
    low, high = widget.picture.layer.contrast_limits
    assert low == -high < 0


def test_two_energies_are_compared_at_one_angle(widget, settle):
    widget.compared.setCurrentText(TWO_ALIGNED)
    assert widget.other.isVisible()
    settle.until(lambda: "aligned: 7092" in widget.viewer.canvas.overlays["frame"].text)
    assert "7180.00 eV" in widget.pair.texts[1]


def test_a_click_in_the_tracks_shows_that_frame(widget, settle):
    click(widget, widget.drawing.panels[1], 7129.2)
    assert widget.energy.step() == 4
    click(widget, widget.drawing.panels[0], widget.tracks.angles_deg[4, 12] + 0.5)
    assert widget.angle.step() == 12
    settle.until(lambda: "7129.00 eV" in widget.viewer.canvas.overlays["frame"].text)
    expected = widget.frames.frame(4, 12, state="recorded")
    settle.until(lambda: np.array_equal(shown(widget), expected))


def test_tracks_take_the_colours_of_the_theme(widget, settle):
    dark = widget.canvas.figure.get_facecolor()
    widget.viewer.theme = "light"
    settle()
    assert widget.canvas.figure.get_facecolor() != dark


def test_without_result_or_alignment_there_is_a_sentence(viewer, shown_widget, small_result, mouse):
    widget = shown_widget(viewer, AlignmentWidget, "alignment")
    assert "Open a result first" in widget.text.text()
    add_phase(viewer, small_result)
    mouse.press(widget.open)
    assert "were not aligned" in widget.text.text()
    assert not widget.energy.isEnabled()


def test_a_scan_that_is_gone_leaves_the_tracks(viewer, moved_result, shown_widget, settle, mouse, tmp_path):
    add_phase(viewer, moved_result)
    widget = shown_widget(viewer, AlignmentWidget, "alignment")
    widget.scan.show_paths((str(tmp_path / "gone"),))
    widget.frames = None
    mouse.press(widget.open)
    settle.until(lambda: widget.status.text().startswith("Error"))
    assert str(tmp_path / "gone") in widget.status.text()
    assert widget.canvas.isVisible()


def test_nothing_of_the_widget_stays_in_the_viewer(viewer, moved_result, shown_widget, callbacks, settle):
    add_phase(viewer, moved_result)
    before = callbacks(viewer)
    widget = shown_widget(viewer, AlignmentWidget, "alignment")
    settle.until(lambda: widget.picture.layer is not None)
    viewer.window.remove_dock_widget(widget)
    settle()
    assert callbacks(viewer) == before
    assert "frame" not in viewer.layers
