"""What to tell where a widget finds no result to work on."""

from __future__ import annotations

from typing import Any

from xanesmap.viewers.napari_plugin.series.session import shown_series

NO_RESULT = "No result of xanesmap is open: open a folder ending in .zarr (File, Open Folder)."
SERIES_ONLY = "A series is open, and this looks at one result: use 'Open this state by itself' of the Series widget."


def missing_result_text(viewer: Any) -> str:
    """Why there is no result to work on, and what to do."""
    return NO_RESULT if shown_series(viewer) is None else SERIES_ONLY
