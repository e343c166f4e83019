"""A contact sheet in a window of its own, to look at and to save."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from xanesmap.phasemap.progress import Progress
from xanesmap.viewers.drawing.figure_file import save_figure
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.projections.contact_sheet import ContactSheet, contact_figure

_FILE_DPI = 300


class SheetWindow(QDialog):
    """A sheet in the colours of the theme; saved, it is drawn for print.

    Parameters
    ----------
    sheet
        The sheet.
    pixels
        (row, column, 4) as `sheet_pixels` draws it, which takes too long for the thread of the window.
    parent
        The widget it belongs to.
    """

    def __init__(self, sheet: ContactSheet, pixels: NDArray[np.uint8], *, parent: QWidget) -> None:
        super().__init__(parent)
        self.sheet = sheet
        self.setWindowTitle(f"Contact sheet: {sheet.title}")
        self.picture, self.told = QLabel(), QLabel()
        self.told.setWordWrap(True)
        self.save = QPushButton("Save PNG…")
        self.save.clicked.connect(self._ask_to_save)
        self.saving = LatestTask(self)
        self.saving.answered.connect(lambda path: self.told.setText(f"Written to {path}"))
        self.saving.failed.connect(self.told.setText)
        area = QScrollArea()
        area.setWidget(self.picture)
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addWidget(self.told, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addLayout(row)
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
        self.picture.setPixmap(QPixmap.fromImage(image))
        self.picture.resize(width, height)
        self.resize(width + 50, min(height + 90, 900))

    def save_to(self, path: str | Path) -> None:
        """Write the sheet as a picture of 300 dpi; a sentence where it cannot be."""
        self.told.setText("Writing…")
        self.saving.ask(partial(_saved, self.sheet, Path(path)))

    def _ask_to_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Contact sheet", "contact_sheet.png", "Pictures (*.png *.pdf)")
        if chosen:
            self.save_to(chosen)


def _saved(sheet: ContactSheet, path: Path, progress: Progress) -> Path:
    del progress
    save_figure(contact_figure(sheet), path, dpi=_FILE_DPI)
    return path
