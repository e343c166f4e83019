"""napari's sample data: the window lives on while they are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils import progress as progress_bar
from napari.utils.notifications import show_error
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QApplication

from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.reader import get_reader
from xanesmap.viewers.napari_plugin.sample_store import sample_folder, sample_result, sample_scan

Layers = list[tuple[Any, ...]]


def open_sample_scan() -> Layers:
    """Layer of the raw frames of the simulated scan."""
    return _opened(lambda progress: sample_scan(sample_folder(), progress=progress))


def open_sample_result() -> Layers:
    """Layers of the result of the simulated scan."""
    return _opened(lambda progress: sample_result(sample_folder(), progress=progress))


def _opened(make: Callable[[Progress], Path]) -> Layers:
    made = _made_beside_window(make) if QApplication.instance() is not None else make(no_progress)
    reader = None if made is None else get_reader(str(made))
    return [] if reader is None else reader(str(made))


def _made_beside_window(make: Callable[[Progress], Path]) -> Path | None:
    """Make something in a thread while Qt goes on; None, and a notification, where it fails."""
    made: list[Path] = []
    waiting, work = QEventLoop(), LatestTask()
    bar = progress_bar(total=0, desc="Make sample data")

    def show(stage: str, done: int, total: int) -> None:
        bar.set_description(stage)
        bar.total = total
        bar.update(done - bar.n)

    work.progressed.connect(show)
    work.answered.connect(made.append)
    work.failed.connect(show_error)
    work.busy.connect(lambda busy: None if busy else waiting.quit())
    work.ask(make)
    waiting.exec()
    bar.close()
    work.end()
    return made[0] if made else None
