import threading

import pytest

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.threaded_work import ThreadedWork


@pytest.fixture
def work(qapp):
    """Work, and all it tells, with the thread it tells it in."""
    work = ThreadedWork()
    work.told = []
    for name in ("done", "failed", "progressed", "busy"):
        getattr(work, name).connect(
            lambda *values, name=name: work.told.append((name, values, threading.current_thread() is main))
        )
    main = threading.main_thread()
    yield work
    work.end()


def names(work):
    return [name for name, _, _ in work.told]


def test_results_come_in_the_thread_of_the_window(work, settle):
    def answer(progress):
        progress("Think", 1, 2)
        return threading.current_thread() is threading.main_thread()

    work.start(answer)
    settle.until(lambda: "done" in names(work))
    assert work.told == [
        ("busy", (True,), True),
        ("progressed", ("Think", 1, 2), True),
        ("busy", (False,), True),
        ("done", (False,), True),
    ]


def test_of_several_pieces_of_work_only_the_last_counts(work, settle):
    held = threading.Event()

    def slow(progress):
        held.wait(20)
        progress("Go on", 0, 1)
        return "slow"

    work.start(slow)
    work.start(lambda progress: "quick")
    settle.until(lambda: "done" in names(work))
    held.set()
    settle.until(lambda: not work.is_busy)
    settle()
    assert [values for name, values, _ in work.told if name == "done"] == [("quick",)]
    assert "progressed" not in names(work)


@pytest.mark.parametrize(
    ("error", "words"), [(DataError("no such file"), "no such file"), (KeyError("x"), "Unexpected KeyError")]
)
def test_what_fails_is_told_in_a_sentence(work, settle, error, words):
    def fail(progress):
        raise error

    work.start(fail)
    settle.until(lambda: "failed" in names(work))
    told = next(values[0] for name, values, _ in work.told if name == "failed")
    assert words in told
    assert not told.startswith("Error:")


def test_work_that_is_given_up_ends_at_its_next_step_and_tells_nothing(work, settle):
    steps = []

    def endless(progress):
        while True:
            progress("Count", len(steps), 0)
            steps.append(1)

    work.start(endless)
    settle.until(lambda: steps)
    work.cancel()
    settle.until(lambda: not work.is_busy)
    settle()
    assert "done" not in names(work)
    assert "failed" not in names(work)
    assert ("busy", (False,), True) in work.told
