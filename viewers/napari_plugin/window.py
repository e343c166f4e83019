"""napari's window with a result and the widgets around it."""

from __future__ import annotations

import napari
from napari.utils.notifications import show_warning
from npe2 import PluginManager

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.session import open_session

SPECTRUM_PROBE = ("xanesmap", "Spectrum probe")
"""As in the manifest, so that the menu shows and hides this very widget."""

PLUGIN_IS_OFF = (
    "napari has the plugin xanesmap switched off, so its widgets and menus are missing: enable it in napari's plugin "
    "manager, or take it out of disabled_plugins in napari's settings, and open the result again."
)


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
    if _plugin_is_on():
        viewer.window.add_plugin_dock_widget(*SPECTRUM_PROBE)
    else:
        show_warning(PLUGIN_IS_OFF)
    return viewer


def _plugin_is_on() -> bool:
    plugins, name = PluginManager.instance(), SPECTRUM_PROBE[0]
    return name in plugins and not plugins.is_disabled(name)
