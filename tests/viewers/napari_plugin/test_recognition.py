import shutil

import h5py
import numpy as np
import pytest
import tifffile

from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.viewers.napari_plugin.recognition import recognise


def test_results_and_scans_are_told(small_result, small_scan):
    assert recognise([small_result.path]) == "result"
    assert recognise([small_scan.folder]) == "scan"
    assert recognise([small_scan.files[0]]) == "scan"
    assert recognise(list(small_scan.files)) == "scan"


@pytest.mark.parametrize("file_format", ["nxtomo", "dataexchange", "tiff"])
def test_scans_of_other_formats_are_told(file_format, small_settings, tmp_path):
    few = {**small_settings, "n_angles": 3, "energies_ev": (7100.0, 7150.0), "n_rows": 16, "n_columns": 32}
    scan = simulate_scan(tmp_path / "scan", format=file_format, **few)
    assert recognise([scan.folder]) == "scan"


def foreign(tmp_path):
    """Paths that are not ours, by name."""
    paths = {name: tmp_path / name for name in ("other.h5", "text.h5", "picture.tif", "other.zarr", "folder", "empty")}
    with h5py.File(paths["other.h5"], "w") as file:
        file["something"] = np.zeros(3)
    paths["text.h5"].write_text("no HDF5", encoding="utf-8")
    tifffile.imwrite(paths["picture.tif"], np.zeros((4, 4), np.uint8))
    paths["other.zarr"].mkdir()
    (paths["other.zarr"] / "zarr.json").write_text('{"attributes": {"ome": {}}}', encoding="utf-8")
    paths["folder"].mkdir()
    shutil.copy(paths["other.h5"], paths["folder"])
    paths["empty"].mkdir()
    return paths


def test_what_is_not_ours_is_left_to_others(tmp_path):
    for name, path in foreign(tmp_path).items():
        assert recognise([path]) is None, name
    assert recognise([tmp_path / "absent.h5"]) is None
    assert recognise([]) is None


def test_files_of_which_one_is_no_scan_are_left_to_others(small_scan, tmp_path):
    other = foreign(tmp_path)["other.h5"]
    assert recognise([small_scan.files[0], other]) is None


def test_a_truncated_file_is_left_to_others(small_scan, tmp_path):
    copy = tmp_path / small_scan.files[0].name
    copy.write_bytes(small_scan.files[0].read_bytes()[:2000])
    assert recognise([copy]) is None
