import threading
import time

import napari
import pytest
from qtpy.QtWidgets import QLabel


class Forgotten(QLabel):
    pass


def test_a_viewer_kept_alive_is_told(open_viewer, present, leftovers):
    before = present()
    kept = open_viewer(show=False).window._qt_viewer
    napari.Viewer.close_all()
    assert leftovers(before) == ["QtViewer"]
    del kept


def test_a_widget_left_is_told(qapp, present, leftovers, monkeypatch):
    before = present()
    monkeypatch.setattr(Forgotten, "__module__", "xanesmap.viewers.napari_plugin.some_widget")
    widget = Forgotten()
    assert any("Forgotten" in left for left in leftovers(before))
    widget.deleteLater()


def test_a_thread_left_is_told(qapp, present, leftovers):
    before = present()
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait, name="reads a scan")
    thread.start()
    assert leftovers(before) == ["reads a scan"]
    ended.set()
    thread.join()
    assert leftovers(before) == []


def test_what_listens_to_a_viewer_is_counted(session, callbacks):
    before = callbacks(session)

    def listen(event=None):
        pass

    session.layers[0].events.visible.connect(listen)
    session.mouse_drag_callbacks.append(listen)
    assert callbacks(session) != before
    session.layers[0].events.visible.disconnect(listen)
    session.mouse_drag_callbacks.remove(listen)
    assert callbacks(session) == before


def test_waiting_for_what_never_comes_fails(settle):
    start = time.monotonic()
    with pytest.raises(AssertionError, match="not so after"):
        settle.until(lambda: False, seconds=0.2)
    assert time.monotonic() - start < 5
