"""Energies and angles given on the command line take the place of those of the files, and that is recorded."""

import json

import h5py
import numpy as np
import pytest

from xanesmap.phasemap.result import open_result
from xanesmap.reconstruct.readers import open_scan

ENERGIES = (7092.5, 7110.5, 7119.5, 7125.0, 7129.5, 7134.0, 7143.5, 7180.5)


@pytest.fixture
def angles_file(tmp_path):
    """The angles of the small scan, half a turn on: directions are the same, the numbers are not."""
    path = tmp_path / "angles.txt"
    np.savetxt(path, np.linspace(0, 180, 40, endpoint=False) + 180.0, header="degrees", fmt="%.6f")
    return path


def spoil(folder):
    """Take out of every file what is to be given."""
    for path in folder.iterdir():
        with h5py.File(path, "r+") as file:
            del file["angle"]
            del file["X_eng"]


def test_info_convert_and_run_take_energies_and_angles(command, scan_copy, angles_file, tmp_path):
    given = ("--energies-ev", ",".join(map(str, ENERGIES)), "--angles-deg", angles_file, "--pixel-size-nm", 300)
    report = json.loads(command("info", scan_copy, *given, "--json").out)
    assert [row["energy_ev"] for row in report["energies"]] == list(ENERGIES)
    assert report["energies"][0]["first_angle_deg"] == pytest.approx(180.0)
    assert report["energies"][0]["pixel_size_nm"] == 300

    outcome = command("convert", scan_copy, tmp_path / "converted", *given)
    assert outcome.code == 0, outcome.err
    converted = open_scan(tmp_path / "converted")
    np.testing.assert_allclose(converted.energies_ev, ENERGIES)
    np.testing.assert_allclose(np.rad2deg(converted.tomograms[0].angles_rad), np.loadtxt(angles_file))

    out = tmp_path / "given.zarr"
    assert command("run", scan_copy, *given, "--no-keep-mu", "--out", out).code == 0
    result = open_result(out)
    np.testing.assert_array_equal(result.energies_ev, ENERGIES)
    settings = result.attributes["configuration"]["reconstruct"]
    assert tuple(settings["energies_ev"]) == ENERGIES
    np.testing.assert_allclose(settings["angles_deg"], np.loadtxt(angles_file))
    for what in ("The energy was given by the user", "The angles were given by the user"):
        assert sum(what in warning for warning in result.warnings) == 1, result.warnings


def test_given_values_make_a_scan_readable_that_lacks_them(command, refused, scan_copy, angles_file):
    spoil(scan_copy)
    refused("info", scan_copy, named=["missing"])
    given = ("--energies-ev", ",".join(map(str, ENERGIES)), "--angles-deg", angles_file)
    assert command("info", scan_copy, *given).code == 0


def test_wrong_lists_end_in_one_line(refused, small_scan, angles_file, tmp_path):
    scan, out = small_scan.folder, tmp_path / "r.zarr"
    few = ("--energies-ev", "7092:7112:10")
    for command in (("info", scan), ("convert", scan, tmp_path / "c"), ("run", scan, "--out", out)):
        refused(*command, *few, named=["energies_ev gives 3 energies for 8 tomograms"])
    refused("run", scan, "--out", out, "--energies-ev", "7.1:7.17:0.01", named=["energies_ev", "Give them in eV"])
    refused("run", scan, "--out", out, "--angles-deg", "0:180:1", named=["angles_deg", "40 projections"])
    refused("run", scan, "--out", out, "--angles-deg", "angles.dat", named=["--angles-deg 'angles.dat'", "neither"])
    refused("run", scan, "--out", out, "--angles-deg", f"{angles_file}:deg", named=[angles_file, "no column 'deg'"])
    assert not out.exists()
