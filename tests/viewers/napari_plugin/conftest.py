"""Windows of napari in tests: real windows under a screen (`make test` brings one), real clicks, and nothing left over.

viewer
    a napari window of 1000 x 700, shown: each change of it is drawn whole
module_viewer
    the same for all tests of a module, where each leaves it as it found it: quicker, most of all with a widget in it
    that is made once and set back between tests. A test may open `viewer` beside it.
open_viewer
    a function that opens one, with the options of `napari.Viewer`; several may be open
session
    the viewer with the small result in it, as `open_session` shows it; the result is `small_result`
settle
    `settle(seconds=0.2)` lets Qt work; `settle.until(condition, seconds=20)` until something holds, else it fails
mouse
    `mouse.click(viewer)`, `mouse.click(viewer, (x, y), shift=True)`, `mouse.drag(viewer, (x, y), (x, y))`: on the
    canvas, in its pixels, (0, 0) at the top left, by default the middle; `mouse.press(button)` clicks a button
callbacks
    `before = callbacks(viewer)` ... `callbacks(viewer) == before`: all that listens to a viewer and its layers
shown_widget
    `shown_widget(viewer, Widget, name)` makes a widget, docks it and gives it back

After each test of a window (or its module) what it opened is closed, and it fails where a `QtViewer`, a widget of ours,
a napari worker or a Python thread is left. Keep no viewer in a global. A test of a widget that needs
no drawing still takes `viewer`: opening one costs 0.5 s after the first. Without a screen these tests are skipped; run
them by hand with `xvfb-run -a -s "-screen 0 1920x1200x24" python -m pytest tests/viewers/napari_plugin`.
"""

import gc
import os
import shutil
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pytest
import zarr

os.environ["NAPARI_CONFIG"] = ""  # neither the settings of the user nor a file of settings left by a test
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # napari and npe2 use what pydantic deprecates, on import only
    import napari
    import napari._qt.qt_main_window
    import napari.plugins
    import napari.settings
    from napari._qt.qt_viewer import QtViewer

from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt, QThreadPool
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from superqt.utils import WorkerBase

from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.viewers.napari_plugin.session import open_session

WINDOW = (1000, 700)
LASTING_THREADS = ("asyncio", "fsspec", "ThreadPoolExecutor", "zarr", "pymp", "tqdm", "Dummy")
"""How threads are called that libraries keep for the life of a process: their pools."""


def screen_is_there():
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@pytest.fixture(scope="session")
def qapp_args():
    """Words of the command line of Qt; the place to stop before Qt ends the process for want of a screen."""
    if not screen_is_there():
        pytest.skip("no screen for windows: run pytest under xvfb-run, as `make test` does")
    return ["xanesmap tests"]


class Settle:
    """Lets Qt work."""

    def __call__(self, seconds=0.2):
        end = time.monotonic() + seconds
        while True:
            QApplication.processEvents()
            if time.monotonic() >= end:
                return
            time.sleep(0.01)

    def until(self, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not so after {seconds} s: {condition}"
            self(0.05)


class Mouse:
    """Real clicks, delivered by Qt."""

    def __init__(self, settle):
        self.settle = settle

    def click(self, viewer, at=None, *, shift=False, button=Qt.MouseButton.LeftButton):
        canvas = native_canvas(viewer)
        point = QPoint(canvas.width() // 2, canvas.height() // 2) if at is None else QPoint(*map(round, at))
        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        QTest.mouseMove(canvas, point)
        self.settle(0)
        QTest.mouseClick(canvas, button, held, point)
        self.settle(0)

    def drag(self, viewer, start, end, *, steps=8, shift=False):
        canvas, button = native_canvas(viewer), Qt.MouseButton.LeftButton
        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        (x, y), (to_x, to_y) = start, end
        QTest.mouseMove(canvas, QPoint(round(x), round(y)))
        QTest.mousePress(canvas, button, held, QPoint(round(x), round(y)))
        for step in range(1, steps + 1):
            part = step / steps
            QTest.mouseMove(canvas, QPoint(round(x + part * (to_x - x)), round(y + part * (to_y - y))))
            self.settle(0.02)
        QTest.mouseRelease(canvas, button, held, QPoint(round(to_x), round(to_y)))
        self.settle(0)

    def press(self, button):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.settle(0)


def native_canvas(viewer):
    """Qt's widget of the canvas."""
    return viewer.window._qt_viewer.canvas.native


@pytest.fixture(scope="session")
def settle(qapp):
    return Settle()


@pytest.fixture(scope="session")
def mouse(settle):
    return Mouse(settle)


@pytest.fixture(scope="module", autouse=True)
def quick_collection():
    """Spare Python's collector what is there before the first window of a module: half a million objects of libraries.

    napari collects whenever layers are removed and each window is closed with a collection. Of what a test makes
    nothing is spared.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def viewers_that_leave_nothing(settle):
    """Function that opens viewers; at the end they are closed, and what is left fails."""
    napari.settings.get_settings().reset()
    before = present()

    def opened(**options):
        viewer = napari.Viewer(**{"show": True, "show_welcome_screen": False, **options})
        viewer.window.resize(*WINDOW)
        settle(0.3)  # docks take their width
        return viewer

    yield opened
    for viewer in present().viewers - before.viewers:
        viewer.close()
    settle(0)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    settle(0)
    viewer = None
    gc.collect()
    left = leftovers(before)
    QtViewer._instances &= before.canvases  # the next test shall not answer for this one
    assert not left, left


@pytest.fixture
def open_viewer(settle):
    with viewers_that_leave_nothing(settle) as opened:
        yield opened


class Present(NamedTuple):
    """What is there before a test and may stay: the window of its module, if it has one."""

    viewers: set
    canvases: set
    widgets: set
    threads: set


def present():
    widgets = {widget for widget in QApplication.allWidgets() if type(widget).__module__.startswith("xanesmap")}
    return Present(set(napari.Viewer._instances), set(QtViewer._instances), widgets, set(threading.enumerate()))


def leftovers(before):
    """What a test has left behind, in words."""
    QThreadPool.globalInstance().waitForDone(5000)
    for thread in threading.enumerate():
        if thread.name == "xanesmap task":  # ends with the piece of work that it was given, wanted or not
            thread.join(10)
    now = present()
    windows = ["QtViewer"] * len(now.canvases - before.canvases)  # one without its window has no repr
    ours = [repr(widget) for widget in now.widgets - before.widgets]
    workers = [repr(worker) for worker in WorkerBase._worker_set]
    new = now.threads - before.threads
    running = [thread.name for thread in new if not thread.name.startswith(LASTING_THREADS)]
    return windows + ours + workers + running


@pytest.fixture(name="present")
def function_present():
    return present


@pytest.fixture(name="leftovers")
def function_leftovers():
    return leftovers


@pytest.fixture
def viewer(open_viewer):
    return open_viewer()


@pytest.fixture(scope="module")
def module_viewer(settle):
    with viewers_that_leave_nothing(settle) as opened:
        yield opened()


@pytest.fixture
def session(viewer, small_result, settle):
    open_session(viewer, small_result)
    settle()
    return viewer


@pytest.fixture(scope="session")
def shown_widget(settle):
    def shown(viewer, widget_class, name="widget", area="right"):
        widget = widget_class(viewer)
        viewer.window.add_dock_widget(widget, name=name, area=area)
        settle()
        return widget

    return shown


@pytest.fixture
def callbacks():
    return listeners


def is_alive(callback):
    """napari keeps a callback of an object that is gone until its event is next sent."""
    return not isinstance(callback, tuple) or callback[0]() is not None


def listening(events):
    """Callbacks of each event of a group, which is napari's own or psygnal's."""
    if hasattr(events, "emitters"):
        return {name: sum(map(is_alive, emitter.callbacks)) for name, emitter in events.emitters.items()}
    return {name: len(events[name]) for name in events}


def listeners(viewer):
    """Number of callbacks of every event of a viewer, its parts and its layers; 0 of an event is left out."""
    Settle()()  # Qt ends what was asked to go only now
    gc.collect()
    parts = {
        "viewer": viewer,
        "dims": viewer.dims,
        "camera": viewer.scene.camera,
        "cursor": viewer.cursor,
        "grid": viewer.canvas.grid,
        "layers": viewer.layers,
        "selection": viewer.layers.selection,
        "scale_bar": viewer.canvas.overlays.scale_bar,
        "text": viewer.canvas.overlays.text,
        **{f"layer {layer.name}": layer for layer in viewer.layers},
    }
    counts = {f"{name}.{event}": n for name, part in parts.items() for event, n in listening(part.events).items()}
    for name in (
        "mouse_drag_callbacks",
        "mouse_move_callbacks",
        "mouse_wheel_callbacks",
        "mouse_double_click_callbacks",
    ):
        counts |= {f"{owner}.{name}": len(getattr(part, name, ())) for owner, part in parts.items()}
    counts["keys"] = len(viewer.keymap)
    return {event: count for event, count in counts.items() if count}


@pytest.fixture(scope="session")
def moved_scan(tmp_path_factory, small_settings):
    """A small scan whose frames are displaced."""
    folder = tmp_path_factory.mktemp("moved") / "scan"
    return simulate_scan(folder, seed=2, disturbances={"jitter_px": 1.0, "drift_px": 2.0}, **small_settings)


@pytest.fixture(scope="session")
def moved_result(moved_scan, tmp_path_factory):
    """Its phase map, made with aligned frames."""
    out = tmp_path_factory.mktemp("moved_result") / "moved.zarr"
    return map_phases(moved_scan.folder, out=out, memory="500MB", threads=1)


@pytest.fixture(scope="session")
def series_file(small_result, tmp_path_factory):
    """Description of a series of three states: the small result, 0, 12 and 24 slices of its sample FP."""
    folder = tmp_path_factory.mktemp("series")
    for state in range(3):
        copy = folder / f"state{state}.zarr"
        shutil.copytree(small_result.path, copy)
        labels = zarr.open_array(copy / "labels" / "phase" / "s0", mode="r+")
        sample = np.asarray(labels) > 0
        labels[...] = np.where(sample, np.where(np.arange(24)[:, None, None] < 12 * state, 2, 1), 0)
        (copy / "tables" / "phases.csv").unlink()  # of the labels that were there
    (folder / "cycler.csv").write_text(
        "time (s),capacity (mAh/g),voltage (V)\n0,0,3.0\n3600,50,3.4\n7200,100,3.45\n10800,170,4.2\n", encoding="utf-8"
    )
    states = "".join(
        f'[[state]]\nresult = "state{n}.zarr"\nname = "state {n}"\ncapacity = {75 * n}\n' for n in range(3)
    )
    path = folder / "series.toml"
    path.write_text(f'name = "charge"\n{states}[curve]\nfile = "cycler.csv"\n', encoding="utf-8")
    return path
