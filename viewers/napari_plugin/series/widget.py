"""Dock widget of a series: the curve of the cell, the phases over it, and the state that is shown."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.segmentation.phase_table import phase_shares
from xanesmap.phasemap.series import Series, open_series
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.figure_canvas import figure_canvas
from xanesmap.viewers.napari_plugin.parts.figure_theme import theme_of
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.parts.path_line import PathLine
from xanesmap.viewers.napari_plugin.parts.step_slider import StepSlider
from xanesmap.viewers.napari_plugin.series.curve import Shares, draw_series, shares_of_states, state_axes
from xanesmap.viewers.napari_plugin.series.session import (
    SERIES,
    open_series_session,
    show_state,
    shown_series,
    shown_state,
)
from xanesmap.viewers.napari_plugin.session import open_session

_LEFT = 1
_WIDTH = 430


class SeriesWidget(DockedWidget):
    """Charge states of a sample, with the voltage of its cell."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.series: Series | None = None
        self.shares: Shares | None = None
        self.sources = PathLine(placeholder="series.toml, or results in order; drop them here", dialogs=("files",))
        self.open = QPushButton("Open")
        self.state = StepSlider("Charge state", self._state_text)
        self.over = QComboBox()
        self.alone = QPushButton("Open this state by itself")
        self.status = QLabel()
        self.canvas = figure_canvas((4.2, 4.6), layout="constrained")
        self.task = LatestTask(self)
        self._lay_out()
        self._connect()
        self.take(shown_series(self.viewer))

    def _lay_out(self) -> None:
        self.status.setWordWrap(True)
        self.canvas.setMinimumSize(360, 320)
        self.alone.setToolTip("Its layers take the place of those of the series; spectra can be probed there.")
        opening, form = QHBoxLayout(), QFormLayout()
        opening.addWidget(self.sources, 1)
        opening.addWidget(self.open)
        form.addRow("Over", self.over)
        layout = QVBoxLayout(self)
        layout.addLayout(opening)
        layout.addWidget(self.state)
        layout.addLayout(form)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.alone)
        layout.addWidget(self.status)
        self.setMinimumWidth(_WIDTH)

    def _connect(self) -> None:
        self.open.clicked.connect(self.open_sources)
        self.state.changed.connect(self._move_slider)
        self.over.currentTextChanged.connect(self._draw)
        self.alone.clicked.connect(self._open_alone)
        self.task.answered.connect(self._take_shares)
        self.task.failed.connect(self.status.setText)
        for name in ("button_press_event", "motion_notify_event"):
            self.canvas.mpl_connect(name, self._go_to_mouse)
        self.listen(self.viewer.dims.events.current_step, self._follow_slider)
        self.listen(self.viewer.events.theme, self._draw)
        self.at_the_end(self.task.forget)

    def open_sources(self) -> None:
        """Open the series that is named; a sentence where there is none."""
        try:
            series = open_series(self.sources.paths())
            open_series_session(self.viewer, series)
        except DataError as error:
            self.status.setText(f"Error: {error}")
            return
        self.take(series)

    def take(self, series: Series | None) -> None:
        """Show the curve of a series whose layers are in the viewer."""
        self.series, self.shares = series, None
        for widget in (self.state, self.over, self.alone, self.canvas):
            widget.setEnabled(series is not None)
        self.canvas.setVisible(series is not None)
        if series is None:
            self.status.setText("No series is open: name a series file, or several results in order.")
            return
        self.status.setText(f"{series.name}: {len(series.states)} states")
        self.over.blockSignals(True)
        self.over.clear()
        self.over.addItems(list(state_axes(series)))
        self.over.blockSignals(False)
        self.state.set_steps(len(series.states))
        self._follow_slider()
        self._draw()
        self.task.ask(partial(_shares, series))

    def _take_shares(self, states: list[dict[str, tuple[float, float]]]) -> None:
        self.shares = shares_of_states(states)
        self._draw()

    def _state_text(self, step: int) -> str:
        if self.series is None:
            return ""
        state = self.series.states[step]
        told = [state.name]
        told += [] if state.capacity is None else [f"{state.capacity:g} {self.series.capacity_unit}"]
        told += [] if state.time_h is None else [f"{state.time_h:g} h"]
        told += [] if state.voltage_v is None else [f"{state.voltage_v:g} V"]
        return ", ".join(told)

    def _is_shown(self) -> bool:
        """Whether layers of the series are still in the viewer."""
        return self.series is not None and shown_series(self.viewer) is self.series

    def _move_slider(self, step: int) -> None:
        if self._is_shown():
            show_state(self.viewer, step)
        self._draw()

    def _follow_slider(self, event: Any = None) -> None:
        del event
        if self._is_shown():
            self.state.go_to(shown_state(self.viewer))

    def _draw(self, *_: Any) -> None:
        if self.series is None or not self.over.currentText():
            return
        self.axis = state_axes(self.series)[self.over.currentText()]
        options: dict[str, Any] = {"state": self.state.step(), "shares": self.shares}
        self.panels = draw_series(self.canvas.figure, self.series, self.axis, theme=theme_of(self.viewer), **options)
        self.canvas.draw_idle()

    def _go_to_mouse(self, event: Any) -> None:
        """Show the state nearest to a click or drag."""
        held = event.button == _LEFT if event.name == "button_press_event" else _LEFT in (event.buttons or ())
        if held and self.series is not None and event.xdata is not None:
            self.state.go_to(self.axis.nearest(event.xdata))

    def _open_alone(self) -> None:
        if self.series is None:
            return
        state = self.series.states[self.state.step()]
        for layer in [layer for layer in self.viewer.layers if SERIES in layer.metadata]:
            self.viewer.layers.remove(layer)
        open_session(self.viewer, state.result)
        self.status.setText(f"{state.name} is shown by itself: {state.result.path}")


def _shares(series: Series, progress: Progress) -> list[dict[str, tuple[float, float]]]:
    """Shares of the phase labels of every state, with their errors."""
    shares = []
    for number, state in enumerate(series.states):
        progress("Read shares", number, len(series.states))
        shares.append(phase_shares(state.result))
    return shares
