"""napari's window with a result and the widgets around it."""

from __future__ import annotations

import napari
from napari.settings import get_settings
from napari.utils.notifications import show_warning
from npe2 import PluginManager

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.session import open_session

SPECTRUM_PROBE = ("xanesmap", "Spectrum probe")
"""As in the manifest, so that the menu shows and hides this very widget."""

_ROOM = (1600, 1000)  # width and height of the window, pixels
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
    make_room(viewer)
    return viewer


def make_room(viewer: napari.Viewer) -> None:
    """Give the canvas its place beside the widgets, unless the user has chosen the size of the window before.

    napari's own first window leaves a quarter of its width to the canvas.
    """
    if get_settings().application.window_size is not None:
        return
    window = viewer.window._qt_window  # noqa: SLF001  # napari has no public name
    screen = window.screen().availableGeometry()
    width, height = (
        max(has, min(wish, there))
        for has, wish, there in zip(
            (window.width(), window.height()), _ROOM, (screen.width(), screen.height()), strict=True
        )
    )
    window.resize(width, height)
    window.move(screen.left() + (screen.width() - width) // 2, screen.top() + (screen.height() - height) // 2)


def _plugin_is_on() -> bool:
    plugins, name = PluginManager.instance(), SPECTRUM_PROBE[0]
    return name in plugins and not plugins.is_disabled(name)
