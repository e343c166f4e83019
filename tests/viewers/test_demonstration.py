import csv
from functools import partial

import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.viewers import demonstration
from xanesmap.viewers.demonstration import demonstrate


@pytest.fixture
def small_demonstration(monkeypatch, small_settings):
    """The demonstration on a scan of seconds instead of a minute, with its figures left out unless asked for."""
    monkeypatch.setattr(demonstration, "simulate_scan", partial(simulate_scan, **small_settings))
    monkeypatch.setattr(demonstration, "save_figures", lambda result, folder: [folder / "slices.png"])


def test_scan_result_accuracy_and_pictures_lie_in_the_folder(small_demonstration, tmp_path):
    stages = []
    shown = demonstrate(tmp_path / "demo", seed=1, progress=lambda stage, *_: stages.append(stage))
    folder = tmp_path / "demo"
    assert sorted(path.name for path in folder.iterdir()) == ["accuracy.csv", "result.zarr", "scan"]
    assert shown.result.path == folder / "result.zarr"
    assert shown.pictures == (folder / "figures" / "slices.png",)
    assert list(dict.fromkeys(stages)) == [
        "Simulate scan",
        "Read frames",
        "Align",
        "Centre and noise",
        "Energy scale",
        "Reconstruct and fit",
        "Mask and phases",
        "Write result",
        "Draw figures",
    ]
    with (folder / "accuracy.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["kind"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"core-shell", "LiFePO4", "FePO4", "mixed"}
    for row in shown.accuracy:
        assert float(rows[row.kind]["fraction"]) == row.fraction
        assert int(rows[row.kind]["voxels"]) == row.voxels
    assert shown.accuracy[0].voxels > 0

    again = demonstrate(folder, seed=2)
    assert again.accuracy != shown.accuracy


def test_a_demonstration_without_anything_to_compare_still_has_its_table(small_demonstration, tmp_path, monkeypatch):
    monkeypatch.setattr(demonstration, "compare_with_truth", lambda result, truth: ())
    shown = demonstrate(tmp_path, seed=1)
    assert shown.accuracy == ()
    header = (tmp_path / "accuracy.csv").read_text(encoding="utf-8").splitlines()
    assert header == ["kind,voxels,true_fraction,fraction,standard_error,amount_ratio,pull_width"]


def test_a_folder_that_holds_something_else_is_left_alone(small_demonstration, tmp_path):
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "mine.h5").write_bytes(b"data")
    with pytest.raises(DataError, match=r"mine\.h5 was not written by the simulation"):
        demonstrate(tmp_path)
    assert (tmp_path / "scan" / "mine.h5").read_bytes() == b"data"


def test_an_unknown_preset_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(DataError, match=r"'huge'.*small, seed-like"):
        demonstrate(tmp_path / "demo", preset="huge")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(DataError, match="demo"):
        demonstrate(tmp_path / "demo")
