"""The command line as its users meet it."""

import shutil
import sys
from typing import NamedTuple

import pytest

from xanesmap.phasemap.morphology import segment_phases
from xanesmap.viewers.command_line import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


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
