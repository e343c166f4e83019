"""Dock widget that browses the projections of a scan."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QFormLayout, QGroupBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout

from xanesmap.phasemap.progress import Progress
from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.napari_plugin.layers.flat_picture import FlatPicture
from xanesmap.viewers.napari_plugin.layers.own_layers import shown_result
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.figure_theme import FigureTheme, theme_of
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.parts.path_line import PathLine
from xanesmap.viewers.napari_plugin.parts.step_slider import StepSlider
from xanesmap.viewers.napari_plugin.projections.contact_sheet import ContactSheet, make_contact_sheet, sheet_pixels
from xanesmap.viewers.napari_plugin.projections.frames import UNITS, Projections, energy_label
from xanesmap.viewers.napari_plugin.projections.sheet_window import SheetWindow

_VIEWS = ("projection", "sinogram of a row", "mean over energies")
_OVERS = {"all energies at this angle": "energies", "all angles at this energy": "angles"}
_MOST_TILES = 120
_WIDTH = 400
_SHEET_DPI = 100


class ProjectionWidget(DockedWidget):
    """Raw and corrected projections, sinograms and contact sheets of a scan."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.projections: Projections | None = None
        self.scan = PathLine(placeholder="folder or files of a scan; drop them here", dialogs=("folder", "files"))
        self.open = QPushButton("Open")
        self.shown, self.kind = QComboBox(), QComboBox()
        self.energy = StepSlider("Energy", self._energy_text)
        self.angle = StepSlider("Angle", self._angle_text)
        self.row = StepSlider("Detector row", str)
        self.over, self.tiles, self.sheet = QComboBox(), QSpinBox(), QPushButton("Make contact sheet")
        self.back = QPushButton("Back to the volumes")
        self.status = QLabel()
        self.task, self.sheet_task = LatestTask(self), LatestTask(self)
        self.picture = FlatPicture(self.viewer, "projection")
        self._windows: list[SheetWindow] = []
        self._lay_out()
        self._connect()
        self._offer_scan_of_result()
        self._allow(False)
        self.back.setEnabled(False)

    def _lay_out(self) -> None:
        self.kind.addItems(list(_VIEWS))
        self.shown.addItems(list(UNITS))
        self.over.addItems(list(_OVERS))
        self.tiles.setRange(2, _MOST_TILES)
        self.tiles.setValue(30)
        self.tiles.setToolTip("At most so many frames, evenly chosen.")
        self.shown.setToolTip("Counts as recorded; over the flats; or the negative logarithm of that.")
        self.status.setWordWrap(True)
        form = QFormLayout()
        form.addRow("View", self.kind)
        form.addRow("Values", self.shown)
        sheet = QGroupBox("Contact sheet")
        inside = QFormLayout(sheet)
        inside.addRow("Of", self.over)
        inside.addRow("Frames", self.tiles)
        inside.addRow(self.sheet)
        opening = QHBoxLayout()
        opening.addWidget(self.scan, 1)
        opening.addWidget(self.open)
        layout = QVBoxLayout(self)
        layout.addLayout(opening)
        layout.addLayout(form)
        for widget in (self.energy, self.angle, self.row, sheet, self.back, self.status):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setMinimumWidth(_WIDTH)

    def _connect(self) -> None:
        self.open.clicked.connect(self.open_scan)
        self.scan.line.returnPressed.connect(self.open_scan)
        self.kind.currentTextChanged.connect(self._follow_view)
        self.shown.currentTextChanged.connect(self._show)
        self.energy.changed.connect(self._follow_energy)
        self.angle.changed.connect(self._show)
        self.row.changed.connect(self._show)
        self.sheet.clicked.connect(self.make_sheet)
        self.back.clicked.connect(self._go_back)
        for task, shows in ((self.task, self._take), (self.sheet_task, self._open_sheet)):
            task.answered.connect(shows)
            task.failed.connect(self.status.setText)
            task.progressed.connect(self._tell_progress)
            self.at_the_end(task.end)
        self.at_the_end(self.picture.take_away)

    def _go_back(self) -> None:
        self.task.forget()
        self.picture.take_away()
        self.back.setEnabled(False)

    def _offer_scan_of_result(self) -> None:
        """Name the scan that the result in the viewer was made from."""
        result = shown_result(self.viewer)
        if result is not None:
            self.scan.show_paths(tuple(map(str, result.attributes.get("configuration", {}).get("scan", ()))))

    def open_scan(self) -> None:
        """Open the scan that is named; a sentence where it is none."""
        paths = self.scan.paths()
        if not paths:
            self.status.setText("Error: no scan is chosen; give the folder or the files of one.")
            return
        self.status.setText("Opening…")
        self.task.ask(partial(_open, paths))

    def _take(self, answer: Any) -> None:
        """What the thread found: a scan, or an image with what it is."""
        if isinstance(answer, Projections):
            self._browse(answer)
        else:
            image, how = answer
            self.picture.show(image, **how)
            self.back.setEnabled(True)
            self.status.setText("")

    def _browse(self, projections: Projections) -> None:
        self.projections = projections
        self._allow(True)
        for slider, n in ((self.energy, projections.n_energies), (self.row, projections.scan.n_rows)):
            slider.slider.blockSignals(True)
            slider.set_steps(n)
            slider.slider.blockSignals(False)
        self.row.go_to(projections.scan.n_rows // 2)
        self._follow_energy()

    def _allow(self, allowed: bool) -> None:
        for widget in (self.kind, self.shown, self.energy, self.angle, self.row, self.sheet, self.over, self.tiles):
            widget.setEnabled(allowed)
        self._follow_view()

    def _energy_text(self, step: int) -> str:
        return "" if self.projections is None else energy_label(self.projections.scan, step)

    def _angle_text(self, step: int) -> str:
        if self.projections is None:
            return ""
        return f"{self.projections.angle_deg(self.energy.step(), step):.2f}°"

    def _follow_energy(self, *_: Any) -> None:
        """An energy has its own angles."""
        if self.projections is not None:
            self.angle.set_steps(self.projections.n_angles(self.energy.step()))
        self._show()

    def _follow_view(self, *_: Any) -> None:
        view = self.kind.currentText()
        known = self.projections is not None
        self.row.setVisible(view == "sinogram of a row")
        self.angle.setEnabled(known and view != "sinogram of a row")
        self.energy.setEnabled(known and view != "mean over energies")
        self._show()

    def _show(self, *_: Any) -> None:
        """Ask for the image that is chosen."""
        if self.projections is None:
            return
        chosen = {"energy": self.energy.step(), "angle": self.angle.step(), "row": self.row.step()}
        view, shown = self.kind.currentText(), self.shown.currentText()
        self.task.ask(partial(_image, self.projections, view, shown, chosen))

    def make_sheet(self) -> None:
        """Make the contact sheet that is chosen."""
        if self.projections is None:
            return
        over = _OVERS[self.over.currentText()]
        energy = self.energy.step()
        at = energy if over == "angles" else self.projections.angle_deg(energy, self.angle.step())
        self.status.setText("Reading frames for the sheet…")
        options = {"over": over, "at": at, "shown": self.shown.currentText(), "tiles": self.tiles.value()}
        self.sheet_task.ask(partial(_sheet, self.projections, options, theme_of(self.viewer)))

    def _tell_progress(self, stage: str, done: int, total: int) -> None:
        self.status.setText(f"{stage}: {done} of {total}…")

    def _open_sheet(self, drawn: tuple[ContactSheet, NDArray[np.uint8]]) -> None:
        self.status.setText("")
        window = SheetWindow(*drawn, parent=self)
        self._windows = [*(w for w in self._windows if w.isVisible()), window]
        window.show()


def _open(paths: tuple[str, ...], progress: Progress) -> Projections:
    del progress
    return Projections(open_scan(paths if len(paths) > 1 else paths[0], sort_energies=True))


def _sheet(
    projections: Projections, options: dict[str, Any], theme: FigureTheme, progress: Progress
) -> tuple[ContactSheet, NDArray[np.uint8]]:
    sheet = make_contact_sheet(projections, progress=progress, **options)
    return sheet, sheet_pixels(sheet, theme=theme, dpi=_SHEET_DPI)


def _image(
    projections: Projections, view: str, shown: Any, chosen: dict[str, int], progress: Progress
) -> tuple[NDArray[Any], dict[str, Any]]:
    """The image that is chosen, and how it is shown."""
    energy, angle = chosen["energy"], chosen["angle"]
    size = projections.scan.pixel_size_nm
    pixel = 1.0 if size is None else size / 1000
    at = f"{projections.angle_deg(energy, angle):.2f}°"
    how: dict[str, Any] = {"kind": (view, shown), "scale": None if size is None else (pixel, pixel)}
    how["limits"] = projections.limits(shown)
    if view == "sinogram of a row":
        image = projections.sinogram(energy, chosen["row"], shown=shown)
        how["scale"] = (pixel * image.shape[1] / image.shape[0], pixel)  # angles spread to a square
        how["text"] = f"{shown}: {energy_label(projections.scan, energy)}, row {chosen['row']}, angles downwards"
    elif view == "mean over energies":
        image = projections.mean_over_energies(projections.angle_deg(energy, angle), shown=shown, progress=progress)
        how["text"] = f"{shown}: mean over energies, {at}"
    else:
        image = projections.frame(energy, angle, shown=shown)
        how["text"] = f"{shown}: {energy_label(projections.scan, energy)}, {at}"
    return image, how
