"""Layers that come one by one while the window is in use: napari takes a tenth of a second and more for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer

from xanesmap.viewers.napari_plugin.layers.drawing_limits import is_software, renderer

_PAUSE_MS = 50
"""Between two layers, for the window to answer its user."""
_AT_ONCE = 4  # without a graphics card, where all is drawn again after each time


def insert_later(viewer: Any, described: Iterator[tuple[Any, dict[str, Any], str]], *, below: Layer) -> None:
    """Insert layers below another one, in their order; in a viewer without a window at once.

    Parameters
    ----------
    viewer
        The viewer. What is selected in it stays so.
    described
        Data, options and kind of each layer; asked for one at a time.
    below
        The layer that they come below; once it is removed no more are inserted.
    """
    if not hasattr(viewer, "window"):
        for one in described:
            _insert(viewer, one, below)
        return
    _Insertion(viewer, described, below)


class _Insertion(QObject):
    """Lives in the window as long as there is something to insert."""

    def __init__(self, viewer: Any, described: Iterator[tuple[Any, dict[str, Any], str]], below: Layer) -> None:
        super().__init__(viewer.window._qt_window)  # noqa: SLF001  # napari has no public name
        self._viewer, self._described, self._below = viewer, described, below
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next)
        self._timer.start(_PAUSE_MS)

    def _next(self) -> None:
        at_once = _AT_ONCE if is_software(renderer()) else 1
        few = list(itertools.islice(self._described, at_once)) if self._below in self._viewer.layers else []
        for one in few:
            _insert(self._viewer, one, self._below)
        if few:
            self._timer.start(_PAUSE_MS)
        else:
            self.deleteLater()


def _insert(viewer: Any, described: tuple[Any, dict[str, Any], str], below: Layer) -> None:
    layers = viewer.layers
    activates, layers._activate_on_insert = layers._activate_on_insert, False  # noqa: SLF001  # else it is selected
    try:
        layers.insert(layers.index(below), Layer.create(*described))
    finally:
        layers._activate_on_insert = activates  # noqa: SLF001
