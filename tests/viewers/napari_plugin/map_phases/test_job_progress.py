import json

import pytest

from xanesmap.viewers.napari_plugin.map_phases.job_progress import (
    JobState,
    after_message,
    after_process_ended,
    progress_text,
    seconds_left,
    time_text,
)


def told(state, now_s=0.0, **message):
    return after_message(state, json.dumps(message), now_s=now_s)


def test_the_time_left_counts_from_the_begin_of_the_stage():
    state = JobState(began_s=100, stage_began_s=100)
    assert seconds_left(state, now_s=105) is None
    state = told(state, now_s=110, kind="progress", stage="Align", done=0, total=4)
    state = told(state, now_s=116, kind="progress", stage="Align", done=3, total=4)
    assert seconds_left(state, now_s=116) == pytest.approx(2)
    assert progress_text(state, now_s=116) == "Align 3 of 4: 16 s so far, 2 s left of this stage"
    assert state.share == 0.75
    state = told(state, now_s=118, kind="progress", stage="Align", done=4, total=4)
    assert progress_text(state, now_s=118) == "Align 4 of 4: 18 s so far"


def test_a_new_stage_begins_its_own_clock():
    state = told(JobState(), now_s=50, kind="progress", stage="Align", done=4, total=4)
    state = told(state, now_s=60, kind="progress", stage="Map", done=0, total=10)
    assert (state.stage, state.stage_began_s, state.share) == ("Map", 60, 0)


def test_lines_that_are_no_messages_change_nothing():
    state = told(JobState(), now_s=1, kind="progress", stage="Align", done=1, total=4)
    for line in ("", "numba says hello\n", "[1, 2]", '"text"', '{"stage": 1}'):
        assert after_message(state, line, now_s=2) is state


def test_the_end_of_a_run_is_the_one_it_told():
    finished = told(JobState(), kind="finished", path="/data/map.zarr", notes=["one"])
    assert (finished.end, finished.path, finished.notes) == ("finished", "/data/map.zarr", ("one",))
    assert after_process_ended(finished, exit_code=0, was_stopped=True) == finished
    failed = told(JobState(), kind="failed", text="Error: no scan")
    assert after_process_ended(failed, exit_code=2, was_stopped=False).text == "Error: no scan"


def test_a_process_that_was_stopped_or_killed_says_so():
    assert after_process_ended(JobState(), exit_code=-9, was_stopped=True).end == "stopped"
    silent = after_process_ended(JobState(), exit_code=9, was_stopped=False)
    assert silent.end == "failed"
    assert "exit code 9" in silent.text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1:00 min"), (61, "1:01 min"), (3600 * 2 + 185, "2 h 03 min"), (-1, "0 s")],
)
def test_times_are_told_as_people_say_them(seconds, text):
    assert time_text(seconds) == text
