import time

import pytest

from xanesmap.phasemap.result import open_result
from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.napari_plugin import sample_data, sample_store
from xanesmap.viewers.napari_plugin.sample_store import sample_folder, sample_result, sample_scan
from xanesmap.viewers.napari_plugin.session import layer_of_kind


@pytest.fixture
def smaller(monkeypatch, small_settings):
    """Makes the samples quickly."""
    monkeypatch.setattr(sample_store, "SIZE", small_settings)


@pytest.fixture
def cache(smaller, monkeypatch, tmp_path):
    """A cache of the user that is empty."""
    monkeypatch.setattr(sample_store.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "xanesmap"


def test_samples_are_kept_in_the_cache_of_the_user_by_version(cache):
    assert sample_folder().parent == cache
    assert sample_store.__version__ in sample_folder().name


def test_samples_are_made_once_with_particles_and_leave_nothing_else(smaller, tmp_path):
    stages = []
    path = sample_result(tmp_path, progress=lambda stage, done, total: stages.append(stage))
    assert open_result(path).particle_labels is not None
    assert open_scan(tmp_path / "scan").n_rows == 24
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["result.zarr", "scan"]
    assert stages[0] == "Simulate scan"
    stages.clear()
    start = time.monotonic()
    assert sample_result(tmp_path, progress=lambda *step: stages.append(step)) == path
    assert (stages, time.monotonic() - start < 0.1) == ([], True)


def test_a_scan_that_was_interrupted_is_not_taken(smaller, tmp_path, monkeypatch):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_scan(tmp_path, progress=lambda stage, done, total: stop(done, total))
    assert list(tmp_path.iterdir()) == []


def test_napari_opens_the_samples_while_its_window_lives_on(viewer, cache):
    viewer.open_sample("xanesmap", "simulated_scan")
    assert [layer.name for layer in viewer.layers] == ["counts of scan"]
    viewer.layers.clear()
    viewer.open_sample("xanesmap", "simulated_result")
    assert layer_of_kind(viewer, "particle") is not None


def test_a_cache_that_cannot_be_written_is_told_in_a_sentence(viewer, cache, monkeypatch):
    cache.write_text("a file in the way", encoding="utf-8")
    told = []
    monkeypatch.setattr(sample_data, "show_error", told.append)
    assert sample_data.open_sample_result() == []
    assert len(told) == 1
