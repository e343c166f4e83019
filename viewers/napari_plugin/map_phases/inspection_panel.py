"""What `xanesmap info` tells of a scan, in a panel."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHeaderView, QLabel, QPushButton, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget
from rich.table import Table

from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.progress import Progress
from xanesmap.viewers.commands.inspection_report import Inspection, inspect_source
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask

_DELAY_MS = 400  # after the last key, before files are looked at


class InspectionPanel(QWidget):
    """Facts, problems and verdict of the scan that is chosen, and its energies in a table."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.more = QPushButton("Energies and files")
        self.more.setCheckable(True)
        self.more.toggled.connect(self._show_table)
        self.table = QTableWidget()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.setMinimumHeight(180)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.text, self.more, self.table):
            layout.addWidget(widget)
        self.task = LatestTask(self)
        self.task.answered.connect(self._show)
        self.task.failed.connect(self.say)
        self._asked: RunConfig | None = None
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self._look)
        self.say("")

    def look_at(self, config: RunConfig) -> None:
        """Tell what the scan of a configuration holds, with what the configuration states in place of the files."""
        seen = self._asked
        if seen is not None and (seen.scan, seen.reconstruct) == (config.scan, config.reconstruct):
            return
        self._asked = config
        self._delay.start(_DELAY_MS)

    def say(self, text: str) -> None:
        """Show a sentence in place of facts."""
        self.text.setText(_html([text]) if text else "")
        self.text.setVisible(bool(text))
        self.more.setChecked(False)
        self.more.hide()
        self.table.hide()

    def forget(self) -> None:
        """Show nothing."""
        self._delay.stop()
        self.task.forget()
        self._asked = None
        self.say("")

    def end(self) -> None:
        """Look no more."""
        self._delay.stop()
        self.task.forget()

    def _look(self) -> None:
        if self._asked is not None:
            self.say("Looking at the files…")
            self.task.ask(partial(_inspect, self._asked))

    def _show(self, inspection: Inspection) -> None:
        lines = [*inspection.summary, *inspection.problem_lines, f"Verdict   {inspection.report.verdict}"]
        self.text.setText(_html(lines))
        self.text.show()
        _fill(self.table, inspection.table)
        self.more.show()

    def _show_table(self, shown: bool) -> None:
        self.table.setVisible(shown)


def _inspect(config: RunConfig, progress: Progress) -> Inspection:
    del progress
    stated = config.reconstruct
    names = ("energies_ev", "angles_deg", "pixel_size_nm", "camera_binning", "times_s")
    values = {name: getattr(stated, name) for name in names}
    return inspect_source(config.scan, sort_energies=stated.sort_energies, stated=values)


def _html(lines: list[str]) -> str:
    """Lines of a head and a text, as a table without lines."""
    rows = []
    for line in lines:
        head, _, rest = line.partition(" ") if line[:1].isalpha() and line[9:10] == " " else ("", "", line)
        cells = (
            f"<td><b>{head}</b>&nbsp;</td><td>{_escaped(rest.strip())}</td>" if head else f"<td>{_escaped(rest)}</td>"
        )
        rows.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fill(widget: QTableWidget, table: Table) -> None:
    columns: list[list[Any]] = [list(column.cells) for column in table.columns]
    widget.setColumnCount(len(columns))
    widget.setRowCount(table.row_count)
    widget.setHorizontalHeaderLabels([str(column.header) for column in table.columns])
    for number, cells in enumerate(columns):
        for row, cell in enumerate(cells):
            widget.setItem(row, number, QTableWidgetItem(str(cell)))
    widget.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
