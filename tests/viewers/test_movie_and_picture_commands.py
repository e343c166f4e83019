import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from xanesmap.viewers.colours import phase_colours

CALL = "from xanesmap.viewers.command_line import main; main()"
CALLS = """
import json, sys
from xanesmap.viewers.command_line import main

for words in json.loads(sys.argv[1]):
    sys.argv = ["xanesmap", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""
SCREEN = ("xvfb-run", "--auto-servernum", "--server-args=-screen 0 1280x960x24")

in_3d = pytest.mark.skipif(
    importlib.util.find_spec("napari") is None or (not os.environ.get("DISPLAY") and shutil.which("Xvfb") is None),
    reason="needs napari ('.[napari]') and a screen or Xvfb",
)


def started(*words):
    """The command in a process of its own, without a screen: napari's windows end with it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["NAPARI_CONFIG"] = ""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CALL, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finished(process):
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def movies(segmented_result, tmp_path_factory):
    """Folder with a turning movie and a series in 3-D, drawn by one process that has a screen, and what it said."""
    folder = tmp_path_factory.mktemp("movies")
    later = shutil.copytree(segmented_result.path, folder / "later.zarr")
    turn = ("--kind", "rotate", "--seconds", 2, "--fps", 6, "--axis", "c", "--whole-core")
    series = ("--kind", "series", "--view", "iso", "--caption", "0 %", "--caption", "100 %", "--seconds", 1, "--fps", 4)
    calls = (
        ("movie", segmented_result.path, "--out", folder / "turn.mp4", "--size", "240x200", *turn),
        ("movie", segmented_result.path, later, "--out", folder / "series.gif", "--size", "240x200", *series),
    )
    words = json.dumps([list(map(str, call)) for call in calls])
    command = [*(() if os.environ.get("DISPLAY") else SCREEN), sys.executable, "-W", "ignore", "-c", CALLS, words]
    environment = os.environ | {"NAPARI_CONFIG": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def like(picture, colour):
    """Where a picture has a colour, however dark."""
    shade = picture[..., :3] / np.maximum(picture.max(axis=-1, keepdims=True), 1)
    return np.abs(shade - np.asarray(colour) / np.max(colour)).max(axis=-1) < 0.15


@in_3d
def test_a_picture_is_drawn_without_a_screen(segmented_result, tmp_path):
    out = tmp_path / "a.png"
    words = ("--view", "a", "--cut", "half", "--along", "a", "--far", "--width-mm", 40, "--caption", "particle 1")
    told = finished(started("picture", segmented_result.path, "--out", out, *words))
    assert "472 x 354 pixels, 40 mm at 300 dpi" in told
    with Image.open(out) as read:
        assert read.size == (472, 354)
        assert read.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        picture = np.asarray(read.convert("RGB"))
    view = picture[:230]
    green, gold, _ = phase_colours(segmented_result.phases)
    # the cut face looks at the eye: the core within the shell
    core, shell = np.argwhere(like(view, green)), np.argwhere(like(view, gold))
    assert len(core) > 200
    assert len(shell) > len(core)
    np.testing.assert_allclose(core.mean(axis=0), shell.mean(axis=0), atol=25)
    assert np.all(core.min(axis=0) > shell.min(axis=0))
    assert np.all(core.max(axis=0) < shell.max(axis=0))
    rim = np.concatenate([picture[0], picture[:230, 0], picture[:230, -1]])
    assert rim.min() == 255


@in_3d
def test_a_turning_movie_is_whole_loops_and_never_leaves_the_frame(segmented_result, movies, read_mp4):
    folder, told = movies
    assert "12 frames of 240 x 200 pixels, 2 s" in told
    movie = read_mp4(folder / "turn.mp4")
    assert movie.frames.shape == (12, 200, 240, 3)
    assert movie.seconds == pytest.approx(2, abs=0.1)
    frames = movie.frames.astype(int)
    steps = [np.abs(frames[number] - frames[(number + 1) % 12]).mean() for number in range(12)]
    assert min(steps) > 0.2  # it never stands still, from the last frame to the first neither
    assert max(steps) < 4 * np.median(steps)
    rims = np.concatenate([frames[:, 0], frames[:, :150, 0], frames[:, :150, -1]], axis=1)
    assert rims.min() > 235  # white, but for compression
    assert all(like(frame, phase_colours(segmented_result.phases)[1]).mean() > 0.01 for frame in movie.frames)


@in_3d
def test_a_series_in_3d_is_seen_by_one_camera(movies):
    with Image.open(movies[0] / "series.gif") as series:
        assert series.n_frames == 2
        frames = []
        for number in range(2):
            series.seek(number)
            frames.append(np.asarray(series.convert("RGB")).astype(int))
    assert np.abs(frames[0][:150] - frames[1][:150]).mean() < 1  # the same result, but for palettes and the caption
    assert np.abs(frames[0][170:] - frames[1][170:]).max() > 100
    assert frames[0][0, 0].min() == 255


def test_slices_and_series_need_no_screen_and_no_napari(command, small_result, tmp_path, monkeypatch, read_mp4):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setitem(sys.modules, "napari", None)
    size = ("--seconds", 1.2, "--fps", 10, "--size", "240x180")
    done = command("movie", small_result.path, "--kind", "slice", "--axis", "y", "--out", tmp_path / "y.mp4", *size)
    assert done.code == 0, done.err
    assert len(read_mp4(tmp_path / "y.mp4").frames) == 12
    copy = tmp_path / "later.zarr"
    shutil.copytree(small_result.path, copy)
    words = ("--kind", "series", "--caption", "0 %", "--caption", "100 %", "--out", tmp_path / "series.gif", *size)
    done = command("movie", small_result.path, copy, *words)
    assert done.code == 0, done.err
    with Image.open(tmp_path / "series.gif") as series:
        assert series.n_frames == 2  # frames that are the same are joined
        assert series.size == (240, 180)
        assert series.info["duration"] == 600


def test_an_interrupted_movie_leaves_nothing(small_result, tmp_path):
    process = started(
        "movie", small_result.path, "--kind", "slice", "--seconds", 60, "--fps", 100, "--out", tmp_path / "long.mp4",
        "--size", "2000x2000",
    )  # fmt: skip
    end = time.monotonic() + 100
    while not (tmp_path / "long.mp4.partial").exists() and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert not list(tmp_path.iterdir())


def test_bad_words_are_told_before_anything_is_drawn(refused, small_result, segmented_result, tmp_path):
    result, out = segmented_result.path, tmp_path / "movie.mp4"
    refused("movie", result, "--out", out, "--kind", "spin", named=["rotate, slice, series"])
    refused("movie", result, "--out", out, "--size", "big", named=["1280x960"])
    refused("movie", result, "--out", out, "--seconds", 0, named=["--seconds"])
    refused("movie", result, "--out", tmp_path / "movie.avi", named=[".mp4 or .gif"])
    refused("movie", tmp_path / "none.zarr", "--out", out, named=["does not exist"])
    refused("movie", result, small_result.path, "--out", out, named=["--kind series"])
    refused("movie", result, "--out", out, "--kind", "series", named=["two results"])
    refused("movie", result, "--out", out, "--kind", "slice", "--axis", "a", named=["z, y or x"])
    out.write_bytes(b"")
    refused("movie", result, "--out", out, named=["--overwrite"])
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(importlib.util.find_spec("napari") is None, reason="napari is not installed ('.[napari]')")
def test_bad_words_of_views_are_told(refused, small_result, segmented_result, tmp_path):
    result, out = segmented_result.path, tmp_path / "picture.png"
    for words, named in (
        (("--layer", "mu"), "phases, fraction, glass"),
        (("--cut", "hole"), "none, half, wedge"),
        (("--apart", "all"), "nothing, core, halves"),
        (("--particle", "first"), "'all' or 'core'"),
        (("--particle", 99), "no particle 99"),
        (("--view", "d"), "direction 'd' is not known; there are"),
        (("--along", "0,0,0"), "direction '0,0,0' is not known"),
        (("--background", "red"), "white, black, transparent"),
        (("--width-mm", 0), "--width-mm 0"),
        (("--width-mm", 900, "--dpi", 600), "cannot be drawn"),
    ):
        refused("picture", result, "--out", out, *words, named=[named])
    refused("picture", small_result.path, "--out", out, "--layer", "thickness", named=["run xanesmap segment"])
    refused("movie", result, "--out", tmp_path / "m.gif", "--background", "transparent", named=["white, black"])
    assert not list(tmp_path.iterdir())
