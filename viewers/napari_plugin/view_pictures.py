"""Pictures and turning movies of results, drawn in a napari window that is not on the screen."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import napari
import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.frame_plan import turn_angles_deg
from xanesmap.viewers.napari_plugin.core_shell_layers import look_through, show_drawing, zoom_for
from xanesmap.viewers.napari_plugin.core_shell_view import Drawing, Sphere
from xanesmap.viewers.napari_plugin.photographs import bare_canvas, hidden_viewer, photograph
from xanesmap.viewers.view_directions import Camera, framed, turned
from xanesmap.viewers.view_page import Page, on_page, surroundings

_FILLED = 0.94  # share of the view that what is seen may fill


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turn:
    """A camera that is carried about an axis, once around."""

    camera: Camera
    """Where it starts."""
    axis: ArrayLike
    """(3,) z, y, x."""
    count: int
    """Frames."""


def draw_picture(result: PhaseMap, drawing: Drawing, page: Page, camera: Camera) -> NDArray[np.uint8]:
    """Picture (row, column, 4) of a drawing, which fills it.

    Parameters
    ----------
    result
        What was drawn.
    drawing
        The drawing.
    page
        What is around it.
    camera
        Where from.
    """
    middle, (tall, wide) = framed(drawing.points_um(), camera)
    height, width = page.view_size
    zoom = _FILLED * min(height / max(tall, 1e-9), width / max(wide, 1e-9))
    around = surroundings(page, 1 / zoom)
    with hidden_viewer() as viewer:
        show_drawing(viewer, result, drawing)
        with bare_canvas(viewer):
            look_through(viewer, camera, Sphere(centre_um=middle, radius_um=drawing.sphere.radius_um))
            view = photograph(viewer, page.view_size, background=page.background, zoom=zoom)
    return on_page(page, view, around)


def turning_frames(
    result: PhaseMap, drawing: Drawing, page: Page, turn: Turn
) -> Generator[NDArray[np.uint8], None, None]:
    """Frames of a whole turn, which never leaves the frame and can loop.

    Parameters
    ----------
    result
        What was drawn.
    drawing
        The drawing.
    page
        What is around it; it stays.
    turn
        Of the camera.
    """
    with hidden_viewer() as viewer:
        show_drawing(viewer, result, drawing)
        with bare_canvas(viewer):
            yield from turn_around(viewer, page, turn, drawing.sphere)


def turn_around(viewer: napari.Viewer, page: Page, turn: Turn, sphere: Sphere) -> Iterator[NDArray[np.uint8]]:
    """Frames of a whole turn of a viewer's camera about a ball."""
    zoom = zoom_for(sphere, page.view_size)
    around = surroundings(page, 1 / zoom)
    for angle in turn_angles_deg(turn.count).tolist():
        look_through(viewer, turned(turn.camera, turn.axis, angle), sphere)
        view = photograph(viewer, page.view_size, background=page.background, zoom=zoom)
        yield on_page(page, view, around)
