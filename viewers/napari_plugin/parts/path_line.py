"""A line for a path, with dialogs and as a place to drop files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

SEPARATOR = "; "


class PathLine(QWidget):
    """Paths of a scan, or of one file or folder; several are told apart by a semicolon."""

    changed = Signal()

    def __init__(self, *, placeholder: str, dialogs: tuple[str, ...]) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder)
        self.line.setAcceptDrops(False)  # the whole widget takes them
        self.line.textChanged.connect(self._tell)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        choices = {"folder": self._ask_folder, "files": self._ask_files, "save": self._ask_new}
        titles = {"folder": "Folder…", "files": "Files…", "save": "Choose…"}
        self.buttons = {name: QPushButton(titles[name]) for name in dialogs}
        for name, button in self.buttons.items():
            button.clicked.connect(choices[name])
            layout.addWidget(button)
        self.setAcceptDrops(True)

    def paths(self) -> tuple[str, ...]:
        """Paths in the line; one that exists as a whole is one."""
        text = str(self.line.text()).strip()
        if not text:
            return ()
        if Path(text).exists():
            return (text,)
        return tuple(part.strip() for part in text.split(SEPARATOR.strip()) if part.strip())

    def show_paths(self, paths: tuple[str, ...]) -> None:
        """Put paths into the line."""
        self.line.setText(SEPARATOR.join(paths))

    def dragEnterEvent(self, event: Any) -> None:  # Qt's name
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # Qt's name
        """Show what was dropped."""
        self.show_paths(tuple(url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()))
        event.acceptProposedAction()

    def _tell(self, _text: str) -> None:
        self.changed.emit()

    def _start(self) -> str:
        first = self.paths()[:1]
        return str(Path(first[0]).parent) if first else str(Path.cwd())

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a scan", self._start())
        if chosen:
            self.show_paths((chosen,))

    def _ask_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Files of a scan", self._start())
        if chosen:
            self.show_paths(tuple(chosen))

    def _ask_new(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Result", self._start(), "Results (*.zarr)")
        if chosen:
            self.show_paths((chosen if chosen.endswith(".zarr") else f"{chosen}.zarr",))
