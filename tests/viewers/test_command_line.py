import errno
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from xanesmap import __version__
from xanesmap.phasemap import pipeline
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import simulate_scan

STAGES = (
    "Read frames",
    "Align",
    "Judge alignment",
    "Centre and noise",
    "Energy scale",
    "Reconstruct and fit",
    "Mask and phases",
    "Write result",
    "Simulate scan",
    "Draw figures",
)
STAGE_LINE = re.compile(rf"({'|'.join(STAGES)})( \.\.\.|: (\d+) of \3)")
MIDDLE = "fly_scan_id_10004.h5"
OTHER = "fly_scan_id_10006.h5"
ALONE = ("--align", "none")
"""Of runs in which alignment is not the point: it takes most of their time."""
QUICK = (*ALONE, "--no-keep-mu")


@pytest.fixture(scope="session")
def template_result(small_scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("earlier") / "earlier.zarr"
    return pipeline.map_phases(small_scan.folder, out=out, keep_mu=False, align={"method": "none"}).path


@pytest.fixture
def earlier(template_result, tmp_path):
    """A finished result of an earlier run, at a path of its own."""
    return Path(shutil.copytree(template_result, tmp_path / "earlier.zarr"))


def tree_hash(folder):
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"folder")
    return digest.hexdigest()


def lines_of(text):
    return [line for line in text.splitlines() if line.strip()]


def assert_refused(outcome, *named):
    """Exit code 2 and one line that says what; only names of stages may stand above it."""
    lines = lines_of(outcome.err)
    assert outcome.code == 2, outcome
    assert lines[-1].startswith("Error: "), outcome.err
    assert all(STAGE_LINE.fullmatch(line) for line in lines[:-1]), outcome.err
    assert "Traceback" not in outcome.err + outcome.out
    for words in named:
        assert str(words) in lines[-1]


def assert_untouched(earlier, before):
    assert tree_hash(earlier) == before
    assert sorted(path.name for path in earlier.parent.glob("earlier.zarr*")) == ["earlier.zarr"]
    assert not list(earlier.parent.glob(".xanesmap-*"))


# --- scans that cannot be used ------------------------------------------------------------------------------------


def change(folder, name, **datasets):
    """Replace datasets of a file; None removes one."""
    with h5py.File(folder / name, "r+") as file:
        for key, values in datasets.items():
            del file[key]
            if values is not None:
                file[key] = values


def read(folder, name, key):
    with h5py.File(folder / name) as file:
        return file[key][()]


def empty(folder):
    for path in folder.iterdir():
        path.unlink()


def fill_with_pictures(folder):
    empty(folder)
    (folder / "a.tif").write_bytes(b"II*\0")


def keep_one(folder):
    for path in folder.iterdir():
        if path.name != MIDDLE:
            path.unlink()


def write_text(folder):
    (folder / MIDDLE).write_text("this is no HDF5")


def truncate(folder):
    data = (folder / MIDDLE).read_bytes()
    (folder / MIDDLE).write_bytes(data[: len(data) // 2])


def remove(key):
    def spoil(folder):
        change(folder, MIDDLE, **{key: None})

    return spoil


def narrow(folder):
    cut = {key: read(folder, MIDDLE, key)[..., :-2] for key in ("img_tomo", "img_bkg", "img_dark")}
    change(folder, MIDDLE, **cut)


def narrow_flats(folder):
    change(folder, MIDDLE, img_bkg=read(folder, MIDDLE, "img_bkg")[..., :-2])


def drop_angle(folder):
    change(folder, MIDDLE, angle=read(folder, MIDDLE, "angle")[:-1])


def angles_in_radians(folder):
    change(folder, MIDDLE, angle=np.deg2rad(read(folder, MIDDLE, "angle")))


def darken_flats(folder):
    change(folder, MIDDLE, img_bkg=np.zeros_like(read(folder, MIDDLE, "img_bkg")))


def flats_of_ones(folder):
    change(folder, MIDDLE, img_bkg=np.ones((1, 24, 40), np.uint16))


def put_nan(folder):
    frames = read(folder, MIDDLE, "img_tomo").astype(np.float32)
    frames[7, 3, 5] = np.nan
    change(folder, MIDDLE, img_tomo=frames)


def same_energy(folder):
    change(folder, MIDDLE, X_eng=read(folder, OTHER, "X_eng"))


def swap_energies(folder):
    first, second = read(folder, MIDDLE, "X_eng"), read(folder, OTHER, "X_eng")
    change(folder, MIDDLE, X_eng=second)
    change(folder, OTHER, X_eng=first)


def energy_in_mev(folder):
    change(folder, MIDDLE, X_eng=0.0071245)


def empty_energy(folder):
    change(folder, MIDDLE, X_eng=np.zeros(0))


def no_pixel_size(folder):
    for path in folder.iterdir():
        change(folder, path.name, **{"Pixel Size": None})


SCANS = {
    "empty folder": (empty, ["scan", "nothing", "Check the path"]),
    "no scan in the folder": (fill_with_pictures, ["scan", "1 .tif file", "Check the path"]),
    "one energy": (keep_one, [MIDDLE, "two energies", "Give the folder"]),
    "no HDF5": (write_text, [MIDDLE, "cannot be read as HDF5", "copy it again"]),
    "truncated": (truncate, [MIDDLE, "cannot be read as HDF5", "truncated"]),
    "no projections": (remove("img_tomo"), [MIDDLE, "'img_tomo'", "missing"]),
    "no flats": (remove("img_bkg"), [MIDDLE, "'img_bkg'", "missing"]),
    "no darks": (remove("img_dark"), [MIDDLE, "'img_dark'", "missing"]),
    "no angles": (remove("angle"), [MIDDLE, "'angle'", "missing"]),
    "no energy": (remove("X_eng"), [MIDDLE, "'X_eng'", "missing"]),
    "shapes differ": (narrow, [MIDDLE, "38", "40"]),
    "flats of another shape": (narrow_flats, [MIDDLE, "'img_bkg'", "(20, 24, 38)"]),
    "angle count": (drop_angle, [MIDDLE, "'angle'", "40 projections"]),
    "angles in radians": (angles_in_radians, [MIDDLE, "'angle'", "degrees"]),
    "dark flats": (darken_flats, [MIDDLE, "'img_bkg'", "no light"]),
    "placeholder flats": (flats_of_ones, [MIDDLE, "'img_bkg'", "no flats were recorded"]),
    "NaN": (put_nan, [MIDDLE, "'img_tomo'", "NaN", "frame 7"]),
    "energies duplicated": (same_energy, [MIDDLE, OTHER, "7133.50 eV"]),
    "energies unsorted": (swap_energies, ["10005.h5", "out of order", "--sort-energies"]),
    "energy in MeV": (energy_in_mev, [MIDDLE, "'X_eng'", "keV"]),
    "energy empty": (empty_energy, [MIDDLE, "'X_eng'", "0 values"]),
    "no pixel size": (no_pixel_size, ["fly_scan_id_10001.h5", "'Pixel Size'", "--pixel-size-nm"]),
}


@pytest.mark.parametrize("case", SCANS)
def test_a_scan_that_cannot_be_used_is_refused_in_one_line(case, command, scan_copy, earlier):
    spoil, named = SCANS[case]
    spoil(scan_copy)
    before = tree_hash(earlier)
    outcome = command("run", scan_copy, "--out", earlier, "--overwrite")
    assert_refused(outcome, *named)
    assert_untouched(earlier, before)


def test_a_scan_that_is_not_there_is_refused(command, earlier, tmp_path):
    before = tree_hash(earlier)
    assert_refused(command("run", tmp_path / "nowhere", "--out", earlier, "--overwrite"), tmp_path / "nowhere", "Check")
    pattern = tmp_path / "*.h5"
    assert_refused(command("run", pattern, "--out", earlier, "--overwrite"), pattern, "no file matches")
    assert_untouched(earlier, before)


def test_the_root_folder_is_refused_like_any_other(command):
    assert_refused(command("run", "/"), "no scan files", "Check the path")


@pytest.mark.parametrize("case", ["empty folder", "no HDF5", "angle count", "energies duplicated"])
def test_info_refuses_the_same_scans(case, command, scan_copy):
    spoil, named = SCANS[case]
    spoil(scan_copy)
    assert_refused(command("info", scan_copy), *named)


def test_info_shows_a_single_energy_and_says_what_is_missing(command, scan_copy):
    keep_one(scan_copy)
    outcome = command("info", scan_copy)
    assert outcome.code == 0, outcome.err
    assert "Only one energy" in outcome.out
    assert "Not ready for a phase map" in outcome.out


def test_convert_writes_a_scan_that_info_reads(command, scan_copy, tmp_path):
    outcome = command("convert", scan_copy, tmp_path / "nexus", "--format", "nxtomo")
    assert outcome.code == 0, outcome.err
    assert "scan_0001.nxs" in outcome.out
    assert command("info", tmp_path / "nexus").out.splitlines()[-1] == command("info", scan_copy).out.splitlines()[-1]
    assert_refused(command("convert", scan_copy, tmp_path / "nexus"), "not empty", "another folder")


def test_sort_energies_accepts_files_out_of_order(command, scan_copy, tmp_path):
    swap_energies(scan_copy)
    outcome = command("run", scan_copy, "--sort-energies", *QUICK, "--out", tmp_path / "sorted.zarr")
    assert outcome.code == 0, outcome.err
    assert "sorted" in outcome.out


def test_info_shows_energies_out_of_order_with_what_to_do_and_a_run_refuses_them(command, scan_copy, earlier):
    swap_energies(scan_copy)
    outcome = command("info", scan_copy)
    assert outcome.code == 0, outcome.err
    lines = lines_of(outcome.out)
    for path in scan_copy.glob("*.h5"):
        assert any(path.name in line and "24 x 40" in line for line in lines)
    (told,) = [line for line in lines if "out of order" in line]
    assert told.startswith("Error")
    assert "10005.h5: its energy, 7129.00 eV, is out of order after fly_scan_id_10004.h5" in told
    assert "--sort-energies" in told
    assert lines[-1] == "Verdict   Not ready for a phase map: 1 problem(s) to solve first."
    report = json.loads(command("info", scan_copy, "--json").out)
    (problem,) = [problem for problem in report["problems"] if problem["severity"] == "error"]
    assert problem["finding"] in told
    assert "--sort-energies" in problem["remedy"]
    assert report["verdict"].startswith("Not ready")
    sorted_lines = lines_of(command("info", scan_copy, "--sort-energies").out)
    (told,) = [line for line in sorted_lines if "not recorded in order" in line]
    assert told.startswith("Warning")
    assert_refused(command("run", scan_copy, "--out", earlier, "--overwrite"), "out of order", "--sort-energies")


def test_a_given_pixel_size_stands_in_for_a_missing_one(command, scan_copy, tmp_path):
    no_pixel_size(scan_copy)
    out = tmp_path / "given.zarr"
    outcome = command("run", scan_copy, "--pixel-size-nm", 250, *QUICK, "--out", out)
    assert outcome.code == 0, outcome.err
    result = open_result(out)
    assert result.pixel_size_um == pytest.approx(0.25)
    assert "The pixel size, 250 nm, was given by the user. (8 of 8 files)" in result.warnings


def test_what_is_given_in_place_of_the_files_is_recorded_in_the_result(command, scan_copy, tmp_path):
    energies = [7100.0 + 10 * index for index in range(8)]
    times = [1.7e9 + 600 * index for index in range(8)]
    (tmp_path / "times.txt").write_text("\n".join(map(repr, times)))
    out = tmp_path / "given.zarr"
    given = (
        *("--energies-ev", "7100:7170:10", "--angles-deg", "0:156:4", "--pixel-size-nm", 300),
        *("--camera-binning", 4, "--times-s", tmp_path / "times.txt"),
    )
    report = json.loads(command("info", scan_copy, "--json", *given).out)
    for key, expected in (("energy_ev", energies), ("time_s", times), ("binning", [4] * 8)):
        assert [row[key] for row in report["energies"]] == expected
    outcome = command("run", scan_copy, *QUICK, "--out", out, *given)
    assert outcome.code == 0, outcome.err
    result = open_result(out)
    recorded = result.attributes["configuration"]["reconstruct"]
    assert recorded["energies_ev"] == energies
    assert recorded["angles_deg"] == [4.0 * index for index in range(40)]
    assert recorded["pixel_size_nm"] == 300
    assert (recorded["camera_binning"], recorded["times_s"]) == (4, times)
    for words in ("The energy was", "The angles were", "The pixel size, 300 nm, was", "camera, 4, was", "The time was"):
        (told,) = [line for line in result.warnings if words in line]
        assert told.endswith("given by the user. (8 of 8 files)")


def test_stated_binning_and_times_are_written_by_convert(command, scan_copy, tmp_path):
    times = "1700000000:1700004200:600"
    words = ("--format", "dataexchange", "--camera-binning", 2, "--times-s", times)
    assert command("convert", scan_copy, tmp_path / "new", *words).code == 0
    report = json.loads(command("info", tmp_path / "new", "--json").out)
    assert [row["binning"] for row in report["energies"]] == [2] * 8
    assert [row["time_s"] for row in report["energies"]] == [1.7e9 + 600 * index for index in range(8)]


# --- references that cannot be used -------------------------------------------------------------------------------


def edited(reference_files, tmp_path, change):
    table = np.loadtxt(reference_files["LiFePO4"], delimiter=",")
    path = tmp_path / "edited.csv"
    np.savetxt(path, change(table), delimiter=",")
    return path


def without_high_energies(table):
    return table[table[:, 0] < 7150]


def in_mev(table):
    return table * [1e-6, 1]


def raw_and_short(table):
    return table[(table[:, 0] > 7105) & (table[:, 0] < 7150)] * [1, 0.5] + [0, 0.4]


def upside_down(table):
    return table * [1, -1]


def descending(table):
    return table[::-1]


def flat_line(table):
    return table * [1, 0]


REFERENCES = {
    "does not cover": (without_high_energies, ["LiFePO4", "7149", "7180.00 eV", "does not extrapolate"]),
    "in MeV": (in_mev, ["edited.csv", "neither", "eV", "keV"]),
    "not normalised": (raw_and_short, ["LiFePO4", "edited.csv", "give a normalised spectrum"]),
    "upside down": (upside_down, ["LiFePO4", "edited.csv", "Choose the column"]),
    "descending": (descending, ["edited.csv", "increasing", "Sort"]),
    "no edge": (flat_line, ["edited.csv", "no absorption edge"]),
}


@pytest.mark.parametrize("case", REFERENCES)
def test_a_reference_that_cannot_be_used_is_refused(case, command, small_scan, reference_files, earlier, tmp_path):
    spoil, named = REFERENCES[case]
    path = edited(reference_files, tmp_path, spoil)
    before = tree_hash(earlier)
    words = ("--reference", f"LiFePO4={path}", "--reference", "FePO4=bundled", "--out", earlier, "--overwrite")
    assert_refused(command("run", small_scan.folder, *words), *named)
    assert_untouched(earlier, before)


SYNTAX = {
    "missing file": (["LiFePO4=nowhere.csv"], ["nowhere.csv", "check the path"]),
    "missing column": (["LiFePO4={file}:third"], ["LiFePO4.csv", "'third'", "absorption"]),
    "no equals sign": (["lfp.csv"], ["--reference", "'lfp.csv'", "NAME=VALUE"]),
    "no file": (["LiFePO4="], ["--reference", "'LiFePO4='", "NAME=VALUE"]),
    "no name": (["=lfp.csv"], ["--reference", "'=lfp.csv'", "NAME=VALUE"]),
    "twice": (["LiFePO4={file}", "LiFePO4={file}"], ["--reference", "'LiFePO4'", "twice"]),
    "not bundled": (["NiO=bundled"], ["'NiO'", "LiFePO4 and FePO4"]),
    "reserved name": (["mixed={file}"], ["'spectra.references.mixed'", "a phase needs a name"]),
    "alike": (["A={file}", "B={file}"], ["cannot tell A and B apart", "drop one"]),
    "folder": (["LiFePO4=."], ["cannot be read", "check the path"]),
    "too many": ([f"P{i}={{file}}" for i in range(13)], ["'spectra.references'", "at most 12"]),
}


@pytest.mark.parametrize("case", SYNTAX)
def test_a_wrong_reference_option_is_refused(case, command, small_scan, reference_files, earlier):
    items, named = SYNTAX[case]
    before = tree_hash(earlier)
    words = [word for item in items for word in ("--reference", item.format(file=reference_files["LiFePO4"]))]
    assert_refused(command("run", small_scan.folder, *words, "--out", earlier, "--overwrite"), *named)
    assert_untouched(earlier, before)


# --- options and configuration files ------------------------------------------------------------------------------


OPTIONS = {
    "unknown engine": (["--engine", "astra"], ["'reconstruct.engine'", "'tomopy'", "'astra'"]),
    "unknown filter": (["--filter", "ramp"], ["'reconstruct.filter'", "'hann'", "'ramp'"]),
    "unknown background": (["--background", "cubic"], ["'spectra.background'", "'victoreen'", "'cubic'"]),
    "unknown constraint": (["--constraint", "box"], ["'spectra.constraint'", "'non-negative'", "'box'"]),
    "memory no size": (["--memory", "lots"], ["'memory'", "4GB", "'lots'"]),
    "memory negative": (["--memory", "-4GB"], ["'memory'", "4GB", "'-4GB'"]),
    "memory far too small": (["--memory", "10kB"], ["'memory'", "1000000", "found 10000"]),
    "no threads": (["--threads", "0"], ["'threads'", "found 0"]),
    "threshold": (["--threshold", "0.4"], ["'phasemap.pure_threshold'", "0.5", "found 0.4"]),
    "foil that is not there": (["--foil", "none.xdi"], ["foil none.xdi", "cannot be read"]),
    "normalisation": (["--normalisation", "cubic"], ["'spectra.normalisation'", "cubic"]),
    "bad energies": (["--bad-energies", "hide"], ["'spectra.bad_energies'", "hide"]),
    "offset no number": (["--energy-offset", "up"], ["'spectra.energy_offset_ev'", "up"]),
    "offset": (["--energy-offset", "7112"], ["'spectra.energy_offset_ev'", "50", "7112"]),
    "offset beyond the reference": (["--energy-offset", "30"], ["7199.00 eV", "+30 eV", "does not extrapolate"]),
    "centre NaN": (["--centre", "nan"], ["'reconstruct.centre_px'", "finite", "nan"]),
    "centre beside the detector": (["--centre", "40"], ["fly_scan_id_10001.h5", "columns 0 to 39", "--centre"]),
    "pixel size": (["--pixel-size-nm", "0"], ["'reconstruct.pixel_size_nm'", "greater than 0"]),
    "pixel size infinite": (["--pixel-size-nm", "inf"], ["'reconstruct.pixel_size_nm'", "inf"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_wrong_option_is_refused(case, command, small_scan, earlier):
    words, named = OPTIONS[case]
    before = tree_hash(earlier)
    assert_refused(command("run", small_scan.folder, *words, "--out", earlier, "--overwrite"), *named)
    assert_untouched(earlier, before)


def test_a_memory_budget_below_one_detector_row_is_refused(command, earlier, tmp_path):
    few = {"n_rows": 16, "n_columns": 96, "n_angles": 8, "energies_ev": (7100.0, 7120.0, 7130.0, 7150.0)}
    scan = simulate_scan(tmp_path / "wide", supersampling=1, **few)
    before = tree_hash(earlier)
    outcome = command("run", scan.folder, "--memory", "1MB", "--out", earlier, "--overwrite")
    assert_refused(outcome, "0.001 GB", "one detector row", "4 energies, 96 columns", "--memory")
    assert_untouched(earlier, before)


def test_tomopy_is_refused_where_it_is_not_installed(command, small_scan, earlier, monkeypatch):
    monkeypatch.setattr("xanesmap.reconstruct.engines.tomopy_available", lambda: False)
    before = tree_hash(earlier)
    outcome = command("run", small_scan.folder, "--engine", "tomopy", "--out", earlier, "--overwrite")
    assert_refused(outcome, "'tomopy'", "conda-forge", "--engine fourier")
    assert_untouched(earlier, before)


FILES = {
    "no TOML": ("scan = [", ["job.toml", "not valid TOML"]),
    "not text": (b"\xff\xfe\x00", ["job.toml", "not valid TOML"]),
    "no scan": ("keep_mu = true", ["job.toml", "'scan' is missing"]),
    "unknown key": ("scan = 'scan'\nengin = 'fourier'", ["job.toml", "'engin'", "there are scan, out"]),
    "unknown key in a section": (
        "scan = 'scan'\n[reconstruct]\nengin = 'fourier'",
        ["job.toml", "'reconstruct.engin'", "there are engine, filter"],
    ),
    "unknown section": ("scan = 'scan'\n[recon]\nengine = 'fourier'", ["job.toml", "'recon'", "reconstruct"]),
    "section is a number": ("scan = 'scan'\nspectra = 5", ["job.toml", "'spectra'", "found 5"]),
    "text for a switch": ("scan = 'scan'\nkeep_mu = 'perhaps'", ["job.toml", "'keep_mu'", "'perhaps'"]),
    "number for a scan": ("scan = 5", ["job.toml", "'scan'", "found 5"]),
    "number in a list": ("scan = ['a.h5', 5]", ["job.toml", "'scan.1'", "found 5"]),
    "number for a file": (
        "scan = 'scan'\n[spectra.references]\nLiFePO4 = 5",
        ["job.toml", "'spectra.references.LiFePO4'", "found 5"],
    ),
    "no reference": ("scan = 'scan'\n[spectra.references]", ["job.toml", "'spectra.references'", "at least 1"]),
    "empty scan": ("scan = []", ["job.toml", "'scan'", "at least 1"]),
    "memory": ("scan = 'scan'\nmemory = '4 elephants'", ["job.toml", "'memory'", "4 elephants"]),
    "nan": ("scan = 'scan'\n[reconstruct]\ncentre_px = nan", ["job.toml", "'reconstruct.centre_px'", "finite"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_configuration_file_is_refused_by_its_name(case, command, earlier, tmp_path):
    text, named = FILES[case]
    path = tmp_path / "job.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = tree_hash(earlier)
    # a flag that replaces part of the file does not hide what is wrong with it
    outcome = command("run", path, "--energy-offset", "0.5", "--out", earlier, "--overwrite")
    assert_refused(outcome, *named)
    assert_untouched(earlier, before)


def test_a_configuration_file_that_is_not_there_is_refused(command, tmp_path):
    assert_refused(command("run", tmp_path / "job.toml"), tmp_path / "job.toml", "Check the path")


def test_flags_override_the_file_and_paths_in_it_count_from_its_folder(command, scan_copy, reference_files, tmp_path):
    for phase, path in reference_files.items():
        shutil.copy(path, tmp_path / f"{phase}.csv")
    (tmp_path / "job.toml").write_text(
        "scan = 'scan'\nout = 'job.zarr'\nkeep_mu = true\nmemory = '500MB'\nthreads = 1\n"
        "[spectra]\nenergy_offset_ev = 3.0\nbackground = 'constant'\n"
        "[spectra.references]\nLiFePO4 = 'LiFePO4.csv'\nFePO4 = 'FePO4.csv'\n"
    )
    flags = (*QUICK, "--energy-offset", "0.25", "--memory", "400MB")
    assert command("run", tmp_path / "job.toml", *flags).code == 0
    by_file = open_result(tmp_path / "job.zarr")
    fraction, written = by_file.fraction.values, by_file.attributes["configuration"]
    assert by_file.mu is None
    assert written["memory"] == 400_000_000
    assert written["spectra"]["energy_offset_ev"] == 0.25

    references = (f"{phase}={tmp_path / f'{phase}.csv'}" for phase in reference_files)
    words = [word for item in references for word in ("--reference", item)]
    same = (*flags, "--background", "constant", "--threads", "1", "--out", tmp_path / "job.zarr", "--overwrite")
    assert command("run", scan_copy, *words, *same).code == 0
    by_flags = open_result(tmp_path / "job.zarr")
    assert by_flags.attributes["configuration"] == written | {"overwrite": True}
    np.testing.assert_array_equal(by_flags.fraction.values, fraction)


# --- destinations -------------------------------------------------------------------------------------------------


def test_an_earlier_result_is_kept_unless_asked_otherwise(command, small_scan, earlier):
    before = tree_hash(earlier)
    assert_refused(command("run", small_scan.folder, "--out", earlier), earlier, "exists already")
    assert_untouched(earlier, before)


def test_a_folder_of_someone_else_is_never_overwritten(command, small_scan, tmp_path):
    out = tmp_path / "photos.zarr"
    out.mkdir()
    (out / "holiday.txt").write_text("sun")
    assert_refused(command("run", small_scan.folder, "--out", out, "--overwrite"), out, "not a result of xanesmap")
    assert (out / "holiday.txt").read_text() == "sun"


def test_a_result_needs_a_folder_a_name_and_permission(command, small_scan, tmp_path):
    scan = small_scan.folder
    missing = tmp_path / "no" / "such" / "r.zarr"
    assert_refused(command("run", scan, "--out", missing), missing, "does not exist", "create the folder")
    assert_refused(command("run", scan, "--out", tmp_path / "r.h5"), "r.h5", "'.zarr'")
    (tmp_path / "file.zarr").write_text("")
    assert_refused(command("run", scan, "--out", tmp_path / "file.zarr", "--overwrite"), "file.zarr", "it is a file")
    forbidden = Path("/proc") if os.geteuid() == 0 else tmp_path / "forbidden"
    if os.geteuid() != 0:
        forbidden.mkdir(mode=0o555)
    assert_refused(command("run", scan, "--out", forbidden / "r.zarr"), forbidden / "r.zarr", "not writable", "choose")


def test_a_disk_too_small_for_the_result_is_refused_before_the_work(command, small_scan, earlier, monkeypatch):
    before = tree_hash(earlier)
    usage = shutil.disk_usage(earlier)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    outcome = command("run", small_scan.folder, "--out", earlier, "--overwrite")
    assert_refused(outcome, earlier, "0.001 GB are free", "free some space")
    assert len(lines_of(outcome.err)) == 1
    assert_untouched(earlier, before)


# --- trouble in the middle of the run -----------------------------------------------------------------------------


@contextmanager
def limited_files():
    """No file may grow past 20 kB, as on a disk that is nearly full: the system itself refuses the write.

    Not a fixture: pytest reports between a test and the end of its fixtures, to what may be a longer file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_system_refuses_ends_in_one_line(command, small_scan, earlier):
    before = tree_hash(earlier)
    with limited_files():
        outcome = command("run", small_scan.folder, *ALONE, "--out", earlier, "--overwrite")
    assert_refused(outcome, earlier, "disk is full", "free some space")
    assert_untouched(earlier, before)


@pytest.mark.parametrize("write", [1, 20])
def test_a_disk_that_fills_up_at_any_write_leaves_the_earlier_result(write, command, small_scan, earlier, monkeypatch):
    import zarr

    before, written, set_item = tree_hash(earlier), [], zarr.Array.__setitem__

    def fill_up(array, selection, value):
        written.append(selection)
        if len(written) >= write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        set_item(array, selection, value)

    monkeypatch.setattr(zarr.Array, "__setitem__", fill_up)
    outcome = command("run", small_scan.folder, *ALONE, "--out", earlier, "--overwrite", "--threads", "1")
    assert len(written) >= write
    assert_refused(outcome, earlier, "disk is full", "free some space")
    assert_untouched(earlier, before)


@pytest.mark.parametrize("spoil", [truncate, lambda folder: (folder / MIDDLE).unlink()], ids=["truncated", "removed"])
def test_a_file_that_breaks_after_the_survey_ends_in_one_line(spoil, command, scan_copy, earlier, monkeypatch):
    before, prepare = tree_hash(earlier), pipeline.prepare_job

    def prepare_and_spoil(*args, **kwargs):
        job = prepare(*args, **kwargs)
        spoil(scan_copy)
        return job

    monkeypatch.setattr(pipeline, "prepare_job", prepare_and_spoil)
    outcome = command("run", scan_copy, *ALONE, "--out", earlier, "--overwrite")
    assert "Reconstruct and fit ..." in outcome.err
    assert_refused(outcome, scan_copy / MIDDLE)
    assert_untouched(earlier, before)


def test_nan_in_rows_the_survey_did_not_see_ends_in_one_line(command, scan_copy, earlier, monkeypatch):
    monkeypatch.setattr("xanesmap.phasemap.mapping.survey._ROWS", 8)
    frames = read(scan_copy, MIDDLE, "img_tomo").astype(np.float32)
    frames[7, -1, 5] = np.nan
    change(scan_copy, MIDDLE, img_tomo=frames)
    before = tree_hash(earlier)
    outcome = command("run", scan_copy, *ALONE, "--out", earlier, "--overwrite", "--threads", "4")
    assert "Reconstruct and fit ..." in outcome.err
    assert_refused(outcome, scan_copy / MIDDLE, "'img_tomo'", "NaN", "frame 7")
    assert_untouched(earlier, before)


def test_ctrl_c_waits_for_the_slabs_at_work_and_leaves_the_earlier_result(command, small_scan, earlier, monkeypatch):
    before, map_slab, ended = tree_hash(earlier), pipeline.map_slab, []

    def interrupted(job, **where):
        time.sleep(0.3)  # let the main thread finish starting this one: an interrupt in there would lose the thread
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)  # at work while the main thread is already ending the run
        try:
            return map_slab(job, **where)
        finally:
            ended.append(where["start"])

    monkeypatch.setattr(pipeline, "map_slab", interrupted)
    # a job started in the background of a shell ignores the signal unless told otherwise
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        outcome = command("run", small_scan.folder, *ALONE, "--out", earlier, "--overwrite", "--threads", "1")
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ended == [0]
    assert outcome.code == 130
    assert lines_of(outcome.err)[-1] == "Interrupted: no result was written, and an earlier one is as it was."
    assert "Traceback" not in outcome.err
    assert_untouched(earlier, before)


# --- what is printed ----------------------------------------------------------------------------------------------


def test_the_installed_command_keeps_an_error_on_one_line_in_a_narrow_pipe(tmp_path):
    out = tmp_path / ("x" * 100) / ("y" * 100) / "r.zarr"
    narrow_screen = os.environ | {"COLUMNS": "40"}
    words = [sys.executable, "-m", "xanesmap", "run", str(tmp_path), "--out", str(out)]
    ended = subprocess.run(words, env=narrow_screen, capture_output=True, text=True, check=False)
    assert_refused(SimpleNamespace(code=ended.returncode, out=ended.stdout, err=ended.stderr), out, "create the folder")
    assert len(lines_of(ended.stderr)) == 1


def test_an_unforeseen_error_asks_for_a_report_and_debug_shows_where(command, small_scan, monkeypatch):
    def fail(*args, **kwargs):
        message = "no such luck\nat all"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(pipeline, "run", fail)
    outcome = command("run", small_scan.folder)
    assert outcome.code == 1
    assert lines_of(outcome.err) == [
        "Unexpected ZeroDivisionError: no such luck at all. This is a defect; run again with --debug and report it."
    ]
    with pytest.raises(ZeroDivisionError, match="no such luck"):
        command("--debug", "run", small_scan.folder)


def test_running_out_of_memory_is_told_without_a_traceback(command, small_scan, monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(pipeline, "run", fail)
    assert_refused(command("run", small_scan.folder), "out of memory", "--memory")


def test_version_and_usage(command):
    assert command("--version").out == f"xanesmap {__version__}\n"
    wrong = command("run")
    assert wrong.code == 2
    assert "Traceback" not in wrong.err
    assert {"simulate", "info", "run", "demo", "figures"} <= set(command("--help").out.split())


def test_a_run_prints_its_notes_the_phases_and_where_the_result_is(command, small_scan, tmp_path):
    out = tmp_path / "told.zarr"
    outcome = command("run", small_scan.folder, "--out", out, "--no-keep-mu")
    assert outcome.code == 0
    assert "Note: Bundled analytic references were used for LiFePO4 and FePO4." in outcome.out
    rows = {line.split()[0]: line.split() for line in lines_of(outcome.out) if line.strip()}
    summary = {row.name: row for row in open_result(out).summary().rows}
    for name in ("LiFePO4", "FePO4", "mixed"):
        assert int(rows[name][1]) == summary[name].voxels > 0
        assert float(rows[name][4]) == pytest.approx(summary[name].mean_fraction[0], abs=6e-4)
    assert lines_of(outcome.out)[-1] == f"Result: {out}"
    lines = lines_of(outcome.err)
    assert [line for line in lines if not STAGE_LINE.fullmatch(line)] == []
    assert len(set(lines)) == len(lines) >= 10


def test_the_result_lies_beside_the_scan_when_no_place_is_given(command, scan_copy):
    assert command("run", scan_copy, *QUICK).code == 0
    assert open_result(scan_copy.with_name("scan_phases.zarr")).shape == (24, 40, 40)


def test_info_prints_a_line_per_energy_even_on_a_narrow_screen(command, small_scan, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    outcome = command("info", small_scan.folder)
    assert outcome.code == 0
    lines = lines_of(outcome.out)
    for path, energy in zip(small_scan.files, small_scan.truth.energies_ev, strict=True):
        (line,) = [line for line in lines if path.name in line]
        assert f"{energy:.2f}" in line
        assert "24 x 40" in line
    assert "…" not in outcome.out
    assert "Fe K edge at 7112.0 eV" in outcome.out
    assert lines[-1].startswith("Verdict")


def test_info_as_json_is_valid_json_even_of_counts_that_are_not(command, scan_copy):
    def refuse(constant):
        pytest.fail(f"{constant} is not JSON")

    frames = read(scan_copy, MIDDLE, "img_bkg").astype(np.float32)
    frames[:] = np.nan
    change(scan_copy, MIDDLE, img_bkg=frames)
    outcome = command("info", scan_copy, "--json")
    report = json.loads(outcome.out, parse_constant=refuse)
    assert len(report["energies"]) == 8
    assert report["edge"] == "Fe K"
    assert report["energies"][3]["flat_counts"] == "NaN"
    assert any(problem["severity"] == "error" for problem in report["problems"])
    assert report["verdict"].startswith("Not ready")


# --- simulate and figures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--preset", "large"], ["'large'", "small"]),
        (["--format", "scroll"], ["'scroll'", "fxi"]),
        (["--seed", "-1"], ["seed -1"]),
        (["--photons", "-5"], ["photons"]),
        (["--disturb", "jitter_px"], ["--disturb", "NAME=VALUE"]),
        (["--disturb", "jitter_px=much"], ["--disturb", "jitter_px=1"]),
        (["--disturb", "earthquake=1"], ["earthquake", "jitter_px"]),
    ],
)
def test_a_wrong_simulation_is_refused(words, named, command, tmp_path):
    outcome = command("simulate", tmp_path / "new", *words)
    assert_refused(outcome, *named)
    assert not list(tmp_path.glob("new/*.h5"))


def test_a_simulation_never_mixes_with_other_files(command, scan_copy):
    before = tree_hash(scan_copy)
    assert_refused(command("simulate", scan_copy), scan_copy, "not empty")
    assert tree_hash(scan_copy) == before


def test_figures_need_a_finished_result(command, tmp_path, scan_copy):
    assert_refused(command("figures", tmp_path / "none.zarr"), tmp_path / "none.zarr")
    assert_refused(command("figures", scan_copy), scan_copy)


def test_figures_that_cannot_be_written_are_told_in_one_line(command, small_result, tmp_path):
    (tmp_path / "taken").write_text("a file")
    assert_refused(command("figures", small_result.path, "--out", tmp_path / "taken"), tmp_path / "taken")
