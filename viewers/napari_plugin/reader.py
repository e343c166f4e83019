"""napari's reader for results: refuses with a sentence in a notification, never with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xanesmap.errors import DataError
from xanesmap.phasemap.destination import own_attributes

NO_LAYERS: list[tuple[Any, ...]] = [(None,)]
"""napari's sign for a file that was read and holds nothing to show."""

Reader = Callable[[Any], list[tuple[Any, ...]]]


def get_reader(path: str | list[str]) -> Reader | None:
    """Reader of a result, or None where the path is none of ours, so that napari asks other plugins.

    Parameters
    ----------
    path
        What the user opened; of several paths none is ours.
    """
    ours = isinstance(path, str) and own_attributes(Path(path)) is not None
    return read_result if ours else None


def read_result(path: str) -> list[tuple[Any, ...]]:
    """Layers of a result; furnishes the current viewer on the way.

    Parameters
    ----------
    path
        A folder ending in ``.zarr``.

    Returns
    -------
    list of tuple
        Data, options and kind of each layer; `NO_LAYERS`, and a notification, where the result cannot be shown.
    """
    import napari
    from napari.utils.notifications import show_error

    from xanesmap.phasemap.result import open_result
    from xanesmap.viewers.napari_plugin.furniture import furnish
    from xanesmap.viewers.napari_plugin.session import layer_tuples

    try:
        result = open_result(path)
        layers = layer_tuples(result)
    except DataError as error:
        show_error(str(error))
        return NO_LAYERS
    viewer = napari.current_viewer()
    if viewer is not None:
        furnish(viewer)
    return list(layers)
