"""Work in a thread of its own, with progress, cancelling and a sentence where it fails; results come in Qt's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, Signal

from xanesmap.phasemap.progress import Progress
from xanesmap.viewers.failures import failure_of

Work = Callable[[Progress], Any]

_LEAVE_S = 2.0  # for a thread to end once its window is closed


class Cancelled(Exception):  # no error
    """The user does not want the result any more."""


class ThreadedWork(QObject):
    """Pieces of work in threads, of which only the last counts: starting one gives up the one before."""

    progressed = Signal(str, int, int)
    done = Signal(object)
    """What the work gave."""
    failed = Signal(str)
    """One sentence."""
    busy = Signal(bool)
    """Whether there is work whose result is wanted."""
    _sent = Signal(int, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._current = 0
        self._threads: list[threading.Thread] = []
        self._sent.connect(self._receive)

    def start(self, work: Work) -> None:
        """Begin.

        Parameters
        ----------
        work
            Called in the thread with a `Progress` to call now and then; that call ends the work once it is given up.
        """
        self._current += 1
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._run, args=(work, self._current), name="xanesmap work", daemon=True)
        self._threads.append(thread)
        self.busy.emit(True)
        thread.start()

    def cancel(self) -> None:
        """Give up at the next step of the work; nothing more is sent of it."""
        self._current += 1
        self.busy.emit(False)

    def end(self) -> None:
        """Give up, and wait a little for the threads, as their window goes."""
        self._current += 1
        for thread in self._threads:
            thread.join(_LEAVE_S)

    @property
    def is_busy(self) -> bool:
        """Whether a thread is still at work, wanted or not."""
        return any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Work, number: int) -> None:
        def tell(stage: str, done: int, total: int) -> None:
            if number != self._current:
                raise Cancelled
            self._send(number, "progress", (stage, done, total))

        try:
            self._send(number, "done", work(tell))
        except Cancelled:
            return
        except Exception as error:  # whatever it is, the window tells it and lives on
            self._send(number, "failed", failure_of(error).text.removeprefix("Error: "))

    def _send(self, number: int, kind: str, value: Any) -> None:
        with suppress(RuntimeError):  # Qt's word for a window that is gone
            self._sent.emit(number, kind, value)

    def _receive(self, number: int, kind: str, value: Any) -> None:
        if number != self._current:
            return
        if kind == "progress":
            self.progressed.emit(*value)
            return
        self.busy.emit(False)
        (self.done if kind == "done" else self.failed).emit(value)
