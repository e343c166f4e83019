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


def test_volumes_of_other_programs_and_2d_stacks_are_told(make_volumes, tmp_path):
    known = make_volumes((2, 6, 5), n_energies=3)
    assert recognise([known.write(tmp_path / "sandbox.h5")]) == "volumes"
    for number, energy in enumerate(known.energies_ev):
        with h5py.File(tmp_path / f"recon_scan_{number}.h5", "w") as file:
            file["img"], file["X_eng"] = known.mu[number], energy / 1000
    pyxas = sorted(tmp_path.glob("recon_scan_*.h5"))
    assert recognise(pyxas) == "volumes"
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        file["img_xanes"], file["X_eng"] = np.exp(-known.mu[:, 0]), known.energies_ev / 1000
    assert recognise([tmp_path / "stack.h5"]) == "volumes"
    tiff = tmp_path / "tiff"
    tiff.mkdir()
    for energy, mu in zip(known.energies_ev, known.mu, strict=True):
        tifffile.imwrite(tiff / f"{energy:.0f}.tif", mu, photometric="minisblack")
    lines = [f"{energy:.0f}.tif,{energy}" for energy in known.energies_ev]
    (tiff / "energies.csv").write_text("\n".join(["name,energy_ev", *lines]), encoding="utf-8")
    assert recognise([tiff]) == "volumes"


def test_series_are_told(small_result, tmp_path):
    described = tmp_path / "series.toml"
    described.write_text('[[state]]\nresult = "a.zarr"\n', encoding="utf-8")
    assert recognise([described]) == "series"
    (tmp_path / "series.json").write_text('{"state": [{"result": "a.zarr"}]}', encoding="utf-8")
    assert recognise([tmp_path / "series.json"]) == "series"
    (tmp_path / "other.toml").write_text("[project]\nname = 'state'\n", encoding="utf-8")
    assert recognise([tmp_path / "other.toml"]) is None
    assert recognise([small_result.path, small_result.path]) == "series"


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
