import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QFileDialog

from xanesmap.viewers.colours import phase_colours
from xanesmap.viewers.napari_plugin.core_shell.layers import show_drawing
from xanesmap.viewers.napari_plugin.core_shell.view import Choices, CoreShellView
from xanesmap.viewers.napari_plugin.pictures.widget import NO_RESULT, MovieWidget


@pytest.fixture
def opened(viewer, segmented_result, shown_widget, settle):
    """The widget beside a particle cut open, in a small window."""
    viewer.window.resize(1000, 760)
    drawing = CoreShellView(segmented_result).draw(Choices(particle=1, cut="half", along="x"))
    show_drawing(viewer, segmented_result, drawing)
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.canvas.overlays.scale_bar.visible = True
    return shown_widget(viewer, MovieWidget, "movie")


@pytest.fixture
def save_to(monkeypatch):
    """Answers the dialog for a file."""

    def answered(path):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **options: (str(path), ""))

    return answered


def state(viewer):
    camera = viewer.scene.camera
    return (
        tuple(np.round(camera.center, 5)),
        round(camera.zoom, 4),
        tuple(np.round(camera.angles, 3)),
        viewer.canvas.overlays.scale_bar.visible,
        viewer.canvas.background_color_override,
    )


def like(picture, colour):
    """Where a picture has a colour, however dark."""
    shade = picture[..., :3] / np.maximum(picture.max(axis=-1, keepdims=True), 1)
    return np.abs(shade - np.asarray(colour) / np.max(colour)).max(axis=-1) < 0.15


def test_a_picture_of_the_canvas_is_written_and_the_canvas_is_as_before(
    opened, mouse, save_to, tmp_path, segmented_result
):
    before = state(opened.viewer)
    opened.width_mm.setValue(50)
    opened.caption.setText("particle 1")
    save_to(tmp_path / "view.png")
    mouse.press(opened.save)
    assert opened.text.text().startswith("Written: ")
    assert state(opened.viewer) == before
    with Image.open(tmp_path / "view.png") as read:
        assert read.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert read.size[0] == round(50 / 25.4 * 300)
        picture = np.asarray(read.convert("RGB"))
    assert picture[0, 0].min() == 255
    assert like(picture, phase_colours(segmented_result.phases)[1]).mean() > 0.02
    opened.background.setCurrentText("transparent")
    mouse.press(opened.save)
    with Image.open(tmp_path / "view.png") as read:
        opacity = np.asarray(read)[..., 3]
    assert opacity[0, 0] == 0
    assert opacity.max() == 255
    save_to(tmp_path / "view.bmp")
    mouse.press(opened.save)
    assert "let --out end in .png or .tif" in opened.text.text()
    opened.viewer.layers.clear()
    save_to(tmp_path / "empty.png")
    mouse.press(opened.save)
    assert opened.text.text().startswith("the canvas is empty")
    assert [path.name for path in tmp_path.iterdir()] == ["view.png"]


def test_movies_are_made_beside_the_window_and_can_be_stopped(opened, mouse, save_to, settle, tmp_path, read_mp4):
    opened.size.setCurrentText("240x200")
    opened.seconds.setValue(0.5)
    opened.fps.setValue(10)
    before = state(opened.viewer)
    save_to(tmp_path / "turn.mp4")
    mouse.press(opened.make)
    assert not opened.make.isEnabled()
    settle.until(lambda: not opened.is_busy, seconds=60)
    assert opened.text.text() == f"Written: {tmp_path / 'turn.mp4'}"
    assert state(opened.viewer) == before
    frames = read_mp4(tmp_path / "turn.mp4").frames
    assert frames.shape == (5, 200, 240, 3)
    assert min(np.abs(frames[n].astype(int) - frames[(n + 1) % 5]).mean() for n in range(5)) > 0.2

    opened.motion.setCurrentText("slices through y")
    save_to(tmp_path / "slices.mp4")
    mouse.press(opened.make)
    settle.until(lambda: not opened.is_busy, seconds=60)
    assert opened.text.text() == f"Written: {tmp_path / 'slices.mp4'}"
    assert read_mp4(tmp_path / "slices.mp4").frames.shape == (5, 200, 240, 3)

    opened.seconds.setValue(60)
    for motion, name in (("turn about x", "long.mp4"), ("slices through z", "slices.gif")):
        opened.motion.setCurrentText(motion)
        save_to(tmp_path / name)
        mouse.press(opened.make)
        settle(0.3)
        assert opened.is_busy
        mouse.press(opened.stop)
        assert opened.text.text() == "Stopped: no movie was written."
        settle.until(lambda: not opened.work.is_busy)
    assert state(opened.viewer) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slices.mp4", "turn.mp4"]


def test_what_cannot_be_made_is_told_and_closing_stops_a_movie(opened, mouse, save_to, settle, tmp_path):
    opened.size.setCurrentText("large")
    save_to(tmp_path / "movie.mp4")
    mouse.press(opened.make)
    assert "such as 1280x960" in opened.text.text()
    opened.size.setCurrentText("240x200")
    opened.seconds.setValue(60)
    mouse.press(opened.make)
    settle(0.3)
    assert opened.is_busy
    viewer = opened.viewer
    assert not viewer.canvas.overlays.scale_bar.visible  # while it is drawn
    viewer.window.remove_dock_widget(opened)
    settle()
    assert viewer.canvas.overlays.scale_bar.visible
    assert not list(tmp_path.iterdir())


def test_slices_need_a_result(viewer, shown_widget, tmp_path):
    widget = shown_widget(viewer, MovieWidget, "movie")
    widget.motion.setCurrentText("slices through z")
    widget.make_movie(tmp_path / "movie.mp4")
    assert widget.text.text() == NO_RESULT
