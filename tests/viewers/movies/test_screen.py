import os
import shutil
from pathlib import Path

import pytest

from xanesmap.errors import DataError
from xanesmap.viewers.movies.screen import any_screen, has_screen


@pytest.fixture
def no_screen(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")


def test_the_screen_of_the_machine_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":77")
    assert has_screen()
    with any_screen():
        assert os.environ["DISPLAY"] == ":77"


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_a_screen_is_started_and_ended_and_the_surroundings_are_as_before(no_screen, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    with any_screen():
        display = os.environ["DISPLAY"]
        number = int(display.removeprefix(":"))
        assert Path(f"/tmp/.X11-unix/X{number}").exists()
        assert "QT_QPA_PLATFORM" not in os.environ
    assert "DISPLAY" not in os.environ
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
    assert not Path(f"/tmp/.X11-unix/X{number}").exists()


def test_without_any_screen_it_says_what_to_install(no_screen, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataError, match=r"apt-get install xvfb"), any_screen():
        pass


def test_a_stand_in_that_does_not_start_is_told(no_screen, monkeypatch, tmp_path):
    program = tmp_path / "Xvfb"
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(DataError, match="did not start"), any_screen():
        pass
