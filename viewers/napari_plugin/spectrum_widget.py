"""Dock widget of the spectrum probe: click a voxel, hold shift to compare several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import napari
import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.picking import picked_voxel
from xanesmap.viewers.napari_plugin.session import shown_result
from xanesmap.viewers.napari_plugin.sight_line import Voxel
from xanesmap.viewers.napari_plugin.spectrum_drawing import draw_spectra, fraction_text
from xanesmap.viewers.napari_plugin.spectrum_probe import ProbedSpectrum, probe_voxel

_CLICK_PX = 4
"""A mouse that moved further between press and release has dragged."""


class SpectrumWidget(QWidget):
    """Spectra of the voxels clicked, with their fits; a line marks the energy of the slider."""

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.spectra: list[ProbedSpectrum] = []
        self.picked: Voxel | None = None
        self.text = QLabel("Click a voxel. Hold Shift to compare several.")
        self.text.setWordWrap(True)
        canvas_of: Callable[[Figure], Any] = FigureCanvasQTAgg  # Matplotlib's canvas of Qt has no types
        self.canvas = canvas_of(Figure(figsize=(4, 4.5), facecolor="white", layout="constrained"))
        layout = QVBoxLayout(self)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.text)
        self.setMinimumWidth(380)
        self._line: Any = None
        viewer.mouse_drag_callbacks.append(self._on_mouse)
        viewer.dims.events.current_step.connect(self._mark_energy)

    def _on_mouse(self, viewer: napari.Viewer, event: Any) -> Iterator[None]:
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if event.button != 1 or np.abs(np.array(event.pos) - start).max() > _CLICK_PX:
            return
        voxel = picked_voxel(viewer, event)
        if voxel is not None:
            self.show_voxel(voxel, compare="Shift" in event.modifiers)

    def show_voxel(self, voxel: Voxel, *, compare: bool = False) -> None:
        """Show the spectrum of a voxel, alone or beside those shown."""
        result = shown_result(self.viewer)
        if result is None:
            return
        try:
            probed = probe_voxel(result, *voxel)
        except DataError as error:
            self.text.setText(str(error))
            return
        self.picked = voxel
        self.spectra = [*self.spectra, probed] if compare else [probed]
        self.text.setText("\n".join(map(fraction_text, self.spectra)))
        axes = draw_spectra(self.canvas.figure, self.spectra)
        self._line = axes.axvline(self.spectra[0].energies_ev[0], color="C3", lw=0.8)
        self._mark_energy()

    def _mark_energy(self, event: Any = None) -> None:
        del event
        if self._line is None:
            return
        energies = self.spectra[0].energies_ev
        energy = energies[min(self.viewer.dims.current_step[0], energies.size - 1)]
        self._line.set_xdata([energy, energy])
        self.canvas.draw_idle()
