"""napari's reader of results, series, scans and volumes: refuses with a sentence in a notification, no traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.recognition import Content, recognise

NO_LAYERS: list[tuple[Any, ...]] = [(None,)]
"""napari's sign for a file that was read and holds nothing to show."""

Layers = list[tuple[Any, ...]]
Reader = Callable[[Any], Layers]


def get_reader(path: str | list[str]) -> Reader | None:
    """Reader of a path, or None where it is none of ours, so that napari asks other plugins.

    Parameters
    ----------
    path
        What the user opened: a folder, a file, or files that belong together.
    """
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    content = recognise(paths)
    if content is None:
        return None
    return partial(_read, open_layers=_OPENERS[content])


def _read(path: str | list[str], *, open_layers: Reader) -> Layers:
    """Layers of a path; furnishes the current viewer on the way.

    `NO_LAYERS`, and a notification, where it cannot be shown.
    """
    import napari
    from napari.utils.notifications import show_error

    from xanesmap.viewers.napari_plugin.furniture import furnish

    try:
        layers = open_layers(path)
    except DataError as error:
        show_error(str(error))
        return NO_LAYERS
    viewer = napari.current_viewer()
    if viewer is not None:
        furnish(viewer)
    return layers


def _result_layers(path: Any) -> Layers:
    from xanesmap.phasemap.result import open_result
    from xanesmap.viewers.napari_plugin.session import layer_tuples

    return list(layer_tuples(open_result(path if isinstance(path, str) else path[0])))


def _scan_layers(path: Any) -> Layers:
    from xanesmap.reconstruct.readers import open_scan
    from xanesmap.viewers.napari_plugin.session import scan_tuple

    return [scan_tuple(open_scan(path, sort_energies=True), _name(path))]


def _name(path: Any) -> str:
    return Path(path if isinstance(path, str) else path[0]).name


def _series_layers(path: Any) -> Layers:
    from xanesmap.phasemap.series import open_series
    from xanesmap.viewers.napari_plugin.series.session import series_tuples

    return list(series_tuples(open_series([path] if isinstance(path, str) else path)))


def _volume_layers(path: Any) -> Layers:
    from xanesmap.reconstruct.volumes.opening import open_volumes
    from xanesmap.viewers.napari_plugin.session import volumes_tuple

    return [volumes_tuple(open_volumes(path), _name(path))]


_OPENERS: Mapping[Content, Reader] = {
    "result": _result_layers,
    "series": _series_layers,
    "scan": _scan_layers,
    "volumes": _volume_layers,
}
