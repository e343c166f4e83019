import h5py
import numpy as np
import pytest

from xanesmap.reconstruct.volumes.opening import REGISTERED, REGISTERED_ENERGIES, open_volumes
from xanesmap.reconstruct.volumes.report import inspect_volumes


def open_written(path, mu, *, energies=(7100.0, 7112.5, 7130.0), unit=None, pixel_size_nm=None):
    with h5py.File(path, "w") as file:
        file[REGISTERED], file[REGISTERED_ENERGIES] = mu, energies
        if unit is not None:
            file[REGISTERED].attrs["units"] = unit
    return open_volumes(path, pixel_size_nm=pixel_size_nm)


def test_a_report_has_the_figures_of_the_middle_slice(tmp_path):
    mu = np.full((3, 5, 10, 20), 99.0, np.float32)
    mu[:, 2] = np.arange(1, 201).reshape(10, 20)  # 1 to 200
    mu[1, 2, :5] = np.nan
    mu[2, 2, :, :2] = 0.0
    report = inspect_volumes(open_written(tmp_path / "a.h5", mu, unit="1/cm", pixel_size_nm=30))
    first, second, third = report.energies
    assert (first.low, first.median, first.high) == pytest.approx((2.99, 100.5, 198.01))
    assert second.missing == pytest.approx(0.5)
    assert second.median == pytest.approx(150.5)
    assert third.missing == pytest.approx(0.1)
    assert (report.shape, report.edge, report.unit, report.bytes) == ((5, 10, 20), "Fe K", "1/cm", 12_000)
    assert [row.energy_ev for row in report.energies] == [7100.0, 7112.5, 7130.0]
    assert [problem.severity for problem in report.problems] == ["note"]  # that the user gave the pixel size
    assert report.verdict == "Ready for a phase map, without reconstruction."


def test_what_is_not_recorded_has_to_be_told(tmp_path):
    mu = np.zeros((3, 4, 5, 6), np.float32)
    report = inspect_volumes(open_written(tmp_path / "a.h5", mu, energies=(7300.0, 7310.0, 7320.0), unit="furlongs"))
    told = " ".join(problem.finding + problem.remedy for problem in report.problems)
    for words in (
        "No voxel size",
        "--pixel-size-nm",
        "unit of attenuation is not stated",
        "--volume-unit",
        "No absorption edge",
    ):
        assert words in told
    assert "middle slice of a.h5 holds no values" in told
    assert np.isnan(report.energies[0].median)
    assert report.verdict.startswith("A phase map can be made once 4 thing(s)")
