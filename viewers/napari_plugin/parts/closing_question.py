"""A question before a window closes while there is work that would be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QMessageBox, QWidget


class ClosingQuestion(QObject):
    """Watches the window that a widget is in.

    A user who closes it is asked; a program that does so (`viewer.close()`) is not, for nobody may be there to answer.
    """

    accepted = Signal()
    """The window is about to close."""

    # of the class, for Qt may ask after Python has cleared the instance
    _widget: QWidget | None = None
    _window: QWidget | None = None

    def __init__(self, widget: QWidget, *, asks: Callable[[], bool], told: str) -> None:
        super().__init__(widget)
        self._widget = widget
        self._asks = asks
        self._told = told
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: Any) -> bool:  # Qt's name
        """Follow the widget into its window, and stand before the closing of that."""
        kind = event.type()
        if self._widget is None:
            return False
        if watched is self._widget and kind in (QEvent.Type.Show, QEvent.Type.ParentChange):
            self._watch(self._widget.window())
        if watched is self._window and kind == QEvent.Type.Close and self._asks():
            if event.spontaneous() and not self._agreed():
                event.ignore()
                return True
            self.accepted.emit()
        return False

    def _watch(self, window: QWidget) -> None:
        if window is self._window or window is self._widget:
            return
        if self._window is not None:
            self._window.removeEventFilter(self)
        self._window = window
        window.installEventFilter(self)

    def _agreed(self) -> bool:
        answer = QMessageBox.question(
            self._widget,
            "xanesmap",
            f"{self._told} Stop it and close the window?",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
        )
        return bool(answer == QMessageBox.StandardButton.Yes)
