"""The main job from the window, with real clicks and a real helper process."""

import time
from pathlib import Path

import psutil
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QMessageBox

from xanesmap.phasemap.config import make_config, read_config_file
from xanesmap.viewers.napari_plugin.layers.own_layers import layer_of_kind, shown_result
from xanesmap.viewers.napari_plugin.map_phases import background_job
from xanesmap.viewers.napari_plugin.map_phases import widget as map_phases_widget
from xanesmap.viewers.napari_plugin.map_phases.run_settings import FilledForm
from xanesmap.viewers.napari_plugin.map_phases.widget import MapPhasesWidget

SHORT = {"align.method": "none", "threads": "1"}


@pytest.fixture
def widget(viewer, shown_widget, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return shown_widget(viewer, MapPhasesWidget, "map phases")


@pytest.fixture(scope="module")
def opened(module_viewer, shown_widget):
    return shown_widget(module_viewer, MapPhasesWidget, "map phases")


@pytest.fixture
def idle(opened):
    """The widget as it opens, for what needs no run."""
    yield opened
    opened._file = "settings.toml"
    opened.fill(FilledForm())
    opened.status.setText("")


@pytest.fixture
def at_work(widget, small_scan, tmp_path, mouse, settle):
    """A run that has begun: its process."""
    widget.scan.show_paths((str(small_scan.folder),))
    widget.out.show_paths((str(tmp_path / "map.zarr"),))
    widget.settings.fill(SHORT)
    mouse.press(widget.start)
    settle.until(lambda: widget.job.process_id)
    process = psutil.Process(widget.job.process_id)
    settle.until(lambda: widget.job.state.total, 90)  # libraries are imported first
    return process


def gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def drop(line, *paths):
    """Drop files on a widget as a file manager does."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    held = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPointF(5, 5).toPoint(), *held)
    QApplication.sendEvent(line, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(line, QDropEvent(QPointF(5, 5), *held))


def test_a_dropped_scan_is_told_as_info_tells_it(idle, small_scan, command, settle, mouse):
    drop(idle.scan, small_scan.folder)
    settle.until(lambda: "Verdict" in idle.inspection.text.text())
    told = command("info", small_scan.folder).out
    for line in told.splitlines():
        if line.startswith(("Energies", "Angles", "Photons", "Verdict")):
            assert line[10:] in idle.inspection.text.text()
    mouse.press(idle.inspection.more)
    assert idle.inspection.table.isVisible()
    assert idle.inspection.table.rowCount() == len(small_scan.files)
    assert idle.inspection.table.item(0, 0).text() == Path(small_scan.files[0]).name


def test_files_that_are_no_scan_are_told_in_the_words_of_the_command_line(idle, refused, settle, tmp_path):
    idle.scan.show_paths((str(tmp_path / "nothing"),))
    settle.until(lambda: "Error" in idle.inspection.text.text())
    sentence = refused("info", tmp_path / "nothing").strip()
    assert sentence.replace("'", "&#x27;") in idle.inspection.text.text() or sentence in idle.inspection.text.text()


def test_a_run_shows_its_progress_and_opens_its_result(at_work, widget, viewer, settle, tmp_path):
    assert widget.bar.isVisible()
    assert not widget.start.isEnabled()
    assert " of " in widget.status.text()
    settle.until(lambda: not widget.job.is_running(), 120)
    settle()
    assert widget.status.text().startswith(f"Result: {tmp_path / 'map.zarr'}")
    assert "Note: Bundled" in widget.notes.toPlainText()
    assert layer_of_kind(viewer, "phase") is not None
    assert shown_result(viewer).path == tmp_path / "map.zarr"
    assert widget.start.isEnabled()
    assert gone(at_work)


def test_a_run_brings_its_closed_dock_back_and_leaves_no_process_and_no_file_when_stopped(
    at_work, widget, viewer, mouse, settle, tmp_path
):
    viewer.window.remove_dock_widget(widget)
    settle.until(widget.isVisible)
    assert widget.job.is_running()
    assert widget.parent() is not None
    helpers = at_work.children()
    began = time.monotonic()
    mouse.press(widget.stop)
    assert widget.status.text() == "Stopping…"
    settle.until(lambda: not widget.job.is_running(), 10)
    assert time.monotonic() - began < 8
    assert widget.status.text() == "Stopped: no result was written, and an earlier one is as it was."
    settle.until(lambda: all(map(gone, [at_work, *helpers])))
    assert list(tmp_path.iterdir()) == []
    assert widget.start.isEnabled()


def test_a_run_that_does_not_listen_is_killed(at_work, widget, mouse, settle, tmp_path, monkeypatch):
    monkeypatch.setattr(background_job, "GRACE_MS", 500)
    at_work.suspend()
    mouse.press(widget.stop)
    settle.until(lambda: not widget.job.is_running(), 10)
    assert gone(at_work)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_shows_the_sentence_of_the_command_line(idle, small_scan, small_result, refused, mouse, settle):
    idle.scan.show_paths((str(small_scan.folder),))
    idle.out.show_paths((str(small_result.path),))
    mouse.press(idle.start)
    settle.until(lambda: not idle.job.is_running(), 90)
    assert idle.status.text() == refused("run", small_scan.folder, "--out", small_result.path).strip()
    assert len(idle.viewer.layers) == 0


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (lambda widget: None, "no scan is chosen"),
        (lambda widget: widget.settings.fill({"memory": "plenty"}), "'plenty' is not an amount of memory"),
        (
            lambda widget: widget.references.add_file("/a/core.csv") or widget.references.add_file("/b/core.csv"),
            "twice",
        ),
    ],
)
def test_what_cannot_run_is_told_without_a_process(idle, small_scan, mouse, fill, words):
    if words != "no scan is chosen":
        idle.scan.show_paths((str(small_scan.folder),))
    fill(idle)
    mouse.press(idle.start)
    assert words in idle.status.text()
    assert not idle.job.is_running()


def test_the_command_line_follows_what_is_filled_in(idle, mouse):
    idle.scan.show_paths(("/data/my scan",))
    idle.references.add_file("/data/core.csv")
    idle.settings.fields["spectra.constraint"].setCurrentText("non-negative")
    expected = "xanesmap run '/data/my scan' --reference core=/data/core.csv --constraint non-negative"
    assert idle.command.toPlainText() == expected
    mouse.press(idle.copy)
    assert QApplication.clipboard().text() == expected
    idle.settings.fill({"memory": "plenty"})
    assert "not an amount of memory" in idle.command.toPlainText()


def test_settings_are_saved_and_loaded(idle, tmp_path, mouse, monkeypatch):
    idle.scan.show_paths(("/data/scan",))
    idle.settings.fill({"spectra.background": "linear", "keep_mu": False, "reconstruct.centre_px": "12.5"})
    path = tmp_path / "mine.toml"
    monkeypatch.setattr(map_phases_widget.QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(map_phases_widget.QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    mouse.press(idle.save)
    config = make_config(read_config_file(path))
    assert (config.spectra.background, config.keep_mu, config.reconstruct.centre_px) == ("linear", False, 12.5)
    before = idle.form()
    idle.settings.fill({})
    idle.scan.show_paths(())
    mouse.press(idle.load)
    assert idle.form() == before
    path.write_text("engine = 3", encoding="utf-8")
    mouse.press(idle.load)
    assert idle.status.text().startswith("Error: Configuration")


def test_a_user_who_closes_the_window_is_asked(at_work, widget, monkeypatch, settle, viewer):
    asked = []
    answer = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[2]) or answer[len(asked) - 1])
    window = widget.window()

    class Spontaneous(QCloseEvent):
        """What the window system sends."""

        def spontaneous(self):
            return True

    question = next(child for child in widget.children() if type(child).__name__ == "ClosingQuestion")
    assert question.eventFilter(window, Spontaneous())
    assert widget.job.is_running()
    assert not question.eventFilter(window, Spontaneous())
    assert asked == ["A phase map is being made. Stop it and close the window?"] * 2
    settle()
    assert gone(at_work)


def test_a_window_closed_by_a_program_stops_the_run(at_work, viewer, tmp_path):
    viewer.close()
    assert gone(at_work)
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_widget_stays_in_the_viewer(viewer, shown_widget, callbacks, settle):
    before = callbacks(viewer)
    widget = shown_widget(viewer, MapPhasesWidget, "map phases")
    viewer.window.remove_dock_widget(widget)
    settle()
    assert callbacks(viewer) == before
