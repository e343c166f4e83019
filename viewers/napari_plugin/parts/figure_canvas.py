"""Figures of Matplotlib as widgets of Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtWidgets import QSizePolicy


def figure_canvas(size_inch: tuple[float, float], *, least_px: tuple[int, int] = (1, 1), **options: Any) -> Any:
    """Canvas of a new figure, which takes all the room there is.

    Parameters
    ----------
    size_inch
        Width and height before there is a window, inches.
    least_px
        Least width and height, pixels.
    **options
        Of `matplotlib.figure.Figure`.
    """
    canvas_of: Callable[[Figure], Any] = FigureCanvasQTAgg  # Matplotlib's canvas of Qt has no types
    canvas = canvas_of(Figure(figsize=size_inch, **options))
    canvas.setMinimumSize(*least_px)
    # else napari puts a stretch below it, which takes half of the room
    canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    return canvas
