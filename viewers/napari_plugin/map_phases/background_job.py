"""A run in a process of its own, as an object of Qt."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QProcess, QTimer, Signal

from xanesmap.phasemap.storage.destination import discard, partial_path
from xanesmap.viewers.napari_plugin.map_phases.job_progress import JobState, after_message, after_process_ended

GRACE_MS = 10_000
"""Time a run has to clean up once it is stopped; it says so when it has."""


class BackgroundJob(QObject):
    """Starts a run, tells how far it is, and stops it."""

    changed = Signal(object)
    """With the `JobState`, after every message."""
    ended = Signal(object)
    """With the last `JobState`, once the process is gone."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = JobState()
        self._out = Path()
        self._stopping = False
        self._process = QProcess(self)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finish)
        self._process.errorOccurred.connect(self._fail_to_start)
        self._last_resort = QTimer(self)
        self._last_resort.setSingleShot(True)
        self._last_resort.timeout.connect(self._process.kill)

    def is_running(self) -> bool:
        """Whether a process is at work."""
        return bool(self._process.state() != QProcess.ProcessState.NotRunning)

    @property
    def process_id(self) -> int:
        """Number of the process; 0 while there is none."""
        return int(self._process.processId())

    def start(self, settings: Mapping[str, Any], *, out: Path) -> None:
        """Start a run.

        Parameters
        ----------
        settings
            Checked settings, as `make_config` takes them and JSON can say.
        out
            Where its result goes.
        """
        now = time.monotonic()
        self.state = JobState(began_s=now, stage_began_s=now)
        self._out, self._stopping = out, False
        # -P: a file of the present folder must not stand for a module
        self._process.start(sys.executable, ["-P", "-m", "xanesmap.viewers.napari_plugin.map_phases.job_process"])
        self._process.write(json.dumps(settings).encode() + b"\n")

    def stop(self) -> None:
        """Stop the run as Ctrl-C does; one that does not end by itself is killed."""
        if not self.is_running():
            return
        self._stopping = True
        self._process.closeWriteChannel()
        self._last_resort.start(GRACE_MS)

    def stop_and_wait(self) -> None:
        """Stop the run, and return once its process is gone."""
        self.stop()
        if self.is_running() and not self._process.waitForFinished(GRACE_MS):
            self._process.kill()
            self._process.waitForFinished(GRACE_MS)

    def _read(self) -> None:
        while self._process.canReadLine():
            line = bytes(self._process.readLine().data()).decode("utf-8", errors="replace")
            self.state = after_message(self.state, line, now_s=time.monotonic())
        if self.state.end == "stopped":
            self._process.kill()  # all is cleaned up; what is left to do is to unload libraries, which takes seconds
        self.changed.emit(self.state)

    def _finish(self, exit_code: int, *_: Any) -> None:
        self._last_resort.stop()
        self._read()
        self.state = after_process_ended(self.state, exit_code=exit_code, was_stopped=self._stopping)
        if self._stopping and self.state.end == "stopped":
            discard(partial_path(self._out))  # left where the process had to be killed
        self.ended.emit(self.state)

    def _fail_to_start(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._finish(-1)
