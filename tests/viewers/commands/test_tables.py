from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from xanesmap.phasemap.accuracy import KindAccuracy
from xanesmap.reconstruct.inspection import inspect_scan
from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.commands.tables import accuracy_table, energies_table, phases_table, scan_summary


def printed(table, *, width=120):
    """Lines of a table on a screen without colours."""
    screen = StringIO()
    Console(file=screen, width=width).print(table, highlight=False)
    lines = [line.rstrip() for line in screen.getvalue().splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    return lines


def words(line):
    return " ".join(line.split())


@pytest.fixture(scope="module")
def report(small_scan):
    return inspect_scan(open_scan(small_scan.folder))


def large(report):
    """The report of a scan as big and as awkward as they come at FXI."""
    changes = {
        "file": "fly_scan_id_1234567.h5",
        "energy_ev": 12658.25,
        "n_angles": 1500,
        "first_angle_deg": -100.0,
        "last_angle_deg": 100.0,
        "n_rows": 2160,
        "n_columns": 2560,
        "pixel_size_nm": 20.31,
        "flat_counts": 61234.0,
        "photons": 12345.0,
        "saturated": 0.0123,
        "dead": 0.0045,
    }
    return replace(report, energies=tuple(replace(row, **changes) for row in report.energies))


def test_a_line_per_energy_shows_its_figures_with_units(report):
    lines = printed(energies_table(report))
    assert words(lines[0]) == "file energy angles range frame pixel flats darks counts photons sat. dead"
    assert words(lines[1]) == "eV deg v x u nm ADU 1/pixel % %"
    rows = [line.split() for line in lines[3:]]
    assert len(rows) == 8
    assert words(lines[6]).startswith("fly_scan_id_10004.h5 7124.50 40 0.0 to 175.5 24 x 40 320 20 10 ")
    assert float(rows[3][13]) == pytest.approx(2e5, rel=0.1)


def test_the_figures_of_a_large_scan_fit_into_120_columns(report):
    lines = printed(energies_table(large(report)))
    row = "fly_scan_id_1234567.h5 12658.25 1500 -100.0 to 100.0 2160 x 2560 20.31 20 10 61234 1.23e+04 1.2 0.45"
    assert [words(line) for line in lines[3:]] == [row] * 8
    assert "…" not in "".join(lines)


def test_what_is_not_known_is_shown_as_a_dash(report):
    row = replace(report.energies[0], pixel_size_nm=None, photons=None)
    cells = printed(energies_table(replace(report, energies=(row,))))[3].split()
    assert cells[9] == cells[-3] == "-"


def test_the_summary_tells_energies_angles_photons_and_size(report):
    energies, angles, photons, recorded, size = scan_summary(report)
    assert "8 from 7092.00 to 7180.00 eV, median step 9.00 eV; Fe K edge at 7112.0 eV" in energies
    assert "40 over 175.5 deg; 63 would resolve" in angles
    assert "missing wedge" not in angles
    assert "per pixel and frame" in photons
    assert "per um^2 and projection" in photons
    assert recorded.startswith("Recorded  2")
    # 8 energies of 70 frames of 24 x 40 in two bytes; 8 volumes of 24 x 40 x 40 in four
    assert "0.00108 GB raw; 0.00123 GB" in size
    unlike = replace(report, edge=None, edge_ev=None, photons=None, missing_wedge_deg=20.0)
    energies, angles, photons, *_ = scan_summary(unlike)
    assert "no absorption edge inside" in energies
    assert "missing wedge 20 deg" in angles
    assert photons.endswith("unknown")


def test_the_dose_of_all_projections_is_their_sum(report):
    rows = [replace(row, photons=100.0, photons_per_um2=1000.0, n_angles=40) for row in report.energies]
    photons = scan_summary(replace(report, photons=100.0, energies=tuple(rows)))[2]
    assert photons == (
        "Photons   100 per pixel and frame; 1e+03 per um^2 and projection, 3.2e+05 per um^2 in all (those detected)"
    )
    rows[3] = replace(rows[3], photons_per_um2=None)
    assert scan_summary(replace(report, photons=100.0, energies=tuple(rows)))[2].endswith("100 per pixel and frame")


def test_times_and_binning_are_told_where_they_are_known(report):
    rows = [replace(row, time_s=1.7e9 + 3600 * k, binning=2) for k, row in enumerate(report.energies)]
    told = scan_summary(replace(report, energies=tuple(rows)))[3]
    assert told == "Recorded  2023-11-14 22:13 to 2023-11-15 05:13; binning 2"
    rows = [replace(row, time_s=None, binning=None) for row in report.energies]
    assert not any(line.startswith("Recorded") for line in scan_summary(replace(report, energies=tuple(rows))))


def test_phases_are_listed_with_volume_share_and_composition(small_result):
    lines = printed(phases_table(small_result), width=100)
    rows = {line.split()[0]: line.split()[1:] for line in lines[3:]}
    assert list(rows) == ["LiFePO4", "FePO4", "mixed"]
    assert sum(float(row[2]) for row in rows.values()) == pytest.approx(100, abs=0.2)
    for row, summary in zip(rows.values(), small_result.summary().rows, strict=True):
        assert int(row[0]) == summary.voxels
        assert float(row[3]) + float(row[4]) == pytest.approx(1, abs=0.002)


def test_phases_without_voxels_have_dashes(small_result):
    rows = [
        SimpleNamespace(name=name, voxels=0, volume_um3=0.0, mean_fraction=(float("nan"),) * 2)
        for name in small_result.label_names
    ]
    empty = SimpleNamespace(phases=small_result.phases, summary=lambda: SimpleNamespace(rows=rows))
    for line in printed(phases_table(empty))[3:]:
        assert line.split()[1:] == ["0", "0", "-", "-", "-"]


def test_accuracy_shows_truth_map_and_difference():
    row = KindAccuracy(
        kind="core-shell",
        voxels=1234,
        true_fraction=0.5,
        fraction=0.4969,
        standard_error=0.0012,
        amount_ratio=1.002,
        pull_width=1.04,
    )
    lines = printed(accuracy_table([row], phase="LiFePO4"))
    assert words(lines[-1]) == "core-shell 1234 0.5000 0.4969 -0.0031 +- 0.0012 1.0020 1.040"
    assert words(lines[0]) == "LiFePO4 LiFePO4 difference amount (map - truth) / sigma"
    assert words(lines[1]) == "particles voxels truth map +- standard error map / truth width"
