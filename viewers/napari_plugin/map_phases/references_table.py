"""Phases and where their reference spectra come from, as a table to edit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from xanesmap.errors import DataError
from xanesmap.phasemap.config import SpectraConfig

_VISIBLE_ROWS = 3


class ReferencesTable(QWidget):
    """Phase and source, a line each."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["phase", "spectrum"])
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setToolTip(
            "Name of a phase, and its spectrum: a file (FILE.nor:COLUMN picks a column), or bundled for LiFePO4 "
            "and FePO4."
        )
        self.add = QPushButton("Add file…")
        self.add.clicked.connect(self._ask_files)
        self.remove = QPushButton("Remove")
        self.remove.clicked.connect(self._remove)
        buttons = QHBoxLayout()
        buttons.addWidget(self.add)
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(buttons)
        self.fill({})
        row, head = self.table.rowHeight(0), self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(_VISIBLE_ROWS * row + head + 6)
        self.table.itemChanged.connect(self._tell)

    def values(self) -> dict[str, str]:
        """Source by phase; empty where both bundled references stand as at first.

        Raises
        ------
        DataError
            A phase is named twice.
        """
        rows = [[self._text(row, column) for column in (0, 1)] for row in range(self.table.rowCount())]
        named: dict[str, str] = {}
        for phase, source in rows:
            if phase in named:
                message = f"references name the phase {phase!r} twice; give each once."
                raise DataError(message)
            named[phase] = source
        return {} if self._is_first() else named

    def _is_first(self) -> bool:
        """Whether the table is as it was at first."""
        rows = [(self._text(row, 0), self._text(row, 1)) for row in range(self.table.rowCount())]
        return rows == list(_first_references().items())

    def fill(self, references: Mapping[str, str]) -> None:
        """Show references; the bundled ones where none are given."""
        self.table.setRowCount(0)
        for phase, source in (references or _first_references()).items():
            self._append(phase, source)
        self.changed.emit()

    def add_file(self, path: str) -> None:
        """Add a file; its name without suffix is that of the phase. It takes the place of both bundled ones."""
        if self._is_first():
            self.table.setRowCount(0)
        self._append(Path(path).stem, path)
        self.changed.emit()

    def _tell(self, _item: QTableWidgetItem) -> None:
        self.changed.emit()

    def _text(self, row: int, column: int) -> str:
        item = self.table.item(row, column)
        return "" if item is None else str(item.text()).strip()

    def _append(self, phase: str, source: str) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        for column, text in enumerate((phase, source)):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            self.table.setItem(row, column, item)

    def _ask_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Reference spectra", str(Path.cwd()))
        for path in chosen:
            self.add_file(path)

    def _remove(self) -> None:
        row = self.table.currentRow()
        self.table.removeRow(row if row >= 0 else self.table.rowCount() - 1)
        self.changed.emit()


def _first_references() -> dict[str, str]:
    return dict(SpectraConfig().references)
