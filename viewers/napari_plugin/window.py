"""napari's window with a result and the widgets around it."""

from __future__ import annotations

import napari

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.session import open_session

SPECTRUM_PROBE = ("xanesmap", "Spectrum probe")
"""As in the manifest, so that the menu shows and hides this very widget."""


def open_window(result: PhaseMap, *, show: bool = True) -> napari.Viewer:
    """Open a window that shows a result.

    Parameters
    ----------
    result
        An opened result.
    show
        Whether the window appears.
    """
    viewer = napari.Viewer(title=f"xanesmap: {result.path.name}", show=show)
    open_session(viewer, result)
    viewer.window.add_plugin_dock_widget(*SPECTRUM_PROBE)
    return viewer
