import json
import shutil
import time

import h5py
import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.napari_plugin.furniture import STEP_TEXT
from xanesmap.viewers.napari_plugin.reader import NO_LAYERS, get_reader
from xanesmap.viewers.napari_plugin.series.session import shown_series
from xanesmap.viewers.napari_plugin.session import layer_of_kind


@pytest.fixture
def changed_copy(small_result, tmp_path):
    """Makes a copy of the small result with other root attributes."""

    def copied(name, **changes):
        copy = tmp_path / name
        shutil.copytree(small_result.path, copy)
        root = json.loads((copy / "zarr.json").read_text(encoding="utf-8"))
        root["attributes"]["xanesmap"].update(changes)
        (copy / "zarr.json").write_text(json.dumps(root), encoding="utf-8")
        return copy

    return copied


def test_napari_finds_the_reader_which_gives_what_a_session_shows(viewer, small_result):
    viewer.open(str(small_result.path), plugin="xanesmap")
    assert layer_of_kind(viewer, "phase") is not None
    assert viewer.canvas.overlays.scale_bar.visible


@pytest.mark.parametrize("changes", [{"status": "running"}, {"format_version": 99}])
def test_a_result_that_is_unfinished_or_newer_gives_no_layer_and_napari_lives_on(viewer, changed_copy, changes):
    copy = changed_copy("other.zarr", **changes)
    assert get_reader(str(copy))(str(copy)) == NO_LAYERS
    viewer.open(str(copy), plugin="xanesmap")
    assert len(viewer.layers) == 0


def test_a_damaged_result_gives_no_layer(viewer, changed_copy):
    copy = changed_copy("damaged.zarr")
    shutil.rmtree(copy / "fraction" / "s0")
    assert get_reader(str(copy))(str(copy)) == NO_LAYERS


def test_other_folders_are_left_to_other_plugins(tmp_path):
    assert get_reader(str(tmp_path)) is None


def test_a_chunk_that_is_damaged_is_told_once_when_it_is_looked_at(viewer, changed_copy, settle):
    copy = changed_copy("truncated.zarr")
    for chunk in (copy / "mu" / "s0" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(chunk.read_bytes()[:40])
    notified = []
    notification_manager.notification_ready.connect(notified.append)
    viewer.open(str(copy), plugin="xanesmap")
    mu = layer_of_kind(viewer, "mu")
    mu.visible = True
    for step in range(4):
        viewer.dims.set_current_step(0, step)
        settle(0.1)
    notification_manager.notification_ready.disconnect(notified.append)
    assert len(notified) == 1
    assert "mu of result" in notified[0].message
    assert "left blank" in notified[0].message
    assert np.isnan(np.asarray(mu.data[0])).all()


def test_a_scan_opens_as_frames_over_energy_and_angle(viewer, small_scan):
    viewer.open(str(small_scan.folder), plugin="xanesmap")
    (layer,) = viewer.layers
    assert layer.axis_labels == ("energy", "angle", "v", "u")
    assert layer.data.shape == (8, 40, 24, 40)
    np.testing.assert_allclose(layer.scale[-2:], 0.32)
    viewer.dims.set_current_step(0, 3)
    viewer.dims.set_current_step(1, 10)
    shown = open_scan(small_scan.folder)
    degrees = np.rad2deg(shown.tomograms[3].angles_rad[10])
    expected = f"{shown.energies_ev[3]:.2f} eV (4 of 8)   {degrees:.2f} ° (11 of 40)"
    assert viewer.canvas.overlays[STEP_TEXT].text == expected
    np.testing.assert_array_equal(layer.data[3, 10], shown.tomograms[3].read_projection(10))


def test_files_of_a_scan_open_together(small_scan):
    files = [str(file) for file in small_scan.files[:3]]
    ((data, _, kind),) = get_reader(files)(files)
    assert data.shape[0] == 3
    assert kind == "image"


def test_a_scan_that_cannot_be_read_is_told_in_a_sentence(scan_copy):
    with h5py.File(sorted(scan_copy.glob("*.h5"))[0], "a") as file:
        del file["angle"]
    assert get_reader(str(scan_copy))(str(scan_copy)) == NO_LAYERS


def test_volumes_open_over_energy_in_ev(viewer, make_volumes, tmp_path):
    known = make_volumes((5, 12, 16), n_energies=6)
    viewer.open(str(known.write(tmp_path / "registered.h5", unit="1/um")), plugin="xanesmap")
    (layer,) = viewer.layers
    assert layer.name == "attenuation (1/µm) of registered.h5"
    viewer.dims.set_current_step(0, 4)
    viewer.dims.set_current_step(1, 2)
    assert viewer.canvas.overlays[STEP_TEXT].text == f"{known.energies_ev[4]:.2f} eV (5 of 6)"
    np.testing.assert_array_equal(layer._slice.image.raw, known.mu[4, 2])


def test_a_series_opens_by_its_description_and_one_that_is_wrong_is_told(viewer, series_file, tmp_path):
    viewer.open(str(series_file), plugin="xanesmap")
    assert shown_series(viewer).name == "charge"
    count = len(viewer.layers)
    wrong = tmp_path / "series.toml"
    wrong.write_text('[[state]]\nresult = "absent.zarr"\n', encoding="utf-8")
    viewer.open(str(wrong), plugin="xanesmap")
    assert len(viewer.layers) == count


def test_opening_what_is_not_ours_takes_a_moment(tmp_path):
    for number in range(3000):
        (tmp_path / f"{number}.txt").touch()
    start = time.monotonic()
    assert get_reader(str(tmp_path)) is None
    assert time.monotonic() - start < 1
