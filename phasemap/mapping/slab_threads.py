"""Slabs worked on at the same time, counted, and stopped between two steps when one of them fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from dask.base import compute
from dask.delayed import delayed
from threadpoolctl import threadpool_limits

from xanesmap.phasemap.progress import Progress

Outcome = TypeVar("Outcome")
StepDone = Callable[[str], None]
"""Called by a slab with the name of the stage after each of its steps."""


def run_slabs(
    starts: Sequence[int],
    work: Callable[[int, StepDone], Outcome],
    *,
    workers: int,
    steps: int,
    progress: Progress,
) -> tuple[Outcome, ...]:
    """Work on slabs in threads.

    Parameters
    ----------
    starts
        First row of every slab.
    work
        Given the first row, and a function to call after each step, does all the work on one slab.
    workers
        Slabs worked on at the same time.
    steps
        Steps of one slab.
    progress
        Called with the name of the stage, the steps done and those of all slabs.

    Returns
    -------
    Outcome of each slab, in the order of `starts`. When one fails, its error is raised once no other is at work.
    """
    counted = _Counter(progress, total=len(starts) * steps)

    def guarded(start: int) -> Outcome:
        with counted.slab():
            return work(start, counted.step)

    tasks = [delayed(guarded)(start) for start in starts]
    # Parallelism is over slabs: linear algebra that brings its own threads would only compete with them.
    with threadpool_limits(1 if workers > 1 else None, user_api="blas"):
        try:
            outcomes: tuple[Outcome, ...] = compute(*tasks, scheduler="threads", num_workers=workers)
        except BaseException:
            # a slab still at work would write into a result that is being removed
            counted.stop()
            raise
    return outcomes


class _Stopped(Exception):
    """Ends a slab of a run that has failed elsewhere; nobody waits for its outcome."""


class _Counter:
    """Adds up the steps of slabs that run at the same time, and stops them between two steps."""

    def __init__(self, progress: Progress, *, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._at_work = 0
        self._stopping = False
        self._change = threading.Condition()

    @contextmanager
    def slab(self) -> Iterator[None]:
        """Surround the work on one slab."""
        with self._change:
            self._refuse_when_stopping()
            self._at_work += 1
        try:
            yield
        finally:
            with self._change:
                self._at_work -= 1
                self._change.notify_all()

    def step(self, stage: str) -> None:
        """Count one step of one slab."""
        with self._change:
            self._refuse_when_stopping()
            self._done += 1
            self._progress(stage, self._done, self._total)

    def stop(self) -> None:
        """Let no slab begin or go on, and return once none is at work."""
        with self._change:
            self._stopping = True
            self._change.wait_for(lambda: self._at_work == 0)

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise _Stopped
