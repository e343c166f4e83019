"""Lines over a figure in a window that move while all else stays: drawing the figure takes tens of milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class MovingLines:
    """Artists that are drawn over a picture of the rest of the figure.

    Parameters
    ----------
    canvas
        Qt's canvas of the figure.
    """

    def __init__(self, canvas: Any) -> None:
        self.lines: list[Any] = []
        self._canvas = canvas
        self._ground: Any = None
        canvas.mpl_connect("draw_event", self._keep_ground)
        canvas.mpl_connect("resize_event", self._forget_ground)

    def take(self, lines: Iterable[Any]) -> None:
        """Draw these lines of the figure from now on, in place of those before."""
        self.lines = list(lines)
        for line in self.lines:
            line.set_animated(True)
        self._forget_ground()

    def redraw(self) -> None:
        """Draw the lines where they are now."""
        if self._ground is None:
            self._canvas.draw_idle()
            return
        self._canvas.restore_region(self._ground)
        self._draw()
        self._canvas.update()

    def _keep_ground(self, event: Any) -> None:
        del event
        self._ground = self._canvas.copy_from_bbox(self._canvas.figure.bbox)
        self._draw()

    def _forget_ground(self, event: Any = None) -> None:
        del event
        self._ground = None

    def _draw(self) -> None:
        for line in self.lines:
            if line.axes is not None:  # None of one that was taken out of its panel
                line.axes.draw_artist(line)
