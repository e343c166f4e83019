import itertools

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.conversion import convert_scan
from xanesmap.phasemap.simulation import load_truth, simulate_scan
from xanesmap.reconstruct.readers import open_scan

FORMATS = ("fxi", "dataexchange", "nxtomo", "tiff")
TABLES = ("_flat.tif", "_dark.tif", "_angles.csv", "energies.csv")
"""What is beside the files of a TIFF scan."""


def simulate(folder, **settings):
    small = {"energies_ev": (7100.0, 7125.5, 7180.0), "n_rows": 16, "n_columns": 20, "n_angles": 9}
    return simulate_scan(folder, **{**small, **settings})


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    return {format: simulate(folder / format, format=format).folder for format in FORMATS}


def names_in(folder):
    return {path.name for path in folder.iterdir() if not path.name.endswith(TABLES)}


def assert_same_scan(read, expected):
    np.testing.assert_allclose(read.energies_ev, expected.energies_ev, atol=1e-6)
    assert read.pixel_size_nm == pytest.approx(expected.pixel_size_nm, rel=1e-9)
    for one, other in zip(read.tomograms, expected.tomograms, strict=True):
        np.testing.assert_allclose(one.angles_rad, other.angles_rad, atol=1e-12)
        assert one.time_s == pytest.approx(other.time_s, abs=1e-5)
        frames, wanted = one.read_rows(0, one.n_rows), other.read_rows(0, other.n_rows)
        for name in ("projections", "flats", "darks"):
            np.testing.assert_array_equal(getattr(frames, name), getattr(wanted, name))


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(FORMATS, 2)))
def test_the_simulator_writes_the_same_scan_in_every_format(simulated, first, second):
    assert_same_scan(open_scan(simulated[first]), open_scan(simulated[second]))


@pytest.mark.parametrize(("source", "format"), list(itertools.product(FORMATS, FORMATS)))
def test_a_converted_scan_is_the_scan(simulated, tmp_path, source, format):
    files = convert_scan(simulated[source], tmp_path / "out", format=format)
    assert names_in(tmp_path / "out") == {file.name for file in files}
    assert_same_scan(open_scan(tmp_path / "out"), open_scan(simulated[source]))


def test_a_simulated_scan_is_replaced_when_asked_in_any_format(tmp_path):
    for format in (*FORMATS, "fxi"):
        scan = simulate(tmp_path / "scan", format=format, overwrite=True)
        assert names_in(tmp_path / "scan") == {"truth", *(f.name for f in scan.files)}
    assert load_truth(tmp_path / "scan").configuration["files"] == [f.name for f in scan.files]


def test_stated_energies_and_pixel_size_are_written(simulated, tmp_path):
    convert_scan(simulated["fxi"], tmp_path, format="nxtomo", energies_ev=[8300.0, 8340.0, 8400.0], pixel_size_nm=25.0)
    scan = open_scan(tmp_path)
    np.testing.assert_allclose(scan.energies_ev, [8300.0, 8340.0, 8400.0])
    assert scan.pixel_size_nm == pytest.approx(25.0)


def test_no_scan_is_held_in_memory(simulated, tmp_path, monkeypatch):
    opened = open_scan(simulated["fxi"])
    monkeypatch.setattr(type(opened.tomograms[0]), "read_rows", None)
    assert len(convert_scan(simulated["fxi"], tmp_path / "out")) == 3


def test_a_folder_that_is_not_empty_is_refused(simulated, tmp_path):
    (tmp_path / "notes.txt").write_text("keep me")
    with pytest.raises(DataError, match=r"is not empty \(notes\.txt, 1 in all\)"):
        convert_scan(simulated["fxi"], tmp_path)
    with pytest.raises(DataError, match="no folder can be made there"):
        convert_scan(simulated["fxi"], tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "keep me"


def test_an_unknown_format_is_refused_before_anything_is_written(simulated, tmp_path):
    with pytest.raises(DataError, match="'tomviz' was asked for; there is fxi, dataexchange, nxtomo"):
        convert_scan(simulated["fxi"], tmp_path / "out", format="tomviz")
    assert not (tmp_path / "out").exists()


def test_a_conversion_that_fails_leaves_nothing(tmp_path):
    scan = simulate(tmp_path / "scan")
    with h5py.File(scan.files[2], "a") as file:
        flats = file["img_bkg"][()].astype(np.float32) - 1e6
        del file["img_bkg"]
        file["img_bkg"] = flats
    with pytest.raises(DataError, match="img_bkg has values from"):
        convert_scan(tmp_path / "scan", tmp_path / "out", format="fxi")
    assert not (tmp_path / "out").exists()
