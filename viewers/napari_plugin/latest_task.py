"""Work in a thread beside the window, of which only the last asked for counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from xanesmap.viewers.failures import Failure, failure_of

GoOn = Callable[[], bool]
"""Says whether a piece of work is still wanted; long ones ask between two steps."""
Work = Callable[[GoOn], Any]


class LatestTask(QObject):
    """One piece of work at a time; what is asked for meanwhile replaces what waits.

    The thread lives only while there is work, so a window that closes leaves none behind.
    """

    answered = Signal(object)
    """With the outcome of the last piece of work asked for, in the thread of the window."""
    failed = Signal(str)
    """With one line on why there is none."""
    _over = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._asked = 0
        self._waiting: Work | None = None
        self._at_work = False
        self._over.connect(self._tell)

    def is_busy(self) -> bool:
        """Whether there is work in the thread, wanted or not."""
        return self._at_work

    def ask(self, work: Work) -> None:
        """Do some work in the thread; earlier work that was not answered yet is given up.

        Parameters
        ----------
        work
            Called with a function that says whether to go on.
        """
        with self._lock:
            self._asked += 1
            self._waiting = work
            starts, self._at_work = not self._at_work, True
        if starts:
            threading.Thread(target=self._work, name="xanesmap task", daemon=True).start()

    def forget(self) -> None:
        """Give up what was asked for."""
        with self._lock:
            self._asked += 1
            self._waiting = None

    def _work(self) -> None:
        """Work until nothing waits; in the thread."""
        while (taken := self._take()) is not None:
            number, work = taken
            try:
                outcome = work(partial(self._is_wanted, number))
            except Exception as error:
                outcome = failure_of(error)
            try:
                self._over.emit(number, outcome)
            except RuntimeError:  # the window is gone
                return

    def _take(self) -> tuple[int, Work] | None:
        with self._lock:
            work, self._waiting = self._waiting, None
            self._at_work = work is not None
            return None if work is None else (self._asked, work)

    def _is_wanted(self, number: int) -> bool:
        return number == self._asked

    def _tell(self, number: int, outcome: Any) -> None:
        if not self._is_wanted(number):
            return
        if isinstance(outcome, Failure):
            self.failed.emit(outcome.text)
        else:
            self.answered.emit(outcome)
