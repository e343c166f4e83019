"""Files of ALS 8.3.2, with a dataset for every frame."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats import als832
from xanesmap.reconstruct.formats.als832 import is_als832, open_als832
from xanesmap.reconstruct.formats.hdf5 import open_hdf5
from xanesmap.reconstruct.readers import open_scan

SHARED = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data/tomography/tomo_dxchange_xrm/read_stack.h5"
SETTINGS = {
    "nangles": "11",
    "arange": "180.000000",
    "Mono_Energy": "7112.25",
    "pxsize": "0.000645",
    "sdate": "11-20-2015 10:06:40",
    "xbin": "2",
}
STACKS = {
    kind: np.random.default_rng(seed).poisson(mean, (n, 6, 8)).astype(np.uint16)
    for seed, (kind, n, mean) in enumerate((("", 11, 500), ("bak", 3, 900), ("drk", 2, 90)))
}


def write(path, *, stacks=STACKS, **changes):
    with h5py.File(path, "w") as file:
        group = file.create_group("20151120_100640_battery")
        settings = {name: value for name, value in {**SETTINGS, **changes}.items() if value is not None}
        group.attrs.update({name: np.bytes_(f"{value}\r") for name, value in settings.items()})
        for kind, frames in stacks.items():
            for number, frame in enumerate(frames):
                group[f"20151120_100640_battery{kind}_0000_{number:04d}.tif"] = frame[None]
    return path


def test_frames_and_settings_are_read(tmp_path):
    path = write(tmp_path / "a.h5")
    assert is_als832(path)
    (tomogram,) = open_scan(path).tomograms
    assert tomogram.energy_ev == 7112.25
    assert tomogram.pixel_size_nm == pytest.approx(645.0)
    assert (tomogram.time_s, tomogram.binning, tomogram.notes) == (1448014000.0, 2, ())
    np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), np.linspace(0, 180, 11))
    frames = tomogram.read_rows(1, 4)
    for found, kind in ((frames.projections, ""), (frames.flats, "bak"), (frames.darks, "drk")):
        np.testing.assert_array_equal(found, STACKS[kind][:, 1:4])
    np.testing.assert_array_equal(tomogram.read_projection(10), STACKS[""][10])


def test_a_file_is_opened_once_for_all_frames_of_a_kind(tmp_path, monkeypatch):
    tomogram = open_als832(write(tmp_path / "a.h5"))
    opened = []
    monkeypatch.setattr(als832, "open_hdf5", lambda path: opened.append(path) or open_hdf5(path))
    tomogram.read_rows(0, 2)
    assert len(opened) == 3
    np.testing.assert_array_equal(tomogram.read_projection(3), STACKS[""][3])
    assert len(opened) == 4


def test_what_is_not_recorded_is_told(tmp_path):
    path = write(tmp_path / "a.h5", stacks={"": STACKS[""]}, Mono_Energy=None, pxsize="none", sdate=None, xbin=None)
    tomogram = open_als832(path)
    assert np.isnan(tomogram.energy_ev)
    assert (tomogram.pixel_size_nm, tomogram.time_s, tomogram.binning) == (None, None, None)
    told = " ".join(tomogram.notes)
    for words in ("No photon energy", "No pixel size", "No flats", "No darks"):
        assert words in told


def test_another_number_of_projections_than_of_angles_is_refused_unless_angles_are_given(tmp_path):
    path = write(tmp_path / "a.h5", nangles="1025")
    with pytest.raises(DataError, match=r"a\.h5: .* 1025 angles over 180 degrees are recorded, and 11 projections"):
        open_scan(path)
    (tomogram,) = open_scan(path, angles_deg=np.arange(11) * 15.0).tomograms
    assert np.rad2deg(tomogram.angles_rad[-1]) == pytest.approx(150.0)


def test_frames_of_another_shape_are_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        name = "20151120_100640_battery/20151120_100640_battery_0000_0003.tif"
        del file[name]
        file[name] = np.ones((2, 6, 8))
    with pytest.raises(DataError, match=r"_0003\.tif' has shape \(2, 6, 8\); \(1, row, column\) is expected"):
        open_als832(path)


def test_a_frame_that_changed_is_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    tomogram = open_als832(path)
    write(path, stacks={kind: frames[:, :5] for kind, frames in STACKS.items()})
    with pytest.raises(DataError, match="changed since it was opened"):
        tomogram.read_rows(0, 2)


def test_other_files_are_not_of_als832(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exchange/data"] = 1
    assert not is_als832(tmp_path / "a.h5")
    with pytest.raises(DataError, match=r"holds no frames of ALS 8\.3\.2"):
        open_als832(tmp_path / "a.h5")


@pytest.mark.skipif(not SHARED.is_file(), reason="shared data are not here")
def test_a_real_file_is_read():
    (tomogram,) = open_scan(SHARED).tomograms
    assert tomogram.energy_ev == pytest.approx(19999.63, abs=0.01)
    assert (tomogram.angles_rad.size, tomogram.n_flats, tomogram.n_darks) == (20, 4, 2)
    assert tomogram.pixel_size_nm == pytest.approx(645.0)
