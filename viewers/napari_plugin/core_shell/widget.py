"""Dock widget of the core-shell view: particles cut open, with transparent shells or parts moved apart."""

from __future__ import annotations

from typing import Any

import napari
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from qtpy.QtWidgets import QCheckBox, QGridLayout, QGroupBox, QPushButton, QScrollArea, QVBoxLayout, QWidget

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.movies.view_directions import PRINCIPAL, VOLUME_AXES, camera_facing, isometric, preset_names
from xanesmap.viewers.movies.view_page import ColourScale
from xanesmap.viewers.napari_plugin.core_shell.bodies import core_index
from xanesmap.viewers.napari_plugin.core_shell.form import CoreShellForm, label
from xanesmap.viewers.napari_plugin.core_shell.layers import (
    forget_cut,
    hide_others,
    look_through,
    show_drawing,
    zoom_out_to,
)
from xanesmap.viewers.napari_plugin.core_shell.shown_particles import first_with_core, particle_entries
from xanesmap.viewers.napari_plugin.core_shell.view import Choices, CoreShellView, Drawing
from xanesmap.viewers.napari_plugin.core_shell.view_pages import page_of
from xanesmap.viewers.napari_plugin.layers.own_layers import shown_result
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.figure_canvas import figure_canvas
from xanesmap.viewers.napari_plugin.parts.figure_theme import paint, theme_of
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask

NO_RESULT = "No result of xanesmap is open. Open one (File, Open Folder) to see its cores and shells."
NO_PARTICLES = "Run xanesmap segment on this result to see single particles, shell thickness and curvature."
NOT_SEGMENTED = ("phases", "fraction", "glass", "voxels")
"""Styles that need no segmentation."""


class CoreShellWidget(DockedWidget):
    """Chooses particle, look, cut and camera; draws in a thread and shows the outcome as layers."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.view: CoreShellView | None = None
        self.drawing: Drawing | None = None
        self._drawn: Choices | None = None
        self._bar_shown: tuple[str, tuple[float, float]] | None = None
        self._outdated = self._showing = self.is_drawing = False
        self._framed: int | None = -1  # particle the camera was last set to; -1 for none yet
        self.form, self.task = CoreShellForm(), LatestTask(self)
        self._arrange()
        self.form.changed.connect(self.redraw)
        self.task.answered.connect(self._show)
        self.task.failed.connect(self._fail)
        self.at_the_end(self.task.end)
        self.at_the_end(lambda: forget_cut(self.viewer))
        self.listen(self.viewer.layers.events.inserted, self.find_result)
        self.listen(self.viewer.layers.events.removed, self.find_result)
        self.listen(self.viewer.events.theme, self._paint_bar)
        self.find_result()

    def _arrange(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addWidget(self.form)
        column.addWidget(self._cameras())
        self.bar = figure_canvas((3.4, 0.75), layout="constrained")
        self.bar.setFixedHeight(75)
        self.bar.setVisible(False)
        self.text = label("")
        column.addWidget(self.bar)
        column.addWidget(self.text)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.setMinimumWidth(380)

    def _cameras(self) -> QGroupBox:
        group = QGroupBox("Look along")
        grid = QGridLayout(group)
        self.cameras = [QPushButton(name) for name in (*VOLUME_AXES, *PRINCIPAL)]
        for number, button in enumerate(self.cameras):
            grid.addWidget(button, number // 3, number % 3)
            button.clicked.connect(lambda _=False, button=button: self.look_along(button.text()))
        self.isometric = QPushButton("isometric")
        self.isometric.clicked.connect(lambda _=False: self.look_along(None))
        for button in (*self.cameras, self.isometric):
            button.setToolTip("The direction points at you; z is downwards.")
        self.behind = QCheckBox("from the other side")
        grid.addWidget(self.isometric, 2, 0)
        grid.addWidget(self.behind, 2, 1, 1, 2)
        return group

    def find_result(self, event: Any = None) -> None:
        """Take the result shown in the viewer, where it is another than before."""
        del event
        if self._showing:
            return
        result = shown_result(self.viewer)
        if self.view is not None and (result is None or result.path != self.view.result.path):
            self.view, self.is_drawing = None, False
            self.task.forget()
        if result is not None and self.view is None:
            self._take(result)
        self.form.setEnabled(result is not None)
        if result is None:
            self.text.setText(NO_RESULT)

    def _take(self, result: PhaseMap) -> None:
        self.view = CoreShellView(result)
        self._framed, self._drawn, self.drawing = -1, None, None
        names = preset_names(result)
        for button, name in zip(self.cameras, names, strict=False):
            button.setText(name)
        particles = particle_entries(result)
        core = result.phases[core_index(result)]
        styles = {
            "phases": "phases",
            f"fraction of {core}": "fraction",
            "shell transparent over core": "glass",
            "voxels of the labels": "voxels",
            "shell thickness": "thickness",
            "curvature of the front": "curvature",
        }
        shown = styles if len(particles) > 1 else {k: v for k, v in styles.items() if v in NOT_SEGMENTED}
        self.form.offer(
            particles=particles,
            styles=shown,
            directions=dict.fromkeys((*VOLUME_AXES, *names, *PRINCIPAL)),
            first=first_with_core(result),
        )
        self.redraw()

    def redraw(self) -> None:
        """Draw what is chosen; while something is being drawn, afterwards."""
        if self.view is None:
            return
        if self.is_drawing:
            self._outdated = True
            return
        view, choices = self.view, self.form.choices
        self._outdated, self.is_drawing, self._drawn = False, True, choices
        self.text.setText("Drawing …")
        self.task.ask(lambda _: view.draw(choices))

    def _show(self, drawing: Drawing) -> None:
        self.is_drawing = False
        if self.view is None or self._drawn is None:
            return
        if self.drawing is None:
            hide_others(self.viewer)
        self.drawing = drawing
        self._showing = True
        show_drawing(self.viewer, self.view.result, drawing)
        self._showing = False
        self.form.set_reach(drawing.sphere.radius_um)
        if self._framed != self._drawn.particle:
            self._framed = self._drawn.particle
            look_through(self.viewer, isometric(), drawing.sphere)
        elif self._drawn.spread != "together":
            zoom_out_to(self.viewer, drawing.sphere)
        page = page_of(self.view.result, drawing, self._drawn.style, size=(0, 0), dpi=1)
        self._draw_bar(page.colours)
        self.text.setText("" if self.view.result.particle_labels is not None else NO_PARTICLES)
        if self._outdated:
            self.redraw()

    def _fail(self, sentence: str) -> None:
        self.is_drawing = False
        self.text.setText(sentence)
        if self._outdated:
            self.redraw()

    def look_along(self, name: str | None) -> None:
        """Look so that a direction points at the eye; from between the axes where it has no name."""
        if self.drawing is None:
            return
        behind = self.behind.isChecked()
        if name is None:
            camera = isometric()
            camera = camera_facing(camera.view) if behind else camera
        else:
            camera = camera_facing(self.drawing.directions[name], from_behind=behind)
        look_through(self.viewer, camera, self.drawing.sphere)

    def _draw_bar(self, scale: ColourScale | None) -> None:
        shown = None if scale is None else (scale.title, scale.limits)
        if shown == self._bar_shown:
            return
        figure, self._bar_shown = self.bar.figure, shown
        figure.clear()
        self.bar.setVisible(scale is not None)
        if scale is None:
            return
        mappable = ScalarMappable(Normalize(*scale.limits), ListedColormap(scale.ramp))
        bar = figure.colorbar(mappable, cax=figure.subplots(), orientation="horizontal")
        bar.set_label(scale.title, fontsize=9)
        bar.ax.tick_params(labelsize=8)
        self._paint_bar()

    def _paint_bar(self, event: Any = None) -> None:
        del event
        paint(self.bar.figure, theme_of(self.viewer))
        self.bar.draw_idle()
