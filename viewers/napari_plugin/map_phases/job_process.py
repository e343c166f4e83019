"""A run in a process of its own: settings come on standard input, messages go to standard output.

The first line of the input is the configuration as JSON. When the input ends, be it that the window closes it or that
the window is gone, the run is interrupted as by Ctrl-C. Messages are JSON, one a line: see `job_progress`.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
import time
from typing import Any, TextIO

from xanesmap.viewers.commands.failures import failure_of

_LEAST_S = 0.1  # between two messages of one stage


def main() -> None:
    """Run what the input describes, and tell how it goes."""
    sending = _Messages(_own_output())
    try:
        values = json.loads(sys.stdin.readline())
        threading.Thread(target=_interrupt_at_end_of_input, daemon=True).start()
        sending.send(**_work(values, sending))
    except KeyboardInterrupt:
        sending.send(kind="stopped")
    except Exception as error:
        sending.send(kind="failed", text=failure_of(error).text)


def _work(values: dict[str, Any], sending: _Messages) -> dict[str, Any]:
    from xanesmap.phasemap.config import make_config
    from xanesmap.phasemap.pipeline import run

    result = run(make_config(values, source="Settings"), progress=sending.progress)
    return {"kind": "finished", "path": str(result.path.resolve()), "notes": list(result.warnings)}


def _own_output() -> TextIO:
    """Standard output as it was; what libraries print goes to the errors from now on."""
    kept = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return kept


def _interrupt_at_end_of_input() -> None:
    sys.stdin.read()
    if hasattr(signal, "pthread_kill"):
        # a true signal also ends waiting for a lock
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


class _Messages:
    """Messages to the window; of the steps of a stage not more than it can use."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._stage = ""
        self._sent = 0.0

    def send(self, **message: Any) -> None:
        """Write one message."""
        self._output.write(json.dumps(message) + "\n")
        self._output.flush()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is; may be called from threads, one at a time."""
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._sent < _LEAST_S:
            return
        self._stage, self._sent = stage, now
        self.send(kind="progress", stage=stage, done=done, total=total)


if __name__ == "__main__":
    main()
