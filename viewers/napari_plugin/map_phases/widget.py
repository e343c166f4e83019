"""Dock widget of the main job: pick a scan, references and settings, run, and see the result."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from xanesmap.errors import DataError
from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.result import open_result
from xanesmap.viewers.napari_plugin.map_phases.background_job import BackgroundJob
from xanesmap.viewers.napari_plugin.map_phases.inspection_panel import InspectionPanel
from xanesmap.viewers.napari_plugin.map_phases.job_progress import JobState, progress_text, time_text
from xanesmap.viewers.napari_plugin.map_phases.references_table import ReferencesTable
from xanesmap.viewers.napari_plugin.map_phases.run_settings import (
    FilledForm,
    command_of,
    config_of,
    form_from_file,
    write_form,
)
from xanesmap.viewers.napari_plugin.map_phases.settings_form import SettingsForm
from xanesmap.viewers.napari_plugin.parts.closing_question import ClosingQuestion
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.path_line import PathLine
from xanesmap.viewers.napari_plugin.parts.widget_rows import row_of
from xanesmap.viewers.napari_plugin.session import open_session

_BAR_STEPS = 1000
_CLOCK_MS = 1000
_WIDTH = 470
_COMMAND_HEIGHT, _NOTES_HEIGHT = 70, 130


class MapPhasesWidget(DockedWidget):
    """From a scan to its phase map, without leaving the window."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.scan = PathLine(placeholder="folder or files of a scan; drop them here", dialogs=("folder", "files"))
        self.inspection = InspectionPanel()
        self.references = ReferencesTable()
        self.out = PathLine(placeholder="<scan>_phases.zarr beside the scan", dialogs=("save",))
        self.settings = SettingsForm()
        self.command = _text_box(_COMMAND_HEIGHT)
        self.start, self.stop = QPushButton("Map phases"), QPushButton("Stop")
        self.load, self.save, self.copy = QPushButton("Load…"), QPushButton("Save…"), QPushButton("Copy")
        self.bar, self.status, self.notes = QProgressBar(), QLabel(), _text_box(_NOTES_HEIGHT)
        self.job = BackgroundJob(self)
        self._further: Any = {}
        self._file = "settings.toml"
        self._clock = QTimer(self)
        self._lay_out()
        self._connect()
        self._follow_form()
        self._show_running(False)

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(_group("Scan", self.scan, self.inspection))
        column.addWidget(_group("References", self.references))
        lines = QFormLayout()
        lines.addRow("Result", self.out)
        column.addLayout(lines)
        files = _row(QLabel("Settings file"), self.load, self.save)
        column.addWidget(_group("Settings", self.settings, files))
        column.addWidget(_group("The same on a command line", self.command, _row(self.copy)))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar.setRange(0, _BAR_STEPS)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        layout.addWidget(self.notes)
        layout.addLayout(_row(self.start, self.stop))
        self.setMinimumWidth(_WIDTH)

    def _connect(self) -> None:
        for part in (self.scan, self.references, self.out, self.settings):
            part.changed.connect(self._follow_form)
        self.start.clicked.connect(self.run)
        self.stop.clicked.connect(self._stop)
        self.load.clicked.connect(self._ask_to_load)
        self.save.clicked.connect(self._ask_to_save)
        self.copy.clicked.connect(self._copy_command)
        self.job.changed.connect(self._show_progress)
        self.job.ended.connect(self._show_end)
        self._clock.timeout.connect(self._tick)
        self.at_the_end(self.inspection.end)
        self.at_the_end(self.job.stop_and_wait)
        self.at_the_end(self._clock.stop)
        question = ClosingQuestion(self, asks=self.job.is_running, told="A phase map is being made.")
        question.accepted.connect(self.job.stop_and_wait)

    def form(self) -> FilledForm:
        """What is filled in.

        Raises
        ------
        DataError
            A phase is named twice.
        """
        return FilledForm(
            scan=self.scan.paths(),
            out=next(iter(self.out.paths()), ""),
            references=self.references.values(),
            changed=self.settings.values(),
            further=self._further,
        )

    def fill(self, form: FilledForm) -> None:
        """Show settings in place of those filled in."""
        self._further = form.further
        self.settings.fill(form.changed)
        self.references.fill(form.references)
        self.out.show_paths((form.out,) if form.out else ())
        self.scan.show_paths(form.scan)
        self._follow_form()

    def load_settings(self, path: str | Path) -> None:
        """Fill in a settings file; a sentence where it is none."""
        try:
            self.fill(form_from_file(path))
        except DataError as error:
            self._say(f"Error: {error}")
            return
        self._file = str(path)
        self._follow_form()
        self._say(f"Settings of {path}")

    def save_settings(self, path: str | Path) -> None:
        """Write what is filled in to a settings file; a sentence where it cannot be."""
        try:
            written = write_form(self.form(), path)
        except DataError as error:
            self._say(f"Error: {error}")
            return
        self._file = str(written)
        self._follow_form()
        self._say(f"Settings written to {written}")

    def run(self) -> None:
        """Start the run that is filled in; a sentence where it cannot be."""
        try:
            config = self._config()
        except DataError as error:
            self._say(f"Error: {error}")
            return
        self.job.start(config.model_dump(mode="json", exclude_defaults=True), out=config.out_path)
        self._clock.start(_CLOCK_MS)
        self._show_running(True)
        self._show_progress(self.job.state)

    def _config(self) -> RunConfig:
        form = self.form()
        if not form.scan:
            message = "no scan is chosen; give the folder or the files of one."
            raise DataError(message)
        return config_of(form)

    def _follow_form(self) -> None:
        """Tell what is filled in as a command line, and what the scan holds."""
        try:
            form = self.form()
            self.command.setPlainText(command_of(replace(form, scan=form.scan or ("SCAN",)), file=self._file))
            config = config_of(form) if form.scan else None
        except DataError as error:
            self.command.setPlainText(f"({error})")
            return
        if config is None:
            self.inspection.forget()
            self.out.line.setPlaceholderText("<scan>_phases.zarr beside the scan")
        else:
            self.inspection.look_at(config)
            self.out.line.setPlaceholderText(str(config.beside_scan("_phases.zarr")))

    def _stop(self) -> None:
        self.stop.setEnabled(False)
        self._clock.stop()
        self._say("Stopping…")
        self.job.stop()

    def _show_progress(self, state: JobState) -> None:
        if not self.job.is_running() or not self.stop.isEnabled():
            return
        self.bar.setRange(0, _BAR_STEPS if state.total else 0)  # without an end while it is not known
        self.bar.setValue(round(_BAR_STEPS * state.share))
        self._say(progress_text(state, now_s=time.monotonic()))

    def _show_end(self, state: JobState) -> None:
        self._clock.stop()
        self._show_running(False)
        if state.end != "finished":
            self._say(state.text)
            return
        took = time_text(time.monotonic() - state.began_s)
        self._say(f"Result: {state.path} (in {took})")
        self.notes.setPlainText("\n".join(f"Note: {note}" for note in state.notes))
        self.notes.setVisible(bool(state.notes))
        try:
            open_session(self.viewer, open_result(state.path))
        except DataError as error:
            self._say(f"Error: {error}")

    def _tick(self) -> None:
        self._show_progress(self.job.state)

    def _copy_command(self) -> None:
        QApplication.clipboard().setText(self.command.toPlainText())

    def _show_running(self, running: bool) -> None:
        self.start.setEnabled(not running)
        self.stop.setEnabled(running)
        self.bar.setVisible(running)
        self.bar.setValue(0)
        self.notes.hide()

    def _say(self, text: str) -> None:
        self.status.setText(text)

    def _ask_to_load(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Settings", str(Path.cwd()), "Settings (*.toml)")
        if chosen:
            self.load_settings(chosen)

    def _ask_to_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Settings", self._file, "Settings (*.toml)")
        if chosen:
            self.save_settings(chosen)

    def changeEvent(self, event: Any) -> None:  # Qt's name
        """Come back when the dock is closed while a map is being made: closing it must not cost the run."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self.job.is_running():
            QTimer.singleShot(0, self._dock_again)
            return
        super().changeEvent(event)

    def _dock_again(self) -> None:
        self.viewer.window.add_dock_widget(self, name="map phases", area="right")
        self.show()


def _text_box(height: int) -> QPlainTextEdit:
    box = QPlainTextEdit()
    box.setReadOnly(True)
    box.setFixedHeight(height)
    return box


def _group(title: str, *parts: QWidget | QLayout) -> QGroupBox:
    group = QGroupBox(title)
    layout = QVBoxLayout(group)
    for part in parts:
        if isinstance(part, QLayout):
            layout.addLayout(part)
        else:
            layout.addWidget(part)
    return group


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = row_of(*widgets)
    row.addStretch(1)
    return row
