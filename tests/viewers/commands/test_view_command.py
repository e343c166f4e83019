import importlib.util

from xanesmap.viewers.commands import view_command


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
