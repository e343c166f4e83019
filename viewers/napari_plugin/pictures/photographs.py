"""Pictures of napari's canvas in any size and on any background, from a window or from one that never shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt

from xanesmap.viewers.movies.view_page import Background, averaged, opacity_from

FINER = 2
"""Pixels drawn along each side of one of the picture."""
_LARGEST_CANVAS = 6000


@contextmanager
def hidden_viewer() -> Iterator[napari.Viewer]:
    """A viewer in 3-D whose window is not on the screen; it needs one all the same, if only Xvfb's."""
    viewer = napari.Viewer(ndisplay=3, show=False)
    window = viewer.window._qt_window  # noqa: SLF001  # napari has no public name
    # a canvas takes its size and draws only in a window that is shown
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    viewer.show()
    try:
        yield viewer
    finally:
        viewer.close()


@contextmanager
def bare_canvas(viewer: napari.Viewer) -> Iterator[None]:
    """Take everything off the canvas for a while that is no data: scale bar, axes, texts, legends and colour bars."""
    names = ("colorbar", "name_overlay", "bounding_box")
    overlays = [
        viewer.scene.overlays.axes,
        *viewer.canvas.overlays.values(),
        *(getattr(layer, name) for layer in viewer.layers for name in names if hasattr(layer, name)),
    ]
    shown = [overlay.visible for overlay in overlays]
    background = viewer.canvas.background_color_override
    for overlay in overlays:
        overlay.visible = False
    try:
        yield
    finally:
        for overlay, visible in zip(overlays, shown, strict=True):
            overlay.visible = visible
        viewer.canvas.background_color_override = background


def photograph(
    viewer: napari.Viewer, size: tuple[int, int], *, background: Background, zoom: float
) -> NDArray[np.uint8]:
    """Picture of what the camera sees, with smooth edges.

    Parameters
    ----------
    viewer
        The viewer; its canvas is best bare (`bare_canvas`).
    size
        (height, width) of the picture in pixels.
    background
        Behind everything; the picture has its opacity where it is transparent.
    zoom
        Pixels of the picture per um.

    Returns
    -------
    ndarray
        (row, column, 4).
    """
    if background != "transparent":
        return _shot(viewer, size, background, zoom)
    return opacity_from(_shot(viewer, size, "black", zoom), _shot(viewer, size, "white", zoom))


def _shot(viewer: napari.Viewer, size: tuple[int, int], colour: str, zoom: float) -> NDArray[np.uint8]:
    finer = FINER if FINER * max(size) <= _LARGEST_CANVAS else 1
    camera = viewer.scene.camera
    before = camera.zoom
    viewer.canvas.background_color_override = colour
    camera.zoom = zoom * finer
    with viewer._layer_slicer.force_sync():  # noqa: SLF001  # the level for this size has to be there when it is drawn
        picture: Any = viewer.screenshot(size=tuple(finer * side for side in size), canvas_only=True, flash=False)
    camera.zoom = before
    return averaged(picture, finer)


def present_zoom(viewer: napari.Viewer, size: tuple[int, int]) -> float:
    """Pixels per um of a picture (height, width) that shows all of what the canvas shows."""
    height, width = viewer.canvas.size
    shown: float = viewer.scene.camera.zoom * min(size[0] / height, size[1] / width)
    return shown
