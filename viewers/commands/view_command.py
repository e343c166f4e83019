"""The command `xanesmap view`: a result, or a series of them, in napari."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from xanesmap.errors import DataError


def view(
    results: Annotated[
        list[Path],
        typer.Argument(help="Result folder, ending in .zarr; several in order of charge, or a series file (.toml)."),
    ],
) -> None:
    """Explore a result in napari: phases in 3-D, maps, spectra of any voxel; or a series over its charge states."""
    from xanesmap.phasemap.result import open_result
    from xanesmap.phasemap.series import is_series, open_series

    series = open_series(results) if is_series(results) else None
    result = open_result(results[0]) if series is None else None
    require_napari()
    import napari

    from xanesmap.viewers.napari_plugin.series.window import open_series_window
    from xanesmap.viewers.napari_plugin.window import open_window

    if series is not None:
        open_series_window(series)
    if result is not None:
        open_window(result)
    napari.run()


def require_napari() -> None:
    """Refuse to go on without napari.

    Raises
    ------
    DataError
        napari or its window toolkit is not installed.
    """
    if importlib.util.find_spec("napari") is None or importlib.util.find_spec("qtpy") is None:
        message = "napari is not installed; the viewer needs it: pip install 'xanesmap[napari]'."
        raise DataError(message)
