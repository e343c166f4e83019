"""A contact sheet in a window of its own, to look at and to save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from xanesmap.errors import DataError
from xanesmap.viewers.figure_file import save_figure
from xanesmap.viewers.napari_plugin.contact_sheet import ContactSheet, contact_figure
from xanesmap.viewers.napari_plugin.figure_theme import FigureTheme

_SCREEN_DPI, _FILE_DPI = 100, 300


class SheetWindow(QDialog):
    """A sheet in the colours of the theme; saved, it is drawn for print."""

    def __init__(self, sheet: ContactSheet, *, theme: FigureTheme, parent: QWidget) -> None:
        super().__init__(parent)
        self.sheet = sheet
        self.setWindowTitle(f"Contact sheet: {sheet.title}")
        self.picture, self.told = QLabel(), QLabel()
        self.told.setWordWrap(True)
        self.save = QPushButton("Save PNG…")
        self.save.clicked.connect(self._ask_to_save)
        area = QScrollArea()
        area.setWidget(self.picture)
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addWidget(self.told, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addLayout(row)
        self._draw(theme)
        self.resize(self.picture.width() + 50, min(self.picture.height() + 90, 900))

    def _draw(self, theme: FigureTheme) -> None:
        figure = contact_figure(self.sheet, theme=theme)
        figure.set_dpi(_SCREEN_DPI)
        canvas: Any = FigureCanvasAgg(figure)  # Matplotlib's canvas has no types
        canvas.draw()
        pixels = np.ascontiguousarray(canvas.buffer_rgba())
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
        self.picture.setPixmap(QPixmap.fromImage(image))
        self.picture.resize(width, height)

    def save_to(self, path: str | Path) -> None:
        """Write the sheet as a picture of 300 dpi; a sentence where it cannot be."""
        try:
            save_figure(contact_figure(self.sheet), path, dpi=_FILE_DPI)
        except DataError as error:
            self.told.setText(f"Error: {error}")
        else:
            self.told.setText(f"Written to {path}")

    def _ask_to_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Contact sheet", "contact_sheet.png", "Pictures (*.png *.pdf)")
        if chosen:
            self.save_to(chosen)
