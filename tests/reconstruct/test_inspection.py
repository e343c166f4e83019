import re

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.fxi import write_fxi
from xanesmap.reconstruct.inspection import find_edge, inspect_scan, missing_wedge_deg
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan import scan_from_tomograms

FRAME = (20, 30)
ENERGIES = (7090.0, 7105.0, 7115.0, 7120.0, 7126.0, 7150.0)
N_ANGLES = 48


def write_energy(folder, index, energy_ev, **changes):
    rng = np.random.default_rng(index)
    stacks = {
        "projections": rng.poisson(1500.0, (N_ANGLES, *FRAME)).astype(np.uint16) + 100,
        "flats": rng.poisson(2500.0, (10, *FRAME)).astype(np.uint16) + 100,
        "darks": np.full((4, *FRAME), 100, dtype=np.uint16),
    }
    described = {
        "angles_deg": np.linspace(10, 190, N_ANGLES),
        "pixel_size_nm": 40.0,
        "scan_id": index,
        "scan_time": 0.0,
    }
    path = folder / f"fly_scan_id_{index}.h5"
    write_fxi(path, energy_ev=energy_ev, **{**stacks, **described, **changes})
    return path


def write_scan(folder, energies_ev=ENERGIES, *, all_files=None, odd_file=None):
    """A sound scan; `all_files` changes every energy, `odd_file` the third only."""
    for index, energy in enumerate(energies_ev):
        changes = {**(all_files or {}), **((odd_file or {}) if index == 2 else {})}
        write_energy(folder, index, energy, **changes)
    return folder


def report_on(folder):
    return inspect_scan(open_scan(folder))


def test_a_sound_scan_is_ready(tmp_path):
    report = report_on(write_scan(tmp_path))
    assert report.problems == ()
    assert report.verdict == "Ready for a phase map."
    assert (report.edge, report.edge_ev) == ("Fe K", 7112.0)
    assert report.energy_step_ev == 10.0
    assert report.coverage_deg == pytest.approx(180.0)
    assert report.missing_wedge_deg == 0.0
    assert report.n_angles_crowther == 48  # pi / 2 * 30 columns = 47.1
    # 2500 photons per pixel; 600 pixels and 9 degrees of freedom give the gain to 2 %.
    assert report.photons == pytest.approx(2500, rel=0.05)
    assert report.raw_bytes == 6 * (48 + 10 + 4) * 20 * 30 * 2
    assert report.volume_bytes == 6 * 20 * 30 * 30 * 4


def test_each_energy_has_its_row(tmp_path):
    row = report_on(write_scan(tmp_path)).energies[1]
    assert (row.file, row.energy_ev, row.n_angles) == ("fly_scan_id_1.h5", 7105.0, N_ANGLES)
    assert (row.first_angle_deg, row.last_angle_deg) == (pytest.approx(10.0), pytest.approx(190.0))
    assert (row.n_rows, row.n_columns, row.n_flats, row.n_darks) == (*FRAME, 10, 4)
    assert row.pixel_size_nm == 40.0
    assert row.flat_counts == pytest.approx(2500, abs=10)
    assert row.projection_counts == pytest.approx(1500, abs=10)
    assert (row.saturated, row.dead, row.notes) == (0.0, 0.0, ())


def test_progress_is_reported_per_energy(tmp_path):
    seen = []
    inspect_scan(open_scan(write_scan(tmp_path)), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]


def test_one_projection_and_the_references_are_read_and_no_more(tmp_path, monkeypatch):
    scan = open_scan(write_scan(tmp_path))
    n_frames = {}
    original = h5py.Dataset.__getitem__

    def watched(dataset, key, **options):
        values = original(dataset, key, **options)
        n_frames[dataset.name] = n_frames.get(dataset.name, 0) + np.size(values) // np.prod(FRAME)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    inspect_scan(scan)
    assert n_frames == {"/img_tomo": 6, "/img_bkg": 60, "/img_dark": 24}


def dark_corner(stack):
    stack = np.array(stack)
    stack[..., :6, :10] = 100
    return stack


FLATS = np.random.default_rng(0).poisson(2500.0, (10, *FRAME)).astype(np.uint16) + 100
ONES, ZEROS = np.ones((1, *FRAME), np.uint16), np.zeros((1, *FRAME), np.uint16)
WEDGE = {"angles_deg": np.linspace(-70, 70, N_ANGLES)}
FEW = {"projections": np.full((10, *FRAME), 1600, np.uint16), "angles_deg": np.linspace(0, 180, 10)}
HALF = {"projections": np.full((40, *FRAME), 1600, np.uint16), "angles_deg": np.linspace(0, 180, 40)}


@pytest.mark.parametrize(
    ("change", "severity", "finding"),
    [
        ({"odd_file": {"flats": ONES, "darks": ZEROS}}, "error", r"fly_scan_id_2\.h5: no usable flats"),
        ({"all_files": {"flats": ZEROS}}, "error", r"fly_scan_id_0\.h5 and 5 more: no usable flats"),
        (
            {"odd_file": {"flats": dark_corner(FLATS)}},
            "error",
            r"fly_scan_id_2\.h5: more than 5% dead or saturated",
        ),
        (
            {"odd_file": {"flats": np.full((10, *FRAME), 65535, np.uint16)}},
            "error",
            "more than 5% dead or sat",
        ),
        ({"odd_file": {"flats": FLATS // 10 + 100}}, "warning", r"fly_scan_id_2\.h5: flats below 20%"),
        ({"odd_file": {"flats": FLATS // 2}}, "warning", r"fly_scan_id_2\.h5: a first projection brighter"),
        ({"odd_file": {"flats": FLATS[:2]}}, "warning", r"fly_scan_id_2\.h5: fewer than 3 flats"),
        ({"all_files": WEDGE}, "warning", "leave out a wedge of 37 degrees"),
        ({"odd_file": HALF}, "note", "have 40 to 48 projections"),
        ({"all_files": FEW}, "note", "10 projections, where 48"),
        ({"energies_ev": (7000.0, 7010.0, 7020.0, 7030.0, 7040.0)}, "warning", "No K or L3 absorption edge"),
        ({"energies_ev": (7100.0, 7130.0)}, "warning", "Only 2 energies"),
        ({"odd_file": {"pixel_size_nm": 40.5}}, "warning", r"changes from 40\.000 to 40\.500 nm"),
    ],
)
def test_what_looks_wrong_is_found_and_judged(tmp_path, change, severity, finding):
    report = report_on(write_scan(tmp_path, **change))
    found = {(problem.severity, problem.finding) for problem in report.problems}
    assert all(problem.remedy.endswith(".") for problem in report.problems)
    assert any(level == severity and re.search(finding, text) for level, text in found), found
    ready = {"error": "Not ready", "warning": "A phase map can be made;", "note": "Ready"}
    worst = report.problems[0].severity
    assert report.verdict.startswith(ready[worst])


def test_few_photons_are_told(tmp_path):
    rng = np.random.default_rng(1)
    few = {
        "flats": rng.poisson(60.0, (10, *FRAME)).astype(np.uint16) + 100,
        "projections": rng.poisson(40.0, (N_ANGLES, *FRAME)).astype(np.uint16) + 100,
    }
    report = report_on(write_scan(tmp_path, all_files=few))
    assert report.photons == pytest.approx(60, rel=0.1)
    assert any("photons per pixel" in problem.finding for problem in report.problems)


def test_photons_are_counts_over_gain(tmp_path):
    rng = np.random.default_rng(2)
    bright = {"flats": 4 * rng.poisson(2500.0, (10, *FRAME)).astype(np.uint16) + 100}
    report = report_on(write_scan(tmp_path, all_files=bright))
    assert report.energies[0].flat_counts == pytest.approx(10000, rel=0.01)
    assert report.photons == pytest.approx(2500, rel=0.1)


def test_a_missing_pixel_size_and_the_notes_of_the_reader_are_told(tmp_path):
    write_scan(tmp_path)
    for path in tmp_path.iterdir():
        with h5py.File(path, "a") as file:
            del file["Pixel Size"]
    problems = report_on(tmp_path).problems
    assert any(p.finding == "No file records a pixel size." and "pixel_size_nm" in p.remedy for p in problems)
    assert any(p.severity == "note" and "(6 of 6 files)" in p.finding for p in problems)


def test_counts_that_are_no_numbers_are_told(tmp_path):
    write_scan(tmp_path)
    with h5py.File(tmp_path / "fly_scan_id_4.h5", "a") as file:
        flats = file["img_bkg"][()].astype(np.float32)
        flats[0] = np.nan
        del file["img_bkg"]
        file["img_bkg"] = flats
    report = report_on(tmp_path)
    assert report.problems[0].severity == "error"
    assert report.problems[0].finding == "fly_scan_id_4.h5: NaN, infinite or absurdly large counts."


@pytest.mark.parametrize(
    ("energies_ev", "edge"),
    [
        (np.arange(7092.0, 7192.0, 2.0), "Fe K"),
        (np.arange(8300.0, 8400.0, 2.0), "Ni K"),
        (np.arange(7660.0, 7800.0, 2.0), "Co K"),
        (np.arange(6500.0, 6620.0, 2.0), "Mn K"),
        (np.arange(11520.0, 11640.0, 2.0), "Pt L3"),
        (np.r_[np.arange(6500.0, 6900.0, 50.0), np.arange(7092.0, 7192.0, 2.0)], "Fe K"),
        (np.arange(7000.0, 7100.0, 2.0), None),
    ],
)
def test_the_edge_a_scan_is_about_is_named(energies_ev, edge):
    found = find_edge(energies_ev)
    assert (found[0] if found else None) == edge


@given(st.floats(-400, 400), st.floats(60.0, 179.0), st.integers(30, 400), st.sampled_from([-1, 1]))
def test_the_missing_wedge_is_what_a_half_turn_lacks(start, span, n, sense):
    angles = np.deg2rad(start + sense * np.linspace(0, span, n))
    step = span / (n - 1)
    missing = 180 - span - step if 180 - span > 1.5 * step else 0.0
    assert missing_wedge_deg(angles) == pytest.approx(missing, abs=1e-6)


@pytest.mark.parametrize("degrees", [np.linspace(0, 180, 91), np.linspace(-30, 330, 181), np.linspace(180, 0, 91)[:-1]])
def test_a_half_turn_and_a_full_one_lack_nothing(degrees):
    assert missing_wedge_deg(np.deg2rad(degrees)) == 0.0


def test_a_single_energy_is_reported_and_not_ready_for_a_phase_map(tmp_path):
    write_scan(tmp_path)
    single = inspect_scan(open_scan(sorted(tmp_path.glob("*.h5"))[0]))
    assert len(single.energies) == 1
    assert np.isnan(single.energy_step_ev)
    assert single.problems[0].finding == "Only one energy."
    assert single.verdict.startswith("Not ready for a phase map")


@pytest.mark.parametrize("dataset", ["img_tomo", "img_bkg", "img_dark"])
@pytest.mark.parametrize(
    ("dtype", "absurd"), [("f8", 1e308), ("f8", -1e308), ("f4", 3e38), ("f4", np.inf), ("f8", 1e19)]
)
def test_absurd_counts_are_an_error_of_the_report_and_raise_no_warning(tmp_path, dataset, dtype, absurd):
    folder = write_scan(tmp_path)
    with h5py.File(folder / "fly_scan_id_4.h5", "a") as file:
        counts = file[dataset][()].astype(dtype)
        counts[:, ::2] = absurd
        del file[dataset]
        file[dataset] = counts
    findings = [problem.finding for problem in report_on(folder).problems if problem.severity == "error"]
    assert "fly_scan_id_4.h5: NaN, infinite or absurdly large counts." in findings


@pytest.mark.parametrize(
    ("energies", "gap"),
    [
        ((7090.0, 7100.0, 7110.0, 7112.0, 7114.0, 7118.0, 7120.0, 7140.0), "between 7114.00 and 7118.00 eV"),
        ((7090.0, 7100.0, 7110.0, 7115.0, 7117.0, 7119.0, 7121.0, 7140.0), None),
        ((7092.0, 7110.0, 7119.0, 7124.5, 7129.0, 7133.5, 7143.0, 7180.0), None),
        ((7100.0, 7110.0, 7120.0, 7150.0, 7160.0, 7200.0, 7210.0, 7220.0), "between 7160.00 and 7200.00 eV"),
    ],
)
def test_a_step_wider_than_both_its_neighbours_is_a_gap(tmp_path, energies, gap):
    problems = report_on(write_scan(tmp_path, energies)).problems
    found = [problem.finding for problem in problems if problem.finding.startswith("No energy between")]
    assert [gap in finding for finding in found] == ([True] if gap else [])


def test_time_and_dose_are_in_the_report(tmp_path):
    report = report_on(write_scan(tmp_path, all_files={"scan_time": 1.7e9}))
    row = report.energies[0]
    assert (row.time_s, row.binning) == (1.7e9, None)
    assert row.photons_per_um2 == pytest.approx(row.photons / 0.04**2)


@pytest.mark.parametrize(
    ("n_angles", "finding"),
    [(1, "a single projection, of which no slice can be made"), (7, "fewer than 8 projections, of which no slice")],
)
def test_projections_that_make_no_slice_are_an_error(n_angles, finding):
    counts = np.full((n_angles, 6, 8), 500.0)
    energies = (7100.0, 7120.0)
    scan = scan_from_tomograms(
        [
            ArrayTomogram(
                projections=counts,
                flats=counts[:1] + 100,
                darks=counts[:1] - 500,
                energy_ev=energy,
                angles_rad=np.deg2rad(np.arange(n_angles) * 15.0),
            )
            for energy in energies
        ]
    )
    report = inspect_scan(scan)
    assert [p.severity for p in report.problems if finding in p.finding] == ["error"]
    assert not any("wedge" in p.finding for p in report.problems)
    assert report.missing_wedge_deg == pytest.approx(180.0 if n_angles == 1 else 75.0)


def test_energies_out_of_order_are_a_warning(tmp_path):
    folder = write_scan(tmp_path, (7090.0, 7115.0, 7105.0, 7120.0, 7126.0, 7150.0))
    report = inspect_scan(open_scan(folder, sort_energies=True))
    assert [row.energy_ev for row in report.energies] == [7090.0, 7105.0, 7115.0, 7120.0, 7126.0, 7150.0]
    told = [problem for problem in report.problems if "not recorded in order" in problem.finding]
    assert [problem.severity for problem in told] == ["warning"]
