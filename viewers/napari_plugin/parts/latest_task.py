"""Work in a thread beside the window, of which only the last asked for counts; what it tells comes in Qt's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from xanesmap.phasemap.progress import Progress
from xanesmap.viewers.commands.failures import failure_of

Work = Callable[[Progress], Any]
"""Called with a `Progress` to call now and then; that call ends the work once it is given up."""

_PAUSE_S = 0.05
"""Between two words on how far a stage is: each has the window drawn again."""
_LEAVE_S = 2.0  # for the thread to end once its window is closed


class GivenUp(Exception):  # no error
    """Nobody wants the outcome any more."""


class LatestTask(QObject):
    """One piece of work at a time; what is asked for meanwhile replaces what waits and gives up what is being done.

    The thread lives only while there is work, so a window that closes leaves none behind.
    """

    answered = Signal(object)
    """With the outcome of the last piece of work asked for."""
    failed = Signal(str)
    """With one line on why there is none, as on the command line."""
    progressed = Signal(str, int, int)
    """With what the work tells: stage, steps done, steps of the stage."""
    busy = Signal(bool)
    """Whether there is work whose outcome is wanted."""
    _told = Signal(int, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._asked = 0
        self._waiting: Work | None = None
        self._at_work = False
        self._thread: threading.Thread | None = None
        self._last_told = ("", 0.0)
        self._told.connect(self._tell)

    @property
    def is_busy(self) -> bool:
        """Whether there is work in the thread, wanted or not."""
        return self._at_work

    def ask(self, work: Work) -> None:
        """Do some work in the thread; earlier work that was not answered yet is given up.

        Parameters
        ----------
        work
            The work.
        """
        with self._lock:
            self._asked += 1
            self._waiting = work
            starts, self._at_work = not self._at_work, True
        self.busy.emit(True)
        if starts:
            self._thread = threading.Thread(target=self._work, name="xanesmap task", daemon=True)
            self._thread.start()

    def forget(self) -> None:
        """Give up what was asked for, at its next step; nothing more is told of it."""
        self._drop()
        self.busy.emit(False)

    def end(self) -> None:
        """Give up, and wait a little for the thread, as its window goes."""
        self._drop()
        if self._thread is not None:
            self._thread.join(_LEAVE_S)

    def _drop(self) -> None:
        with self._lock:
            self._asked += 1
            self._waiting = None

    def _work(self) -> None:
        """Work until nothing waits; in the thread."""
        while (taken := self._take()) is not None:
            number, work = taken
            try:
                self._send(number, "answered", work(partial(self._progress, number)))
            except GivenUp:
                continue
            except Exception as error:  # whatever it is, the window tells it and lives on
                self._send(number, "failed", failure_of(error).text)

    def _take(self) -> tuple[int, Work] | None:
        with self._lock:
            work, self._waiting = self._waiting, None
            self._at_work = work is not None
            return None if work is None else (self._asked, work)

    def _progress(self, number: int, stage: str, done: int, total: int) -> None:
        if number != self._asked:
            raise GivenUp
        last_stage, at = self._last_told
        now = time.monotonic()
        if stage != last_stage or done == total or now - at > _PAUSE_S:
            self._last_told = stage, now
            self._send(number, "progressed", (stage, done, total))

    def _send(self, number: int, kind: str, value: Any) -> None:
        with suppress(RuntimeError):  # Qt's word for a window that is gone
            self._told.emit(number, kind, value)

    def _tell(self, number: int, kind: str, value: Any) -> None:
        if number != self._asked:
            return
        if kind == "progressed":
            self.progressed.emit(*value)
            return
        self.busy.emit(False)
        (self.answered if kind == "answered" else self.failed).emit(value)
