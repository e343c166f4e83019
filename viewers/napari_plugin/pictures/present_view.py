"""What a viewer shows at present, as a picture for print or turning in a movie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels, Layer, Surface
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.viewers.colours import phase_colours
from xanesmap.viewers.movies.view_directions import VOLUME_AXES, Camera
from xanesmap.viewers.movies.view_page import Background, ColourScale, Page, on_page, surroundings
from xanesmap.viewers.napari_plugin.core_shell.layers import PREFIX
from xanesmap.viewers.napari_plugin.core_shell.view import Sphere
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND, RESULT
from xanesmap.viewers.napari_plugin.pictures.photographs import bare_canvas, photograph, present_zoom
from xanesmap.viewers.napari_plugin.pictures.view_pictures import Turn, turn_around


def shown_layers(viewer: napari.Viewer) -> list[Layer]:
    """Visible layers, from the topmost.

    Raises
    ------
    DataError
        There are none.
    """
    layers = [layer for layer in reversed(viewer.layers) if layer.visible]
    if not layers:
        message = "the canvas is empty: show a layer, then draw its picture."
        raise DataError(message)
    return layers


def page_of_view(
    viewer: napari.Viewer, *, size: tuple[int, int], dpi: float, background: Background, caption: str, scale_bar: bool
) -> Page:
    """Page for what a viewer shows: the colours of the topmost map or of the phases, and a scale bar.

    Parameters
    ----------
    viewer
        The viewer.
    size, dpi, background, caption, scale_bar
        See `Page`; a view in perspective has no scale, so it gets no bar.

    Raises
    ------
    DataError
        Nothing is shown, or the page has no room for it.
    """
    colours, legend = _colours(shown_layers(viewer))
    flat = viewer.dims.ndisplay == 2 or viewer.scene.camera.perspective == 0
    page = Page(
        size=size,
        dpi=dpi,
        background=background,
        caption=caption,
        scale_bar=scale_bar and flat,
        colours=colours,
        legend=legend,
    )
    page.check()
    return page


def _colours(layers: list[Layer]) -> tuple[ColourScale | None, Any]:
    """Colour bar or legend of the topmost layer that has either."""
    for layer in layers:
        kind, result = str(layer.metadata.get(KIND, "")), layer.metadata.get(RESULT)
        by_value = isinstance(layer, Image) or (isinstance(layer, Surface) and layer.vertex_colors is None)
        if by_value and not getattr(layer, "rgb", False):
            low, high = map(float, layer.contrast_limits)
            ramp = np.asarray(layer.colormap.map(np.linspace(0, 1, 256)), dtype=np.float64)
            return ColourScale(title=layer.name, ramp=ramp, limits=(low, high)), ()
        if result is not None and (kind == PHASE or kind.startswith(PREFIX)):
            colours = phase_colours(result.phases).tolist()
            return None, tuple(zip(result.label_names, map(tuple, colours), strict=False))
    return None, ()


def picture_of_view(viewer: napari.Viewer, page: Page) -> NDArray[np.uint8]:
    """(row, column, 4) what a viewer shows, on a page.

    Parameters
    ----------
    viewer
        The viewer, in 2-D or 3-D; it is afterwards as before.
    page
        From `page_of_view`.
    """
    zoom = present_zoom(viewer, page.view_size)
    with bare_canvas(viewer):
        view = photograph(viewer, page.view_size, background=page.background, zoom=zoom)
    return on_page(page, view, surroundings(page, 1 / zoom))


def turn_of_view(viewer: napari.Viewer, axis: str, count: int) -> Turn:
    """A turn that begins where the camera of a viewer is, about z, y, x or upwards on the screen (``up``)."""
    camera = viewer.scene.camera
    start = Camera(view=tuple(camera.view_direction), up=tuple(camera.up_direction))
    return Turn(camera=start, axis=VOLUME_AXES.get(axis, start.up), count=count)


def frames_of_turn(viewer: napari.Viewer, page: Page, turn: Turn) -> Iterator[NDArray[np.uint8]]:
    """Frames of a turn of what a viewer shows in 3-D, which never leaves the frame; the camera is then as before."""
    camera = viewer.scene.camera
    before = (camera.center, camera.zoom, camera.angles, camera.perspective)
    sphere = sphere_around(shown_layers(viewer))
    try:
        with bare_canvas(viewer):
            yield from turn_around(viewer, page, turn, sphere)
    finally:
        camera.center, camera.zoom, camera.angles, camera.perspective = before


def sphere_around(layers: list[Layer]) -> Sphere:
    """Ball that holds layers, however they are turned."""
    points = np.concatenate([_points_um(layer) for layer in layers])
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    z, y, x = centre.tolist()
    return Sphere(centre_um=(z, y, x), radius_um=float(np.linalg.norm(points - centre, axis=1).max()))


def _points_um(layer: Layer) -> NDArray[np.float64]:
    """(point, 3) of a surface, the filled voxels of labels, or the corners of anything else."""
    if isinstance(layer, Surface):
        vertices = np.asarray(layer.vertices, dtype=np.float64)[:, -3:]
        return np.asarray(vertices * layer.scale[-3:] + layer.translate[-3:])
    if isinstance(layer, Labels):
        levels = layer.data if layer.multiscale else [layer.data]
        filled = np.argwhere(np.asarray(levels[-1]) > 0)[:, -3:]
        if len(filled):
            step = np.array(levels[0].shape[-3:]) / np.array(levels[-1].shape[-3:])
            return np.asarray(filled * step * layer.scale[-3:] + layer.translate[-3:])
    ends = np.asarray(layer.extent.world, dtype=np.float64)[:, -3:]
    corners: NDArray[np.float64] = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    return corners
