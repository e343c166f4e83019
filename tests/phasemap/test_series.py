import json
import shutil

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.series import is_series, open_series


@pytest.fixture
def states(small_result, tmp_path):
    """Folder with two copies of a result."""
    for name in ("a", "b"):
        shutil.copytree(small_result.path, tmp_path / f"{name}.zarr")
    return tmp_path


def change(path, **values):
    """Put other root attributes into a result."""
    root = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    root["attributes"]["xanesmap"].update(values)
    (path / "zarr.json").write_text(json.dumps(root), encoding="utf-8")


def test_results_in_order_are_a_series_without_a_curve(states):
    series = open_series([states / "b.zarr", states / "a.zarr"])
    assert [state.name for state in series.states] == ["b", "a"]
    assert np.isnan(series.along("capacity")).all()
    assert series.curve is None


def test_a_description_gives_places_and_curve_from_its_own_folder(states, monkeypatch):
    (states / "cycler.csv").write_text("time (min),Q (mAh),E (V)\n0,0,3\n60,2,4\n", encoding="utf-8")
    (states / "series.toml").write_text(
        'name = "cell 7"\ncapacity_unit = "mAh"\n[[state]]\nresult = "a.zarr"\nname = "pristine"\ncapacity = 0\n'
        '[[state]]\nresult = "b.zarr"\ntime_h = 1\nvoltage_v = 4.0\n[curve]\nfile = "cycler.csv"\n',
        encoding="utf-8",
    )
    monkeypatch.chdir("/")
    series = open_series([states / "series.toml"])
    assert [state.name for state in series.states] == ["pristine", "b"]
    np.testing.assert_array_equal(series.along("capacity"), [0, np.nan])
    np.testing.assert_array_equal(series.along("time_h"), [np.nan, 1])
    np.testing.assert_allclose(series.curve.time_h, [0, 1])


def test_json_says_the_same_as_toml(states):
    described = {"state": [{"result": "a.zarr", "time_h": 0.5}, {"result": "b.zarr"}]}
    (states / "series.json").write_text(json.dumps(described), encoding="utf-8")
    series = open_series([states / "series.json"])
    assert series.states[0].time_h == 0.5
    assert series.name == "series"


def test_a_series_is_told_from_a_result(states):
    assert not is_series([states / "a.zarr"])
    assert is_series([states / "a.zarr", states / "b.zarr"])
    assert is_series(["any.TOML"])


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"phases": ["LiFePO4", "Other"]}, r"has phases \('LiFePO4', 'FePO4'\).*has \('LiFePO4', 'Other'\)"),
        ({"pixel_size_um": 0.3}, "voxels of um"),
        ({"status": "running"}, "is not finished"),
    ],
)
def test_results_that_cannot_share_their_sliders_are_refused(states, attributes, words):
    change(states / "b.zarr", **attributes)
    with pytest.raises(DataError, match=words):
        open_series([states / "a.zarr", states / "b.zarr"])


def test_results_of_different_shapes_are_refused_with_both_shapes(small_result, make_volumes, tmp_path):
    from xanesmap.phasemap.pipeline import map_phases

    volumes = make_volumes(shape=(5, 24, 26), n_energies=12).write(tmp_path / "volumes.h5")
    other = map_phases(volumes, out=tmp_path / "other.zarr", reconstruct={"pixel_size_nm": 320.0})
    with pytest.raises(DataError, match=r"\(24, 40, 40\).*\(5, 24, 26\).*same region"):
        open_series([small_result.path, other.path])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[state]]\nresult = 'a.zarr'\ncharge = 3\n", "state.0.charge: Extra inputs"),
        ("name = 'nothing'\n", "state: Field required"),
        ("state = []\n", "state: List should have at least 1"),
        ("= 3", "is not valid TOML"),
        ("[[state]]\nresult = 'c.zarr'\n", "c.zarr' does not exist"),
        ("[[state]]\nresult = 'a.zarr'\n[curve]\nfile = 'none.csv'\n", "none.csv: cannot be read"),
    ],
)
def test_descriptions_that_cannot_be_used_are_refused_with_what_they_may_hold(states, text, words):
    (states / "series.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        open_series([states / "series.toml"])


def test_nothing_is_no_series():
    with pytest.raises(DataError, match="at least one result"):
        open_series([])
