"""A widget beside the canvas that leaves nothing behind in the viewer when it is taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """Base of the widgets: what they listen to in the viewer ends when they are closed or undocked for good.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        # opened from a menu, a widget gets a proxy that hides what layers are added by, and is no viewer when compared
        self.viewer: napari.viewer.Viewer = getattr(viewer, "__wrapped__", viewer)
        self._undo: list[Callable[[], Any]] = []
        self._was_docked = False

    def listen(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect a callback to an event of the viewer until the widget goes."""
        emitter.connect(callback)
        self.at_the_end(lambda: emitter.disconnect(callback))

    def listen_to_mouse(self, callback: Callable[..., Any]) -> None:
        """Call back when the mouse is pressed in the canvas, until the widget goes."""
        callbacks = self.viewer.mouse_drag_callbacks
        callbacks.append(callback)
        self.at_the_end(lambda: callbacks.remove(callback) if callback in callbacks else None)

    def at_the_end(self, action: Callable[[], Any]) -> None:
        """Do something when the widget goes; the last to be asked for is done first."""
        self._undo.append(action)

    def end(self) -> None:
        """Let go of the viewer; a second call does nothing."""
        while self._undo:
            self._undo.pop()()

    def closeEvent(self, event: Any) -> None:
        """Let go of the viewer."""
        self.end()
        super().closeEvent(event)

    def changeEvent(self, event: Any) -> None:
        """Notice that napari took the widget out of its dock: it closes docks so, without closing what is in them."""
        super().changeEvent(event)
        if event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is not None:
            self._was_docked = True
        elif self._was_docked:
            self.end()
            self.deleteLater()  # nobody shows it again, and what is connected to its buttons keeps it alive
