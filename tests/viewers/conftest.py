"""The command line as its users meet it."""

import sys
from typing import NamedTuple

import pytest

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
