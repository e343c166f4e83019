import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.fxi import is_fxi, open_fxi, write_fxi

SHAPE = (12, 5, 7)  # (angle, v, u)


def counts(seed=0, n_angles=SHAPE[0], frame=SHAPE[1:], n_flats=4, n_darks=3):
    rng = np.random.default_rng(seed)
    return {
        "projections": rng.poisson(1000, (n_angles, *frame)).astype(np.uint16),
        "flats": rng.poisson(2000, (n_flats, *frame)).astype(np.uint16),
        "darks": rng.poisson(100, (n_darks, *frame)).astype(np.uint16),
    }


def write(path, **changes):
    described = {
        "angles_deg": np.linspace(-30, 200, SHAPE[0]),
        "energy_ev": 7112.5,
        "pixel_size_nm": 20.3,
        "scan_id": 4711,
        "scan_time": 1.7e9,
    }
    write_fxi(path, **{**counts(), **described, **changes})
    return path


@pytest.fixture
def fly_scan(tmp_path):
    return write(tmp_path / "fly_scan_id_4711.h5")


def change(path, name, value):
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value
    return path


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_angles=st.integers(8, 20),
    frame=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    n_flats=st.integers(1, 5),
    n_darks=st.integers(1, 5),
    energy_ev=st.floats(2000.0, 30000.0),
    start_deg=st.floats(-360.0, 360.0),
    pixel_size_nm=st.floats(1.0, 20000.0),
)
def test_what_is_written_is_read_back(seed, n_angles, frame, n_flats, n_darks, energy_ev, start_deg, pixel_size_nm):
    stacks = counts(seed, n_angles, frame, n_flats, n_darks)
    angles = start_deg + np.linspace(0.0, 190.0, n_angles)
    with tempfile.TemporaryDirectory() as folder:
        path = write(
            Path(folder) / "a.h5",
            **stacks,
            angles_deg=angles,
            energy_ev=energy_ev,
            pixel_size_nm=pixel_size_nm,
        )
        tomogram = open_fxi(path)
        frames = tomogram.read_rows(0, frame[0])
        last = tomogram.read_projection(n_angles - 1)
    assert tomogram.energy_ev == pytest.approx(energy_ev, abs=1e-6)
    np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), angles, atol=1e-9)
    assert tomogram.pixel_size_nm == pytest.approx(pixel_size_nm)
    assert (tomogram.n_rows, tomogram.n_columns) == frame
    assert (tomogram.n_flats, tomogram.n_darks) == (n_flats, n_darks)
    for name, stack in stacks.items():
        np.testing.assert_array_equal(getattr(frames, name), stack)
        assert getattr(frames, name).dtype == np.uint16
    np.testing.assert_array_equal(last, stacks["projections"][-1])


def test_the_layout_is_that_of_the_beamline(fly_scan):
    with h5py.File(fly_scan) as file:
        layout = {name: (item.shape, item.dtype.str) for name, item in file.items()}
        note, uid = file["note"].asstr()[()], file["uid"].asstr()[()]
        flat_average, flats = file["img_bkg_avg"][()], file["img_bkg"][()]
        energy, magnification, size = (file[n][()] for n in ("X_eng", "Magnification", "Pixel Size"))
    frame = SHAPE[1:]
    assert {name: layout[name] for name in layout if name not in ("note", "uid")} == {
        "img_tomo": (SHAPE, "<u2"),
        "img_bkg": ((4, *frame), "<u2"),
        "img_dark": ((3, *frame), "<u2"),
        "img_bkg_avg": ((1, *frame), "<f4"),
        "img_dark_avg": ((1, *frame), "<f4"),
        "angle": ((SHAPE[0],), "<f8"),
        "X_eng": ((), "<f8"),
        "scan_id": ((), "<i8"),
        "scan_time": ((), "<f8"),
        "Magnification": ((), "<f8"),
        "Pixel Size": ((), "<f8"),
        **{f"{axis}_ini": ((), "<f8") for axis in "xyzr"},
    }
    assert note == "_energy=7.1125"
    assert uid == ""
    np.testing.assert_array_equal(flat_average[0], np.median(flats, axis=0).astype(np.float32))
    assert energy == 7.1125
    assert magnification * size == pytest.approx(6500.0)


def test_only_the_rows_asked_for_are_delivered_with_their_origin(fly_scan):
    frames = open_fxi(fly_scan).read_rows(1, 3)
    stacks = counts()
    np.testing.assert_array_equal(frames.projections, stacks["projections"][:, 1:3])
    np.testing.assert_array_equal(frames.darks, stacks["darks"][:, 1:3])
    assert frames.source == str(fly_scan)
    assert frames.first_row == 1
    assert frames.datasets == ("img_tomo", "img_bkg", "img_dark")


def test_flats_and_darks_are_read_without_projections(fly_scan):
    flats, darks = open_fxi(fly_scan).read_references()
    np.testing.assert_array_equal(flats, counts()["flats"])
    np.testing.assert_array_equal(darks, counts()["darks"])


def test_opening_reads_no_frame(fly_scan, monkeypatch):
    read = []
    original = h5py.Dataset.__getitem__

    def watched(dataset, key, **options):
        read.append(dataset.name)
        return original(dataset, key, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    tomogram = open_fxi(fly_scan)
    assert "/angle" in read
    assert not [name for name in read if name.startswith("/img")]
    tomogram.read_projection(0)
    assert "/img_tomo" in read


def test_the_file_is_closed_after_each_read(fly_scan):
    tomogram = open_fxi(fly_scan)
    tomogram.read_rows(0, 2)
    with h5py.File(fly_scan, "a") as file:
        assert file.mode == "r+"


def test_many_threads_read_the_same_files_at_once(tmp_path):
    tomograms = [open_fxi(write(tmp_path / f"e{i}.h5", **counts(i, frame=(32, 16)))) for i in range(2)]
    expected = [counts(i, frame=(32, 16))["projections"] for i in range(2)]
    start = threading.Barrier(8)

    def read(worker):
        start.wait()
        for row in range(32):
            which = (worker + row) % 2
            block = tomograms[which].read_rows(row, row + 1).projections[:, 0]
            np.testing.assert_array_equal(block, expected[which][:, row])
        return worker

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(read, range(8))) == list(range(8))


@pytest.mark.parametrize("name", ["Magnification", "Pixel Size", "x_ini", "r_ini", "scan_time", "scan_id", "note"])
def test_optional_datasets_may_be_absent(fly_scan, name):
    tomogram = open_fxi(change(fly_scan, name, None))
    assert (tomogram.pixel_size_nm is None) == (name == "Pixel Size")
    assert (tomogram.time_s is None) == (name == "scan_time")


def test_averages_and_uid_may_be_absent(fly_scan):
    for name in ("img_bkg_avg", "img_dark_avg", "uid"):
        change(fly_scan, name, None)
    assert open_fxi(fly_scan).notes == ()


@pytest.mark.parametrize(
    ("stored", "nm"), [("20.3nm", 20.3), (b"20.3nm", 20.3), ("0.0203 um", 20.3), (np.array([20.3]), 20.3)]
)
def test_the_pixel_size_is_read_as_number_or_text(fly_scan, stored, nm):
    assert open_fxi(change(fly_scan, "Pixel Size", stored)).pixel_size_nm == pytest.approx(nm)


def test_a_doubtful_pixel_size_is_ignored_and_told(fly_scan):
    tomogram = open_fxi(change(fly_scan, "Pixel Size", 0.0203))
    assert tomogram.pixel_size_nm is None
    assert "'Pixel Size' is 0.0203" in tomogram.notes[0]


def test_an_energy_in_ev_is_accepted_and_told(fly_scan):
    tomogram = open_fxi(change(fly_scan, "X_eng", 7112.5))
    assert tomogram.energy_ev == 7112.5
    assert "eV" in tomogram.notes[0]


def test_streams_that_were_not_recorded_are_told(tmp_path):
    blank = np.ones((1, *SHAPE[1:]), dtype=np.uint16)
    tomogram = open_fxi(write(tmp_path / "a.h5", flats=blank, darks=0 * blank))
    assert tomogram.notes == (
        "No flats were recorded ('img_bkg' holds ones).",
        "No darks were recorded ('img_dark' holds zeros).",
    )


def test_a_single_real_flat_and_dark_are_no_placeholders(tmp_path):
    assert open_fxi(write(tmp_path / "a.h5", **counts(n_flats=1, n_darks=1))).notes == ()


def test_an_extra_leading_axis_of_flats_and_darks_is_ignored_and_told(fly_scan):
    stacks = counts()
    change(fly_scan, "img_bkg", stacks["flats"][None])
    change(fly_scan, "img_dark", stacks["darks"][None])
    tomogram = open_fxi(fly_scan)
    assert (tomogram.n_flats, tomogram.n_darks) == (4, 3)
    assert sum("extra axis" in note for note in tomogram.notes) == 2
    np.testing.assert_array_equal(tomogram.read_rows(2, 4).flats, stacks["flats"][:, 2:4])


def test_counts_of_the_other_byte_order_are_read(fly_scan):
    change(fly_scan, "img_tomo", counts()["projections"].astype(">u2"))
    block = open_fxi(fly_scan).read_rows(0, 5).projections
    np.testing.assert_array_equal(block, counts()["projections"])
    assert block.dtype.isnative


TOMO = counts()["projections"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("img_tomo", None, "'img_tomo' is missing; the file holds .*X_eng"),
        ("img_bkg", None, "'img_bkg' is missing"),
        ("img_dark", None, "'img_dark' is missing"),
        ("angle", None, "'angle' is missing"),
        ("X_eng", None, "'X_eng' is missing"),
        ("img_tomo", np.stack([TOMO, TOMO]), r"'img_tomo' has shape \(2, 12, 5, 7\)"),
        ("img_tomo", TOMO[0], r"'img_tomo' has shape \(5, 7\)"),
        ("img_tomo", TOMO[:, :0], r"'img_tomo' has shape \(12, 0, 7\)"),
        ("img_tomo", TOMO.astype("S5"), "not counts"),
        ("img_tomo", h5py.Empty("u2"), "not counts"),
        ("img_tomo", TOMO[:11], "11 projections; one angle per projection"),
        ("img_bkg", TOMO[:, :, :6], r"'img_bkg' has shape \(12, 5, 6\); \(frame, 5, 7\) is expected"),
        ("img_bkg", TOMO[:0], "'img_bkg' has shape"),
        ("img_dark", TOMO[0], "'img_dark' has shape"),
        ("img_dark", np.stack([TOMO, TOMO]), "'img_dark' has shape"),
        ("angle", np.linspace(0, 180, 13), "'angle' has shape"),
        ("angle", np.linspace(0, np.pi, 12), "'angle' spans 3.142 .*radians"),
        ("angle", np.r_[np.linspace(0, 180, 11), np.nan], "'angle' holds nan at index 11"),
        ("X_eng", 0.7, "'X_eng' is 0.7; a photon energy"),
        ("X_eng", np.nan, "'X_eng' is nan"),
        ("X_eng", np.array([7.1, 7.2]), "'X_eng' holds 2 values"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_dataset(fly_scan, name, value, words):
    with pytest.raises(DataError, match=rf"fly_scan_id_4711\.h5: .*{words}") as caught:
        open_fxi(change(fly_scan, name, value))
    assert "\n" not in str(caught.value)


def test_too_few_projections_are_refused(tmp_path):
    path = write(tmp_path / "a.h5", **counts(n_angles=7), angles_deg=np.linspace(0, 180, 7))
    with pytest.raises(DataError, match="7 projections; a tomogram needs 8"):
        open_fxi(path)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 3), (3, 2), (0, 6)])
def test_rows_outside_the_detector_are_refused(fly_scan, start, stop):
    with pytest.raises(DataError, match=f"rows {start} to {stop} asked"):
        open_fxi(fly_scan).read_rows(start, stop)


@pytest.mark.parametrize("index", [-1, 12])
def test_a_projection_that_is_not_there_is_refused(fly_scan, index):
    with pytest.raises(DataError, match=f"projection {index} asked of 12"):
        open_fxi(fly_scan).read_projection(index)


def test_a_file_that_changed_after_opening_is_refused(fly_scan):
    tomogram = open_fxi(fly_scan)
    change(fly_scan, "img_tomo", TOMO[:10])
    with pytest.raises(DataError, match=r"'img_tomo' has shape \(10, 5, 7\) where \(12, 5, 7\)"):
        tomogram.read_rows(0, 2)


def test_a_file_that_is_cut_or_gone_after_opening_is_refused(fly_scan):
    tomogram = open_fxi(fly_scan)
    fly_scan.write_bytes(fly_scan.read_bytes()[:1500])
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        tomogram.read_rows(0, 2)
    fly_scan.unlink()
    with pytest.raises(DataError, match="no such file"):
        tomogram.read_projection(0)


def test_files_are_told_by_content_not_by_name(fly_scan, tmp_path):
    assert is_fxi(fly_scan)
    assert is_fxi(change(fly_scan, "img_tomo", None))
    other = tmp_path / "fly_scan_id_1.h5"
    with h5py.File(other, "w") as file:
        file["img"], file["X_eng"] = np.zeros((3, 3, 3)), 7.1
    assert not is_fxi(other)
    assert not is_fxi(change(fly_scan, "img_xanes", np.zeros((3, 3, 3))))


def test_counts_that_uint16_cannot_hold_are_not_written(tmp_path):
    for wrong in (TOMO.astype(float) - 2000, TOMO.astype(float) + 65000, np.full(SHAPE, np.nan)):
        with pytest.raises(DataError, match="img_tomo has values from"):
            write(tmp_path / "a.h5", projections=wrong)
    assert not (tmp_path / "a.h5").exists()


def test_fractional_counts_are_rounded(tmp_path):
    path = write(tmp_path / "a.h5", projections=TOMO + 0.6)
    np.testing.assert_array_equal(open_fxi(path).read_rows(0, 5).projections, TOMO + 1)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(DataError, match=r"a\.h5: cannot be written"):
        write(tmp_path / "none" / "a.h5")


@pytest.mark.parametrize(("frame", "told"), [((1080, 1280), "40.6 nm"), ((540, 640), "81.2 nm"), ((1080, 1000), None)])
def test_frames_that_may_be_binned_are_told(tmp_path, frame, told):
    path = tmp_path / "fly_scan_id_1.h5"
    with h5py.File(path, "w") as file:
        for name, n in (("img_tomo", 9), ("img_bkg", 1), ("img_dark", 1)):
            file.create_dataset(
                name, data=np.broadcast_to(np.uint16(5), (n, *frame)), chunks=(1, *frame), compression=1
            )
        file["angle"], file["X_eng"], file["Pixel Size"] = np.linspace(0, 180, 9), 7.112, "20.3nm"
    tomogram = open_fxi(path)
    notes = [note for note in tomogram.notes if "does not record binning" in note]
    assert [told in note for note in notes] == ([True] if told else [])
    assert tomogram.pixel_size_nm == 20.3
