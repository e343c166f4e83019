import json
import shutil

import pytest

from xanesmap.viewers.napari_plugin.reader import NO_LAYERS, get_reader
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
