"""The helper process by itself, without Qt."""

import json
import os
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-P", "-m", "xanesmap.viewers.napari_plugin.map_phases.job_process"]


@pytest.fixture
def start():
    """Start the process with settings; whatever the test leaves of it is ended."""
    started = []

    def call(settings):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(COMMAND, text=True, env=env, **pipes)
        started.append(process)
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        return process

    yield call
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def messages(process):
    return [json.loads(line) for line in process.stdout]


def test_a_run_tells_its_stages_and_its_result(start, small_scan, tmp_path):
    settings = {"scan": [str(small_scan.folder)], "out": str(tmp_path / "map.zarr"), "align": {"method": "none"}}
    *before, last = messages(start(settings))
    assert last["kind"] == "finished"
    assert last["path"] == str(tmp_path / "map.zarr")
    assert (tmp_path / "map.zarr" / "zarr.json").is_file()
    assert {message["kind"] for message in before} == {"progress"}
    assert before[-1]["stage"] == "Write result"
    assert before[-1]["done"] == before[-1]["total"]


def test_bad_input_gives_the_sentence_of_the_command_line(start, refused, tmp_path):
    nowhere = str(tmp_path / "nothing")
    out = str(tmp_path / "map.zarr")
    (last,) = messages(start({"scan": [nowhere], "out": out}))
    assert last["kind"] == "failed"
    # the command line prints the same, broken by nothing
    assert last["text"] == refused("run", nowhere, "--out", out).strip()


def test_the_end_of_its_input_stops_a_run_and_leaves_nothing(start, small_scan, tmp_path):
    out = tmp_path / "map.zarr"
    process = start({"scan": [str(small_scan.folder)], "out": str(out), "threads": 1, "memory": 30_000_000})
    first = json.loads(process.stdout.readline())
    assert first["kind"] == "progress"
    began = time.monotonic()
    process.stdin.close()
    last = messages(process)[-1]
    assert last["kind"] == "stopped"
    assert process.wait(20) == 0
    assert time.monotonic() - began < 20
    assert list(tmp_path.iterdir()) == []
