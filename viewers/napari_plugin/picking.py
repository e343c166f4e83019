"""The voxel of a result under the cursor, in 2-D and in 3-D."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.layers.own_layers import REMOVED, layer_of_kind
from xanesmap.viewers.napari_plugin.sight_line import HalfSpace, Voxel, first_voxel


def picked_voxel(viewer: ViewerModel, event: Any) -> Voxel | None:
    """Index (z, y, x) of the voxel under the cursor.

    Parameters
    ----------
    viewer
        The viewer.
    event
        Mouse event of napari, with ``position`` and ``view_direction`` in the coordinates of the world.

    Returns
    -------
    tuple of int or None
        In 2-D the voxel of the slice, in 3-D the first labelled voxel that is drawn; None beside the volume.
    """
    phase = layer_of_kind(viewer, PHASE)
    if phase is None:
        return None
    start = np.asarray(phase.world_to_data(event.position), dtype=np.float64)[-3:]
    labels = phase.data[0] if phase.multiscale else phase.data
    if viewer.dims.ndisplay == 2:
        z, y, x = map(int, np.rint(start))
        return (z, y, x) if all(0 <= i < n for i, n in zip((z, y, x), labels.shape, strict=True)) else None
    if event.view_direction is None:
        return None
    beyond = np.asarray(event.position) + np.asarray(event.view_direction)
    direction = np.asarray(phase.world_to_data(beyond), dtype=np.float64)[-3:] - start
    return first_voxel(labels, start=start, direction=direction, kept=_kept(phase), removed=_removed(phase))


def _kept(layer: Layer) -> list[HalfSpace]:
    """Clipping planes in voxels: napari takes their position and normal in coordinates of the world."""
    planes = [plane for plane in layer.experimental_clipping_planes if plane.enabled]
    return [_in_voxels(layer, plane.position, plane.normal) for plane in planes]


def _removed(layer: Layer) -> list[HalfSpace]:
    """Half-spaces of what the core-shell view has cut away, while it stands in for the layer."""
    return [
        _in_voxels(layer, space.point, space.normal) for space in layer.metadata.get(REMOVED, ()) if not layer.visible
    ]


def _in_voxels(layer: Layer, point: Any, normal: Any) -> HalfSpace:
    """A half-space of the world in voxels."""
    scale = np.asarray(layer.scale)[-3:]
    return np.asarray(layer.world_to_data(point), dtype=np.float64)[-3:], np.asarray(normal) * scale
