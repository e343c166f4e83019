"""Dock widget of the spectrum probe: spectra of voxels clicked, of regions drawn and of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QLabel, QProgressBar, QPushButton, QSpinBox, QVBoxLayout

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.parts.missing_result import missing_result_text
from xanesmap.viewers.napari_plugin.parts.widget_rows import row_of
from xanesmap.viewers.napari_plugin.picking import picked_voxel
from xanesmap.viewers.napari_plugin.session import RESULT, layer_of_kind, shown_result
from xanesmap.viewers.napari_plugin.sight_line import Voxel
from xanesmap.viewers.napari_plugin.spectrum.chosen_label import chosen_label
from xanesmap.viewers.napari_plugin.spectrum.comparison import Listing, as_drawn, changed, with_probed, without
from xanesmap.viewers.napari_plugin.spectrum.export import write_fractions, write_reference, write_spectra
from xanesmap.viewers.napari_plugin.spectrum.plot import SpectrumPlot
from xanesmap.viewers.napari_plugin.spectrum.probe import ProbedSpectrum, probe_region, probe_voxel
from xanesmap.viewers.napari_plugin.spectrum.probe_layers import ProbeLayers, Tool
from xanesmap.viewers.napari_plugin.spectrum.probed_region import outlined_region
from xanesmap.viewers.napari_plugin.spectrum.table import SpectrumTable

HINT = "Click a voxel; hold Shift to compare. Or draw a region, or take a label. Ticked spectra stay."
NO_ATTENUATION = "This result was made without its attenuation (keep_mu), so it has fractions but no spectra."

_CLICK_PX = 4
"""A mouse that moved further between press and release has dragged."""
_ALL = 0
"""Of the box with the number of slices: all of them."""
_TOOLS: dict[Tool, str] = {
    "box": "Drag a rectangle in the slice shown.",
    "lasso": "Draw a line around a region, mouse button held.",
    "polygon": "Click the corners of a region; double-click the last one.",
}


class SpectrumWidget(DockedWidget):
    """Spectra with their fits; a line marks the energy of the slider."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.picked: Voxel | None = None
        self.listing: Listing = ()
        self._outline: tuple[NDArray[np.float64], Tool] | None = None
        self._compare = False
        self.plot, self.table, self.work = SpectrumPlot(self.viewer), SpectrumTable(), LatestTask(self)
        self.layers = ProbeLayers(self.viewer, self._probe_outline)
        self._marking = QTimer(self)  # after the plot: what was asked for comes first
        self._marking.setSingleShot(True)
        self._arrange()
        self._connect()
        self.say(missing_result_text(self.viewer) if self._picked_from() is None else HINT)

    @property
    def spectra(self) -> list[ProbedSpectrum]:
        """Spectra shown."""
        return [one.spectrum for one in self.listing]

    def _arrange(self) -> None:
        self.text, self.bar = QLabel(), QProgressBar()
        self.text.setWordWrap(True)
        self.bar.setVisible(False)
        self.tools = {tool: _button(tool.capitalize(), hint) for tool, hint in _TOOLS.items()}
        self.of_label = _button("Label", "The selected label of the layer phase or particle, in all slices.")
        self.slices = QSpinBox()
        self.slices.setRange(_ALL, 9999)
        self.slices.setValue(1)
        self.slices.setSpecialValueText("all")
        self.slices.setToolTip("Slices through which a drawn region goes, centred on the one shown; 0 for all.")
        self.remove_one = _button("Remove", "Take the selected spectrum out of the list.")
        self.remove_all = _button("Clear", "Take all spectra out of the list.")
        self.save = _button("Save table…", "Spectra, fits and residuals as CSV; fractions in a second file beside it.")
        self.save_reference = _button("Save reference…", "The selected spectrum as reference for 'xanesmap fit'.")
        layout = QVBoxLayout(self)
        layout.addLayout(row_of(*self.tools.values(), self.of_label, QLabel("Slices"), self.slices))
        layout.addWidget(self.plot, 3)
        layout.addWidget(self.table, 1)
        layout.addLayout(row_of(self.remove_one, self.remove_all, self.save, self.save_reference))
        layout.addWidget(self.bar)
        layout.addWidget(self.text)
        self.table.setMinimumHeight(110)
        self.setMinimumWidth(400)

    def _connect(self) -> None:
        for tool, button in self.tools.items():
            button.clicked.connect(lambda _=False, tool=tool: self.draw_region(tool))
        pairs = (
            (self.of_label, self.show_label),
            (self.remove_one, self._remove_chosen),
            (self.remove_all, self._remove_all),
            (self.save, self._ask_for_table),
            (self.save_reference, self._ask_for_reference),
        )
        for button, action in pairs:
            button.clicked.connect(lambda _=False, action=action: action())
        self.slices.valueChanged.connect(self._probe_again)
        self.table.chosen.connect(self._draw)
        self.table.changed.connect(self._change)
        self._marking.timeout.connect(self._mark)
        self.work.answered.connect(self._add)
        self.work.failed.connect(self.say)
        self.work.progressed.connect(self._tell_progress)
        self.work.busy.connect(lambda busy: None if busy else self.bar.setVisible(False))
        self.at_the_end(self.layers.remove)
        self.at_the_end(self.work.end)
        self.at_the_end(self._marking.stop)
        self.listen_to_mouse(self._on_mouse)
        self.listen(self.viewer.dims.events.current_step, self.plot.mark_energy)
        self.listen(self.viewer.dims.events.ndisplay, self._mark)
        self.listen(self.viewer.events.theme, self.plot.repaint_theme)

    def say(self, sentence: str) -> None:
        """Show a sentence below the spectra."""
        self.text.setText(sentence)

    def _on_mouse(self, viewer: napari.Viewer, event: Any) -> Iterator[None]:
        active = viewer.layers.selection.active
        is_drawing = str(getattr(active, "mode", "pan_zoom")) != "pan_zoom"
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if is_drawing or event.button != 1 or np.abs(np.array(event.pos) - start).max() > _CLICK_PX:
            return
        voxel = picked_voxel(viewer, event)
        if voxel is not None:
            self.show_voxel(voxel, compare="Shift" in event.modifiers)

    def show_voxel(self, voxel: Voxel, *, compare: bool = False) -> None:
        """Show the spectrum of a voxel, alone or beside those shown."""
        self.picked = voxel
        self._forget_outline()
        self._probe(lambda result, progress: probe_voxel(result, *voxel), compare=compare)

    def draw_region(self, tool: Tool) -> None:
        """Let the user draw a region in the slice shown."""
        self.say(_TOOLS[tool] if self.layers.draw(tool) else missing_result_text(self.viewer))

    def show_label(self) -> None:
        """Show the mean spectrum of the selected label."""
        if shown_result(self.viewer) is None:
            self.say(missing_result_text(self.viewer))
            return
        try:
            result, region = chosen_label(self.viewer)
        except DataError as error:
            self.say(f"Error: {error}")
            return
        self._forget_outline()
        self._compare = False
        self.work.ask(lambda progress: probe_region(result, region, progress=progress))

    def _picked_from(self) -> PhaseMap | None:
        """The result whose labels are picked from: of several that are open, not always the active one."""
        phase = layer_of_kind(self.viewer, PHASE)
        return None if phase is None else phase.metadata.get(RESULT)

    def _probe_outline(self, outline: NDArray[np.float64], tool: Tool, *, compare: bool = False) -> None:
        self._outline = outline, tool
        slices = self.slices.value() or None

        def probe(result: PhaseMap, progress: Progress) -> ProbedSpectrum:
            region = outlined_region(outline, shape=result.shape, slices=slices, kind=tool)
            return probe_region(result, region, progress=progress)

        self._probe(probe, compare=compare)

    def _probe_again(self) -> None:
        """The region drawn last, through another number of slices."""
        if self._outline is not None:
            self._probe_outline(*self._outline)

    def _forget_outline(self) -> None:
        self._outline = None
        self.layers.clear_outline()

    def _probe(self, probe: Callable[[PhaseMap, Progress], ProbedSpectrum], *, compare: bool = False) -> None:
        result = self._picked_from()
        if result is None:
            self.say(missing_result_text(self.viewer))
            return
        self._compare = compare
        self.work.ask(lambda progress: probe(result, progress))

    def _tell_progress(self, stage: str, done: int, total: int) -> None:
        self.bar.setVisible(total > 1)
        self.bar.setFormat(f"{stage}: %p %")
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _add(self, spectrum: ProbedSpectrum) -> None:
        self.say(HINT if spectrum.measured is not None else NO_ATTENUATION)
        listing = with_probed(self.listing, spectrum, compare=self._compare)
        self._take(listing, chosen=len(listing) - 1)

    def _take(self, listing: Listing, *, chosen: int | None = None) -> None:
        """Show other spectra, the plot first."""
        self.listing = listing
        self.table.show_listing(listing, chosen=chosen)
        self._draw()
        self._marking.start()

    def _mark(self, event: Any = None) -> None:
        """Show in the slice where the spectra are from."""
        del event
        self.layers.mark(self.listing)

    def _change(self, row: int, is_pinned: bool, name: str) -> None:
        self._take(changed(self.listing, row, is_pinned=is_pinned, name=name))

    def _draw(self) -> None:
        self.plot.show_spectra(as_drawn(self.listing, chosen=self.table.chosen_row))

    def _remove_chosen(self) -> None:
        row = self.table.chosen_row
        if row is not None:
            self._take(without(self.listing, row))

    def _remove_all(self) -> None:
        self._forget_outline()
        self._take(())

    def _ask_for_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save spectra", "spectra.csv", "Tables (*.csv)")
        if path:
            self.save_table(path)

    def save_table(self, path: str) -> None:
        """Write all spectra, and their fractions into a second file."""
        beside = f"{path.removesuffix('.csv')}_fractions.csv"
        try:
            written = [write_fractions(self.spectra, beside)]
            if any(spectrum.measured is not None for spectrum in self.spectra):
                written.append(write_spectra(self.spectra, path))
        except DataError as error:
            self.say(f"Error: {error}")
            return
        self.say(f"Saved {' and '.join(str(file) for file in reversed(written))}.")

    def _ask_for_reference(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save reference", "reference.csv", "Tables (*.csv)")
        if path:
            self.save_as_reference(path)

    def save_as_reference(self, path: str) -> None:
        """Write the selected spectrum, or the last one, as a reference."""
        if not self.listing:
            self.say(HINT)
            return
        chosen = self.table.chosen_row
        try:
            file = write_reference(self.spectra[-1 if chosen is None else chosen], path)
        except DataError as error:
            self.say(f"Error: {error}")
            return
        self.say(f"Saved {file}. Use it with: xanesmap fit RESULT --reference NAME={file} --energy-offset 0")


def _button(text: str, hint: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(hint)
    return button
