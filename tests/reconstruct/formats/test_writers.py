import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.fxi import copy_to_fxi
from xanesmap.reconstruct.formats.writers import write_dataexchange, write_nxtomo
from xanesmap.reconstruct.readers import open_scan


def write_fxi(path, tomogram):
    copy_to_fxi(path, tomogram, scan_id=1)


WRITERS = {"dataexchange": write_dataexchange, "nxtomo": write_nxtomo, "fxi": write_fxi}


def make(seed=0, n_angles=10, frame=(4, 6), n_flats=3, n_darks=2, dtype=np.uint16, **changes):
    rng = np.random.default_rng(seed)
    described = {
        "energy_ev": 7112.5,
        "angles_rad": np.deg2rad(np.linspace(-20, 170, n_angles)),
        "pixel_size_nm": 40.0,
        "time_s": 1.7e9,
    }
    counts = {
        name: rng.poisson(500, (n, *frame)).astype(dtype)
        for name, n in (("projections", n_angles), ("flats", n_flats), ("darks", n_darks))
    }
    return ArrayTomogram(**{**counts, **described, **changes})


@pytest.mark.parametrize("format", WRITERS)
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_angles=st.integers(8, 20),
    frame=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    n_flats=st.integers(1, 4),
    n_darks=st.integers(1, 4),
    energy_ev=st.floats(2000.0, 30000.0),
    start_deg=st.floats(-360.0, 360.0),
    pixel_size_nm=st.floats(1.0, 1000.0),
    time_s=st.floats(0.0, 4e9),
)
def test_what_is_written_is_read_back(
    format, seed, n_angles, frame, n_flats, n_darks, energy_ev, start_deg, pixel_size_nm, time_s
):
    angles = np.deg2rad(start_deg + np.linspace(0.0, 190.0, n_angles))
    described = {"energy_ev": energy_ev, "angles_rad": angles, "pixel_size_nm": pixel_size_nm, "time_s": time_s}
    written = make(seed, n_angles, frame, n_flats, n_darks, **described)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        WRITERS[format](path, written)
        (read,) = open_scan(path).tomograms
        frames = read.read_rows(0, frame[0])
        last = read.read_projection(n_angles - 1)
    assert read.energy_ev == pytest.approx(energy_ev, abs=1e-6)
    np.testing.assert_allclose(read.angles_rad, angles, atol=1e-12)
    assert read.pixel_size_nm == pytest.approx(pixel_size_nm, rel=1e-9)
    assert read.time_s == pytest.approx(time_s, abs=1e-5)
    for name in ("projections", "flats", "darks"):
        np.testing.assert_array_equal(getattr(frames, name), getattr(written, name))
        assert getattr(frames, name).dtype == np.uint16
    np.testing.assert_array_equal(last, written.projections[-1])
    assert read.notes == ()


@pytest.mark.parametrize("format", ["dataexchange", "nxtomo"])
def test_what_is_not_known_is_not_written(tmp_path, format):
    WRITERS[format](tmp_path / "a.h5", make(energy_ev=np.nan, pixel_size_nm=None, time_s=None))
    (read,) = open_scan(tmp_path / "a.h5").tomograms
    assert np.isnan(read.energy_ev)
    assert (read.pixel_size_nm, read.time_s) == (None, None)


@pytest.mark.parametrize("format", ["dataexchange", "nxtomo"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int32])
def test_counts_keep_their_type(tmp_path, format, dtype):
    WRITERS[format](tmp_path / "a.h5", make(dtype=dtype))
    assert open_scan(tmp_path / "a.h5").tomograms[0].read_rows(0, 2).projections.dtype == dtype


def test_fractions_of_flats_are_kept_beside_integer_projections(tmp_path):
    flats = make().flats / np.float32(3.0)
    write_nxtomo(tmp_path / "a.nxs", make(flats=flats))
    (read,) = open_scan(tmp_path / "a.nxs").tomograms
    np.testing.assert_array_equal(read.read_references()[0], flats)
    np.testing.assert_array_equal(read.read_projection(3), make().projections[3])


def test_the_dataexchange_layout_is_the_documented_one(tmp_path):
    write_dataexchange(tmp_path / "a.h5", make())
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["implements"].asstr()[()] == "exchange:measurement:process"
        shapes = {name: file[f"exchange/{name}"].shape for name in file["exchange"]}
        assert shapes == {"data": (10, 4, 6), "data_white": (3, 4, 6), "data_dark": (2, 4, 6), "theta": (10,)}
        assert file["exchange/theta"].attrs["units"] == "degrees"
        assert file["exchange/data"].attrs["axes"] == "theta:y:x"
        energy = file["measurement/instrument/monochromator/energy"]
        assert (energy[()], energy.attrs["units"]) == (7.1125, "keV")


def test_nxtomo_opens_with_the_package_of_that_name(tmp_path):
    package = pytest.importorskip("nxtomo")
    written = make()
    write_nxtomo(tmp_path / "a.nxs", written)
    read = package.NXtomo().load(str(tmp_path / "a.nxs"), "entry", detector_data_as="as_numpy_array")
    keys = np.array([key.value for key in read.instrument.detector.image_key])
    np.testing.assert_array_equal(keys, [2, 2, 1, 1, 1, *[0] * 10])
    np.testing.assert_array_equal(read.instrument.detector.data[keys == 0], written.projections)
    angles = read.sample.rotation_angle.to("radian").magnitude[keys == 0]
    np.testing.assert_allclose(angles, written.angles_rad, atol=1e-12)
    assert read.instrument.beam.incident_energy.to("keV").magnitude == pytest.approx(7.1125)
    assert read.sample.x_pixel_size.to("nm").magnitude == pytest.approx(40.0)


@pytest.mark.parametrize("format", WRITERS)
def test_a_file_that_fails_leaves_nothing_behind(tmp_path, format):
    class Broken(ArrayTomogram):
        __slots__ = ()

        def read_projection(self, index):
            if index == 5:
                message = "frame 5 cannot be read"
                raise DataError(message)
            return super().read_projection(index)

    whole = make()
    broken = Broken(**{name: getattr(whole, name) for name in ArrayTomogram.__dataclass_fields__})
    with pytest.raises(DataError, match="frame 5"):
        WRITERS[format](tmp_path / "a.h5", broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", WRITERS)
def test_a_place_that_cannot_be_written_is_told(tmp_path, format):
    with pytest.raises(DataError, match=r"a\.h5: cannot be written"):
        WRITERS[format](tmp_path / "none" / "a.h5", make())


def test_fxi_needs_an_energy(tmp_path):
    with pytest.raises(DataError, match=r"photon energy is not known.*energies_ev"):
        write_fxi(tmp_path / "a.h5", make(energy_ev=np.nan))


def test_binning_is_written_to_dataexchange_files(tmp_path):
    WRITERS["dataexchange"](tmp_path / "a.h5", make(binning=4))
    (read,) = open_scan(tmp_path / "a.h5").tomograms
    assert (read.binning, read.pixel_size_nm) == (4, make().pixel_size_nm)
