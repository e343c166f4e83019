"""Windows in a process of their own, under Xvfb where there is no screen: what is in `window_checks.py`."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("napari") is None, reason="napari is not installed ('.[napari]')"),
    pytest.mark.skipif(
        not os.environ.get("DISPLAY") and shutil.which("xvfb-run") is None, reason="neither a display nor xvfb-run"
    ),
]

CHECKS = Path(__file__).with_name("window_checks.py")


@pytest.mark.parametrize("checks", ["viewer", "click"])
def test_windows_of_napari(checks, small_result, tmp_path):
    command = [sys.executable, "-W", "ignore", str(CHECKS), checks, str(small_result.path), str(tmp_path)]
    if not os.environ.get("DISPLAY"):
        command = ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1920x1200x24", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "All checks passed."
