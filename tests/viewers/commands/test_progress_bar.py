from io import StringIO

import pytest
from rich.console import Console

from xanesmap.viewers.commands.progress_bar import progress_bars


def log(width=80):
    return Console(file=StringIO(), width=width)


def terminal():
    return Console(file=StringIO(), force_terminal=True, width=120)


def test_a_log_has_a_line_for_the_begin_and_the_end_of_every_stage():
    console = log()
    with progress_bars(console) as progress:
        for done in range(1, 51):
            progress("Centre and noise", done, 50)
        progress("Write result", 0, 1)
        progress("Write result", 1, 1)
    assert console.file.getvalue().splitlines() == [
        "Centre and noise ...",
        "Centre and noise: 50 of 50",
        "Write result ...",
        "Write result: 1 of 1",
    ]


def test_a_stage_whose_end_is_told_twice_ends_once():
    console = log()
    with progress_bars(console) as progress:
        for done in (1, 2, 3, 3):
            progress("Align", done, 3)
    assert console.file.getvalue().splitlines() == ["Align ...", "Align: 3 of 3"]


def fail_in_the_middle(console):
    with progress_bars(console) as progress:
        progress("Reconstruct and fit", 1, 50)
        message = "broken"
        raise ValueError(message)


def test_a_log_shows_how_far_a_stage_came_that_failed():
    console = log()
    with pytest.raises(ValueError, match="broken"):
        fail_in_the_middle(console)
    assert console.file.getvalue() == "Reconstruct and fit ...\n"


def test_a_terminal_has_a_bar_per_stage_with_counts_and_the_time_left():
    console = terminal()
    with progress_bars(console) as progress:
        progress("Centre and noise", 8, 8)
        progress("Reconstruct and fit", 9, 18)
    last = console.file.getvalue()
    assert "Centre and noise" in last
    assert "8/8" in last
    assert "9/18" in last
    assert "left" in last


def test_stages_that_take_turns_keep_their_own_bars():
    console = terminal()
    with progress_bars(console) as progress:
        progress("A", 1, 4)
        progress("B", 1, 2)
        progress("A", 2, 4)
        progress("B", 2, 2)
    shown = console.file.getvalue()
    assert "2/4" in shown
    assert "2/2" in shown


def test_bars_are_gone_before_an_error_is_told():
    console = terminal()
    with pytest.raises(ValueError, match="broken"):
        fail_in_the_middle(console)
    # the cursor is shown again
    assert console.file.getvalue().endswith("\x1b[?25h")
