"""The command line as its users meet it."""

import functools
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import typer.main

from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.viewers.command_line import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def built_once():
    """Build the parser of the command line once: typer does it at each call, which takes longer than most commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture
def command(monkeypatch, capsys):
    """The command `xanesmap` as a function of its words."""

    def call(*words) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["xanesmap", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def refused(command):
    """Run a command that has to end with exit code 2 and one line, which holds some words."""

    def call(*words, named=()):
        outcome = command(*words)
        lines = [line for line in outcome.err.splitlines() if line.strip()]
        assert outcome.code == 2, outcome
        assert lines[-1].startswith("Error: "), outcome.err
        assert "Traceback" not in outcome.err + outcome.out
        for word in named:
            assert str(word) in lines[-1], outcome.err
        return lines[-1]

    return call


@pytest.fixture(scope="session")
def segmented_result(small_result, tmp_path_factory):
    """The small result with particles, one of them with core and shell, and axes a, b, c of a crystal."""
    copy = tmp_path_factory.mktemp("segmented") / "small.zarr"
    shutil.copytree(small_result.path, copy)
    axes = {"a": (0.0, 0.6, 0.8), "b": (0.0, -0.8, 0.6), "c": (1.0, 0.0, 0.0)}
    return segment_phases(copy, axes=axes, null_draws=0, error_draws=0)


class ReadMovie(NamedTuple):
    frames: np.ndarray
    """(frame, row, column, 3)."""
    fps: float
    seconds: float


@pytest.fixture
def read_mp4():
    """A function that reads an mp4 back with the program that wrote it."""
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg is not installed ('.[napari]')")

    def read(path):
        words = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        done = subprocess.run(words, capture_output=True, check=True, stdin=subprocess.DEVNULL)
        told = done.stderr.decode()
        width, height = map(int, re.search(r"Video: h264.*?, (\d+)x(\d+)[ ,]", told).groups())
        fps = float(re.search(r"([\d.]+) fps", told).group(1))
        hours, minutes, seconds = map(float, re.search(r"Duration: (\d+):(\d+):([\d.]+)", told).groups())
        frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
        return ReadMovie(frames, fps, seconds + 60 * minutes + 3600 * hours)

    return read
