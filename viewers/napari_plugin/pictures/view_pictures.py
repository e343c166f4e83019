"""Pictures and turning movies of results, drawn in a napari window that is not on the screen."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import napari
import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.movies.frame_plan import spread_evenly, turn_angles_deg
from xanesmap.viewers.movies.view_directions import Camera, framed, turned
from xanesmap.viewers.movies.view_page import Page, on_page, surroundings
from xanesmap.viewers.napari_plugin.core_shell.layers import look_through, show_drawing, zoom_for
from xanesmap.viewers.napari_plugin.core_shell.view import Drawing, Sphere
from xanesmap.viewers.napari_plugin.pictures.photographs import bare_canvas, hidden_viewer, photograph

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenes:
    """Results that are shown one after the other."""

    results: tuple[PhaseMap, ...]
    drawings: tuple[Drawing, ...]
    pages: tuple[Page, ...]


def frames_of_scenes(scenes: Scenes, camera: Camera, *, count: int) -> Generator[NDArray[np.uint8], None, None]:
    """Frames that show every result for the same time, all at one scale, by one camera and in the same colours.

    Parameters
    ----------
    scenes
        The results.
    camera
        Where from; it looks at the middle of each.
    count
        Number of frames.
    """
    radius = max(drawing.sphere.radius_um for drawing in scenes.drawings)
    limits = [drawing.values.limits for drawing in scenes.drawings if drawing.values is not None]
    drawn, frame = -1, None
    with hidden_viewer() as viewer:
        for index in spread_evenly(0, len(scenes.drawings) - 1, count).tolist():
            if frame is None or index != drawn:
                frame = _scene_frame(viewer, scenes, index, camera, radius, limits)
                drawn = index
            yield frame


def _scene_frame(
    viewer: napari.Viewer,
    scenes: Scenes,
    index: int,
    camera: Camera,
    radius: float,
    limits: list[tuple[float, float]],
) -> NDArray[np.uint8]:
    drawing, page = scenes.drawings[index], scenes.pages[index]
    layers = show_drawing(viewer, scenes.results[index], drawing)
    if limits and page.colours is not None:
        common = (min(low for low, _ in limits), max(high for _, high in limits))
        page = replace(page, colours=replace(page.colours, limits=common))
        layers[-1].contrast_limits_range = layers[-1].contrast_limits = common
    sphere = Sphere(centre_um=drawing.sphere.centre_um, radius_um=radius)
    zoom = zoom_for(sphere, page.view_size)
    with bare_canvas(viewer):
        look_through(viewer, camera, sphere)
        view = photograph(viewer, page.view_size, background=page.background, zoom=zoom)
    return on_page(page, view, surroundings(page, 1 / zoom))
