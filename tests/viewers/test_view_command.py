import importlib.util
import os
import subprocess
import sys

import pytest

from xanesmap.viewers import view_command


def test_view_refuses_what_is_no_result(refused, tmp_path):
    refused("view", tmp_path / "nothing.zarr", named=["nothing.zarr", "does not exist"])


def test_view_without_napari_says_how_to_install_it(refused, small_result, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        view_command.importlib.util, "find_spec", lambda name: None if name == "napari" else found(name)
    )
    refused("view", small_result.path, named=["napari is not installed", "pip install"])


def test_several_results_that_make_no_series_are_refused(refused, small_result, tmp_path):
    refused("view", small_result.path, tmp_path / "nothing.zarr", named=["nothing.zarr", "does not exist"])
    refused("view", tmp_path / "series.toml", named=["series.toml", "cannot be read"])


SETTINGS_OF_A_VIEW = """
from xanesmap.viewers.view_command import read_in_the_background
read_in_the_background()
from napari.settings import get_settings
settings = get_settings()
settings.appearance.theme = "light"
print(settings.experimental.async_)
"""


@pytest.mark.parametrize(("given", "shown"), [(None, "True"), ("0", "False")])
def test_view_reads_in_the_background_and_leaves_no_trace_of_it_in_the_settings_of_napari(given, shown, tmp_path):
    pytest.importorskip("napari", reason="napari is not installed ('.[napari]')")
    settings = tmp_path / "settings.yaml"
    environment = {name: value for name, value in os.environ.items() if name != "NAPARI_ASYNC"}
    environment |= {"NAPARI_CONFIG": str(settings), **({"NAPARI_ASYNC": given} if given else {})}
    words = [sys.executable, "-W", "ignore", "-c", SETTINGS_OF_A_VIEW]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [shown]
    assert "theme: light" in settings.read_text(encoding="utf-8")
    assert "async" not in settings.read_text(encoding="utf-8")
