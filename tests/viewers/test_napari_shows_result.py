"""A window is opened for real: GL needs a display, so this runs under Xvfb where there is no screen."""

import importlib.util
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import xanesmap

SCRIPT = """
import sys
import napari
import numpy as np
import xanesmap

result = xanesmap.open_result(sys.argv[1])
viewer = napari.Viewer(show=True)
scale = (result.pixel_size_um,) * 3
viewer.add_image(result.fraction[0].data, scale=scale, units=("um",) * 3, axis_labels=result.amount.dims)
viewer.add_labels(np.asarray(result.phase_labels), scale=scale, units=("um",) * 3, opacity=0.5)
np.save(sys.argv[2], viewer.screenshot(canvas_only=True, flash=False))
viewer.close()
"""

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("napari") is None, reason="napari is not installed ('.[napari]')"),
    pytest.mark.skipif(
        not os.environ.get("DISPLAY") and shutil.which("xvfb-run") is None, reason="neither a display nor xvfb-run"
    ),
]


def test_napari_draws_fractions_and_labels_of_a_result(tmp_path):
    scan = xanesmap.simulate_scan(tmp_path / "scan", n_columns=40, n_rows=24, n_angles=61)
    result = xanesmap.map_phases(scan.folder, out=tmp_path / "result.zarr", keep_mu=False)
    command = [sys.executable, "-c", SCRIPT, str(result.path), str(tmp_path / "canvas.npy")]
    if not os.environ.get("DISPLAY"):
        command = ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1280x960x24", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    canvas = np.load(tmp_path / "canvas.npy")
    # an empty canvas has one colour; fractions are grey and labels are not
    assert len(np.unique(canvas.reshape(-1, 4), axis=0)) > 10
    assert np.ptp(canvas[..., :3].astype(int), axis=-1).max() > 50
