"""napari's window with a series and its curve beside it."""

from __future__ import annotations

import napari

from xanesmap.phasemap.series import Series
from xanesmap.viewers.napari_plugin.series.session import open_series_session
from xanesmap.viewers.napari_plugin.series.widget import SeriesWidget
from xanesmap.viewers.napari_plugin.window import make_room


def open_series_window(series: Series, *, show: bool = True) -> napari.Viewer:
    """Open a window that shows a series.

    Parameters
    ----------
    series
        An opened series.
    show
        Whether the window appears.
    """
    viewer = napari.Viewer(title=f"xanesmap: {series.name}", show=show)
    open_series_session(viewer, series)
    viewer.window.add_dock_widget(SeriesWidget(viewer), name="series", area="right")
    make_room(viewer)
    return viewer
