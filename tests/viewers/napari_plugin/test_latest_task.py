import threading
import time

import pytest

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.latest_task import LatestTask


@pytest.fixture
def task(qapp, settle):
    task = LatestTask()
    yield task
    task.forget()
    settle.until(lambda: not task.is_busy())


@pytest.fixture
def told(task):
    """What the task has told, answers and failures."""
    told = []
    task.answered.connect(told.append)
    task.failed.connect(told.append)
    return told


def test_work_is_done_beside_the_window_and_answered_in_it(task, told, settle):
    threads = []
    task.answered.connect(lambda _: threads.append(threading.current_thread()))
    task.ask(lambda _: threads.append(threading.current_thread()) or 7)
    settle.until(lambda: told)
    assert told == [7]
    assert threads[0] is not threads[1]
    assert threads[1] is threading.main_thread()


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
    settle.until(lambda: told)
    assert told == [4]
    assert begun == ["slow", 4]


def test_long_work_learns_that_it_is_no_longer_wanted(task, told, settle):
    steps = []

    def long(go_on):
        while go_on():
            steps.append(1)
            time.sleep(0.01)

    task.ask(long)
    settle.until(lambda: steps)
    task.ask(lambda _: "next")
    settle.until(lambda: told)
    assert told == ["next"]


def test_a_failure_is_one_line(task, told, settle):
    def fail(_):
        message = "no file"
        raise DataError(message)

    task.ask(fail)
    settle.until(lambda: told)
    assert told == ["Error: no file"]
    settle.until(lambda: not task.is_busy())


def test_nothing_is_told_once_it_is_forgotten(task, told, settle):
    free = threading.Event()
    task.ask(lambda _: free.wait(10))
    task.forget()
    free.set()
    settle.until(lambda: not task.is_busy())
    settle()
    assert told == []
