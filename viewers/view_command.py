"""The command `xanesmap view`: a result in napari."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from xanesmap.errors import DataError


def view(
    result: Annotated[Path, typer.Argument(help="Result folder, ending in .zarr.")],
) -> None:
    """Explore a result in napari: phases in 3-D, maps, spectra of any voxel."""
    from xanesmap.phasemap.result import open_result

    opened = open_result(result)
    require_napari()
    import napari

    from xanesmap.viewers.napari_plugin.window import open_window

    open_window(opened)
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
