"""List of the probed spectra: colour, pin, name and fractions, a row for each."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from xanesmap.viewers.napari_plugin.layers.layer_plan import subscripted
from xanesmap.viewers.napari_plugin.spectrum.comparison import Listed, Listing
from xanesmap.viewers.napari_plugin.spectrum.drawing import fraction_text

_SWATCH_PX = 14


class SpectrumTable(QTableWidget):
    """A row for each spectrum; a ticked one is pinned, names are edited by a double click."""

    chosen = Signal()
    changed = Signal(int, bool, str)
    """Row, whether it is ticked, and its name."""

    def __init__(self) -> None:
        super().__init__(0, 1)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(True)
        self.setToolTip(
            "Tick a spectrum to keep it while others are probed; double-click its name to change it. σ is one standard "
            "deviation by noise; of a region it is a lower bound, as neighbouring voxels share noise."
        )
        self.verticalHeader().hide()
        self.itemSelectionChanged.connect(self.chosen)
        self.itemChanged.connect(self._tell_change)

    @property
    def chosen_row(self) -> int | None:
        """Row that is selected."""
        rows = self.selectionModel().selectedRows()
        return rows[0].row() if rows else None

    def show_listing(self, listing: Listing, *, chosen: int | None = None) -> None:
        """Show spectra, one of them selected; else the selection stays where it can."""
        chosen = self.chosen_row if chosen is None else chosen
        self.blockSignals(True)
        phases = listing[0].spectrum.phases if listing else ()
        self.setColumnCount(1 + len(phases))
        self.setHorizontalHeaderLabels(["spectrum", *(f"{subscripted(phase)} ± σ" for phase in phases)])
        self.setRowCount(len(listing))
        for row, one in enumerate(listing):
            self._fill(row, one)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.resizeRowsToContents()
        if chosen is not None and chosen < len(listing):
            self.selectRow(chosen)
        self.blockSignals(False)

    def _fill(self, row: int, one: Listed) -> None:
        spectrum = one.spectrum
        name = QTableWidgetItem(swatch(one.colour), spectrum.name)
        name.setFlags(name.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable)
        name.setCheckState(Qt.CheckState.Checked if one.is_pinned else Qt.CheckState.Unchecked)
        self.setItem(row, 0, name)
        for column, (value, sigma) in enumerate(zip(spectrum.fractions, spectrum.sigma, strict=True), start=1):
            cell = QTableWidgetItem(fraction_text(value, sigma))
            cell.setFlags(cell.flags() & ~Qt.ItemFlag.ItemIsEditable)
            self.setItem(row, column, cell)

    def _tell_change(self, item: Any) -> None:
        if item.column() == 0:
            self.changed.emit(item.row(), item.checkState() == Qt.CheckState.Checked, item.text())


def swatch(colour: str) -> QIcon:
    """A square of a colour."""
    pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
