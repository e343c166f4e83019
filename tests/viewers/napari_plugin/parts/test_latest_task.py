import threading

import pytest

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask


@pytest.fixture
def task(qapp, settle):
    task = LatestTask()
    yield task
    task.end()
    settle.until(lambda: not task.is_busy)


@pytest.fixture
def told(task):
    """What the task tells: name of the signal, its values, and whether it came in the thread of the window."""
    told = []
    for name in ("answered", "failed", "progressed", "busy"):
        getattr(task, name).connect(
            lambda *values, name=name: told.append((name, values, threading.current_thread() is main))
        )
    main = threading.main_thread()
    return told


def outcomes(told):
    return [(name, *values) for name, values, _ in told if name in ("answered", "failed")]


def test_work_is_done_beside_the_window_and_all_it_tells_comes_in_it(task, told, settle):
    def work(progress):
        progress("Think", 1, 2)
        return threading.current_thread() is threading.main_thread()

    task.ask(work)
    settle.until(lambda: outcomes(told))
    assert told == [
        ("busy", (True,), True),
        ("progressed", ("Think", 1, 2), True),
        ("busy", (False,), True),
        ("answered", (False,), True),
    ]


def test_only_the_last_of_many_is_answered_and_what_waited_is_never_begun(task, told, settle):
    begun = []
    free = threading.Event()

    def slow(_):
        begun.append("slow")
        return free.wait(10)

    task.ask(slow)
    settle.until(lambda: begun)
    for number in range(5):
        task.ask(lambda _, number=number: begun.append(number) or number)
    free.set()
    settle.until(lambda: outcomes(told))
    assert outcomes(told) == [("answered", 4)]
    assert begun == ["slow", 4]


def test_long_work_ends_at_its_next_step_once_something_else_is_asked_for(task, told, settle):
    steps = []

    def endless(progress):
        while True:
            progress("Count", len(steps), 0)
            steps.append(1)

    task.ask(endless)
    settle.until(lambda: steps)
    task.ask(lambda _: "next")
    settle.until(lambda: outcomes(told))
    assert outcomes(told) == [("answered", "next")]


@pytest.mark.parametrize(
    ("error", "words"), [(DataError("no file"), "Error: no file"), (KeyError("x"), "Unexpected KeyError: 'x'.")]
)
def test_a_failure_is_the_line_of_the_command_line(task, told, settle, error, words):
    def fail(_):
        raise error

    task.ask(fail)
    settle.until(lambda: outcomes(told))
    ((kind, line),) = outcomes(told)
    assert kind == "failed"
    assert line.startswith(words)
    settle.until(lambda: not task.is_busy)


def test_nothing_is_told_once_it_is_forgotten_but_that_it_is_not_busy(task, told, settle):
    free = threading.Event()

    def work(progress):
        free.wait(10)
        progress("Go on", 0, 1)

    task.ask(work)
    task.forget()
    free.set()
    settle.until(lambda: not task.is_busy)
    settle()
    assert [(name, values) for name, values, _ in told] == [("busy", (True,)), ("busy", (False,))]
