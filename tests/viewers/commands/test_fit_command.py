"""Volumes and refits through the command, as users meet them."""

import json
import shutil

import h5py
import numpy as np
import pytest

from xanesmap.phasemap.result import open_result


@pytest.fixture(scope="module")
def volumes(make_volumes, tmp_path_factory):
    """A TXM-Sandbox file of known composition, in 1/um, that does not say so."""
    return make_volumes(shape=(5, 41, 52), n_energies=9).write(tmp_path_factory.mktemp("volumes") / "registered.h5")


KNOWN = ("--pixel-size-nm", 40, "--volume-unit", "1/um")


def test_info_describes_volumes_and_says_what_is_missing(command, volumes):
    outcome = command("info", volumes)
    assert outcome.code == 0, outcome.err
    for words in (
        "registered.h5",
        "7095.00",
        "5 x 41 x 52",
        "Fe K edge",
        "--pixel-size-nm",
        "--volume-unit",
        "Verdict",
    ):
        assert words in outcome.out
    report = json.loads(command("info", volumes, "--json", "--pixel-size-nm", 40).out)
    assert report["shape"] == [5, 41, 52]
    assert report["pixel_size_nm"] == 40
    assert len(report["energies"]) == 9
    assert report["verdict"]


def test_run_and_fit_take_volumes_and_make_the_same_map(command, volumes, tmp_path):
    run = command("run", volumes, *KNOWN, "--out", tmp_path / "run.zarr")
    assert run.code == 0, run.err
    assert "residuals of the fit" in run.out
    fit = command("fit", volumes, *KNOWN, "--out", tmp_path / "fit.zarr", "--no-keep-mu")
    assert fit.code == 0, fit.err
    by_run, by_fit = open_result(tmp_path / "run.zarr"), open_result(tmp_path / "fit.zarr")
    np.testing.assert_array_equal(by_run.fraction, by_fit.fraction)
    assert by_fit.mu is None
    shown = command("info", tmp_path / "run.zarr").out
    assert "5 x 41 x 52 voxels" in shown
    assert "residuals of the fit" in shown


def test_fit_takes_other_references_and_settings_and_keeps_the_rest(command, small_result, reference_files, tmp_path):
    source = tmp_path / "scan_phases.zarr"
    shutil.copytree(small_result.path, source)
    assert command("fit", source, "--background", "constant", "--threshold", 0.8, "--memory", "500MB").code == 0
    first = open_result(tmp_path / "scan_phases_refit.zarr")
    told = first.attributes["configuration"]
    assert told["spectra"]["background"] == "constant"
    assert told["phasemap"]["pure_threshold"] == 0.8
    assert first.attributes["fraction_sigma_from"] == "counting statistics"
    words = [f"--reference={name}={path}" for name, path in reference_files.items()]
    out = tmp_path / "again.zarr"
    assert command("fit", first.path, *words, "--energy-offset", 0.25, "--out", out).code == 0
    again = open_result(out).attributes
    assert again["energy_offset_ev"] == 0.25
    assert again["configuration"]["spectra"]["background"] == "constant"
    assert again["references"][0]["source"].endswith("LiFePO4.csv")


def test_given_energies_are_recorded(command, volumes, tmp_path):
    out = tmp_path / "r.zarr"
    words = ("--energies-ev", "7100:7180:10", *KNOWN, "--out", out, "--no-keep-mu")
    assert command("run", volumes, *words).code == 0
    result = open_result(out)
    np.testing.assert_array_equal(result.energies_ev, np.arange(7100, 7181, 10))
    assert result.attributes["configuration"]["reconstruct"]["energies_ev"] == list(range(7100, 7181, 10))
    assert any("energies were given by the user" in warning for warning in result.warnings)


def spoil(volumes, folder, name):
    """A copy of the file with one thing wrong."""
    path = shutil.copy(volumes, folder / "spoilt.h5")
    results = "registration_results/reg_results"
    if name == "truncated":
        path.write_bytes(volumes.read_bytes()[:4000])
        return path
    with h5py.File(path, "r+") as file:
        if name == "energies":
            file[f"{results}/eng_list"][0] = 71.12
        elif name == "rank":
            flat = file[f"{results}/registered_xanes3D"][0]
            del file[f"{results}/registered_xanes3D"]
            file[f"{results}/registered_xanes3D"] = flat
        elif name == "text":
            del file[f"{results}/registered_xanes3D"]
            file[f"{results}/registered_xanes3D"] = "volumes"
    return path


SPOILT = {
    "truncated": ["spoilt.h5", "cannot be read as HDF5"],
    "energies": ["spoilt.h5", "71.12", "keV"],
    "rank": ["spoilt.h5", "(energy, z, y, x)"],
    "text": ["spoilt.h5", "(energy, z, y, x)"],
}


@pytest.mark.parametrize("verb", ["info", "run", "fit"])
@pytest.mark.parametrize("case", SPOILT)
def test_damaged_volumes_end_in_one_line(case, verb, refused, volumes, tmp_path):
    path = spoil(volumes, tmp_path, case)
    words = () if verb == "info" else (*KNOWN, "--out", tmp_path / "r.zarr")
    if verb == "fit" and case == "truncated":
        refused(verb, path, *words, named=["spoilt.h5", "neither reconstructed volumes"])
    else:
        refused(verb, path, *words, named=SPOILT[case])
    assert not (tmp_path / "r.zarr").exists()


def test_wrong_questions_end_in_one_line(refused, volumes, small_scan, small_result, tmp_path):
    out = ("--out", tmp_path / "r.zarr")
    refused("run", volumes, *out, named=["registered.h5", "voxel size", "--pixel-size-nm"])
    refused("fit", volumes, *out, "--pixel-size-nm", 40, "--volume-unit", "1/nm", named=["'reconstruct.volume_unit'"])
    refused("fit", volumes, *out, *KNOWN, "--energies-ev", "7100,7110", named=["2 energies for 9 volumes"])
    refused("fit", volumes, *out, *KNOWN, "--reference", "A=nowhere.csv", named=["nowhere.csv"])
    refused("fit", small_scan.folder, *out, named=["neither reconstructed volumes", "xanesmap run"])
    refused("fit", tmp_path / "nowhere", *out, named=["nowhere", "neither"])
    refused("fit", small_result.path, "--out", small_result.path, "--overwrite", named=["replace its own input"])
    refused("convert", volumes, tmp_path / "c", named=["reconstructed volumes", "'xanesmap run', 'fit' and 'info'"])
    assert list(tmp_path.iterdir()) == []
