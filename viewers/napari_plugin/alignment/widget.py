"""Dock widget that checks an alignment: frames before and after in turn, and the tracks of all of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.store import stored_alignment
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.alignment.aligned_frames import (
    AlignedFrames,
    Pair,
    before_and_after,
    open_aligned_frames,
    two_energies,
)
from xanesmap.viewers.napari_plugin.alignment.tracks import Tracks, TracksDrawing, fit_panels, tracks_of, tracks_text
from xanesmap.viewers.napari_plugin.layers.flat_picture import FlatPicture
from xanesmap.viewers.napari_plugin.layers.own_layers import shown_result
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.figure_canvas import figure_canvas
from xanesmap.viewers.napari_plugin.parts.figure_theme import theme_of
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.parts.moving_lines import MovingLines
from xanesmap.viewers.napari_plugin.parts.path_line import PathLine
from xanesmap.viewers.napari_plugin.parts.step_slider import StepSlider

BEFORE_AFTER = "one frame, before and after"
TWO_RECORDED = "two energies, as recorded"
TWO_ALIGNED = "two energies, aligned"
_WIDTH = 450


class AlignmentWidget(DockedWidget):
    """What alignment did to the frames of the result that is shown."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.frames: AlignedFrames | None = None
        self.tracks: Tracks | None = None
        self.pair: Pair | None = None
        self.scan = PathLine(placeholder="the scan, where it is not where it was", dialogs=("folder", "files"))
        self.open = QPushButton("Read alignment")
        self.compared = QComboBox()
        self.energy = StepSlider("Energy", self._energy_text)
        self.other = StepSlider("Other energy", self._energy_text)
        self.angle = StepSlider("Angle", self._angle_text)
        self.swap, self.flicker, self.difference = (QPushButton(t) for t in ("Swap", "Flicker", "Difference"))
        self.rate = QDoubleSpinBox()
        self.text, self.status = QLabel(), QLabel()
        self.canvas = figure_canvas((4.4, 6.2), least_px=(380, 460))
        self.drawing: TracksDrawing | None = None
        self.marks = MovingLines(self.canvas)
        self.task = LatestTask(self)
        self.picture = FlatPicture(self.viewer, "frame")
        self.timer = QTimer(self)
        self._second = False
        self._lay_out()
        self._connect()
        self._allow(False)
        self.read()

    def _lay_out(self) -> None:
        self.compared.addItems([BEFORE_AFTER, TWO_RECORDED, TWO_ALIGNED])
        self.rate.setRange(0.5, 5)
        self.rate.setValue(2)
        self.rate.setSuffix(" per s")
        for button in (self.flicker, self.difference):
            button.setCheckable(True)
        for label in (self.text, self.status):
            label.setWordWrap(True)
        opening, buttons, form = QHBoxLayout(), QHBoxLayout(), QFormLayout()
        opening.addWidget(self.scan, 1)
        opening.addWidget(self.open)
        form.addRow("Compare", self.compared)
        for widget in (self.swap, self.flicker, self.rate, self.difference):
            buttons.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addLayout(opening)
        layout.addWidget(self.text)
        layout.addLayout(form)
        for widget in (self.energy, self.other, self.angle):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        layout.addWidget(self.canvas, 1)
        self.setMinimumWidth(_WIDTH)

    def _connect(self) -> None:
        self.open.clicked.connect(self.read)
        self.compared.currentTextChanged.connect(self._ask)
        self.energy.changed.connect(self._follow_energy)
        for slider in (self.other, self.angle):
            slider.changed.connect(self._ask)
        self.swap.clicked.connect(self._swap)
        self.flicker.toggled.connect(self._set_flicker)
        self.rate.valueChanged.connect(self._set_flicker)
        self.difference.toggled.connect(self._show)
        self.timer.timeout.connect(self._swap)
        self.task.answered.connect(self._take)
        self.task.failed.connect(self.status.setText)
        self.canvas.mpl_connect("button_press_event", self._go_to_click)
        self.canvas.mpl_connect(
            "resize_event", lambda _: None if self.drawing is None else fit_panels(self.canvas.figure)
        )
        self.listen(self.viewer.events.theme, self._draw)
        for action in (self.task.end, self.picture.take_away, self.timer.stop):
            self.at_the_end(action)

    def read(self) -> None:
        """Read the alignment of the result that is shown; a sentence where there is none."""
        result = shown_result(self.viewer)
        if result is None:
            self.text.setText("Open a result first: no phase map of xanesmap is shown.")
            return
        try:
            self._read_tracks(result)
        except DataError as error:
            self.text.setText(f"Error: {error}")
            return
        if self.tracks is not None:
            self.status.setText("Looking for the scan…")
            self.task.ask(partial(_open, result, self.scan.paths()))

    def _read_tracks(self, result: PhaseMap) -> None:
        self.drawing = None
        stored = stored_alignment(result.path)
        self.tracks = None if stored is None else tracks_of(stored, pixel_um=result.pixel_size_um)
        self.canvas.setVisible(self.tracks is not None)
        if self.tracks is None:
            self.text.setText(f"The frames of {result.path.name} were not aligned; they were used as recorded.")
            return
        self.text.setText(tracks_text(self.tracks))
        for slider in (self.energy, self.other):
            slider.set_steps(self.tracks.energies_ev.size)
        self.energy.setEnabled(True)
        self.angle.setEnabled(True)
        self.other.go_to(self.tracks.energies_ev.size - 1)
        self._draw()
        self._follow_energy()

    def _take(self, answer: Any) -> None:
        """What the thread found: the scan, or two images."""
        self.status.setText("")
        if isinstance(answer, AlignedFrames):
            self.frames = answer
            self._allow(True)
            self._ask()
        else:
            self.pair = answer
            self._show()

    def _allow(self, allowed: bool) -> None:
        for widget in (self.compared, self.other, self.swap, self.flicker, self.rate, self.difference):
            widget.setEnabled(allowed)
        if self.tracks is None:
            self.energy.setEnabled(False)
            self.angle.setEnabled(False)
        self.other.setVisible(self.compared.currentText() != BEFORE_AFTER)

    def _energy_text(self, step: int) -> str:
        return "" if self.tracks is None else f"{self.tracks.energies_ev[step]:.2f} eV"

    def _angle_text(self, step: int) -> str:
        return "" if self.tracks is None else f"{self.tracks.angles_deg[self.energy.step(), step]:.2f}°"

    def _follow_energy(self, *_: Any) -> None:
        if self.tracks is not None:
            self.angle.set_steps(int(self.tracks.recorded[self.energy.step()].sum()))
        self._ask()

    def _ask(self, *_: Any) -> None:
        """Ask for the images that are chosen, and mark them in the tracks."""
        compared = self.compared.currentText()
        self.other.setVisible(compared != BEFORE_AFTER)
        self._mark()
        if self.frames is not None:
            numbers = (self.energy.step(), self.other.step(), self.angle.step())
            self.task.ask(partial(_pair, self.frames, compared, *numbers))

    def _swap(self) -> None:
        self._second = not self._second
        self._show()

    def _set_flicker(self, *_: Any) -> None:
        if self.flicker.isChecked():
            self.timer.start(round(1000 / self.rate.value()))
        else:
            self.timer.stop()

    def _show(self, *_: Any) -> None:
        """Show one image of the pair, or their difference."""
        if self.pair is None or self.tracks is None:
            return
        how: dict[str, Any] = {"scale": (self.tracks.pixel_um,) * 2}
        if self.difference.isChecked():
            largest = self.pair.largest_difference
            text = f"difference: {self.pair.texts[1]} − {self.pair.texts[0].split(':')[0]}"
            if self.compared.currentText() != BEFORE_AFTER:
                text = f"difference of {self.pair.texts[0]} and {self.pair.texts[1].split(': ')[1]}"
            self.picture.show(
                self.pair.difference, text=text, kind="difference", limits=(-largest, largest), ramp="PiYG", **how
            )
            return
        number = int(self._second)
        kind = ("frame", self.compared.currentText(), self.energy.step())
        self.picture.show(
            self.pair.images[number], text=self.pair.texts[number], kind=kind, limits=self.pair.limits, **how
        )

    def _draw(self, event: Any = None) -> None:
        del event
        if self.tracks is None:
            return
        self.drawing = TracksDrawing(self.canvas.figure, self.tracks, theme=theme_of(self.viewer))
        self._mark()

    def _mark(self) -> None:
        """Show where the frame is that is chosen."""
        if self.drawing is None:
            return
        if self.drawing.show(self.energy.step(), self.angle.step()):
            self.marks.take(self.drawing.marks)
        self.marks.redraw()

    def _go_to_click(self, event: Any) -> None:
        """Show the frame nearest to a click: by angle in the upper panel, by energy in those below."""
        if self.tracks is None or self.drawing is None or event.inaxes is None or event.xdata is None:
            return
        if event.inaxes is self.drawing.panels[0]:
            self.angle.go_to(self.tracks.nearest_angle(self.energy.step(), event.xdata))
        else:
            self.energy.go_to(self.tracks.nearest_energy(event.xdata))


def _open(result: PhaseMap, scan: tuple[str, ...], progress: Progress) -> AlignedFrames:
    del progress
    return open_aligned_frames(result, scan=scan)


def _pair(frames: AlignedFrames, compared: str, energy: int, other: int, angle: int, progress: Progress) -> Pair:
    del progress
    if compared == BEFORE_AFTER:
        return before_and_after(frames, energy, angle)
    state: Any = "aligned" if compared == TWO_ALIGNED else "recorded"
    return two_energies(frames, energy, other, angle, state=state)
