import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.nxtomo import is_nxtomo, open_nxtomo
from xanesmap.reconstruct.readers import open_scan

KEYS = np.array([2, 2, 1, *[0] * 5, 1, 1, *[0] * 5, 1, 3])
"""Two darks, flats before, in between and after, ten projections, one frame not to be used."""

ANGLES = np.linspace(0.0, 171.0, 10)
DETECTOR = "entry/instrument/detector"
ENERGY = "entry/instrument/beam/incident_energy"


def all_frames(seed=0):
    return np.random.default_rng(seed).poisson(500, (KEYS.size, 4, 6)).astype(np.uint16)


def put(file, name, value, **attributes):
    if name in file:
        del file[name]
    if value is not None:
        file[name] = value
        file[name].attrs.update(attributes)


def write(path, changes=(), *, entry="entry", detector="detector", energy=7.112, seed=0):
    with h5py.File(path, "a") as file:
        for name, kind in ((entry, "NXentry"), (f"{entry}/instrument", "NXinstrument")):
            file.require_group(name).attrs["NX_class"] = kind
        put(file, f"{entry}/definition", "NXtomo")
        put(file, f"{entry}/instrument/{detector}/data", all_frames(seed))
        put(file, f"{entry}/instrument/{detector}/image_key", KEYS)
        turns = np.full(KEYS.size, -5.0)
        turns[KEYS == 0] = ANGLES
        put(file, f"{entry}/sample/rotation_angle", turns, units="degree")
        put(file, f"{entry}/sample/x_pixel_size", 40e-9, units="m")
        put(file, f"{entry}/start_time", "2024-01-02T03:04:05+01:00")
        put(file, f"{entry}/instrument/beam/incident_energy", energy, units="keV")
        file[f"{entry}/instrument/beam"].attrs["NX_class"] = "NXbeam"
        for name, value, attributes in changes:
            put(file, name, value, **attributes)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan_001.nxs"


def test_frames_are_told_apart_by_their_key(path):
    (tomogram,) = open_nxtomo(write(path))
    frames = tomogram.read_rows(1, 3)
    for key, block in ((0, frames.projections), (1, frames.flats), (2, frames.darks)):
        np.testing.assert_array_equal(block, all_frames()[key == KEYS, 1:3])
    for index in (0, 4, 5, 9):
        np.testing.assert_array_equal(tomogram.read_projection(index), all_frames()[KEYS == 0][index])
    flats, darks = tomogram.read_references()
    np.testing.assert_array_equal(flats, all_frames()[KEYS == 1])
    np.testing.assert_array_equal(darks, all_frames()[KEYS == 2])
    assert (tomogram.n_flats, tomogram.n_darks) == (4, 2)


def test_energy_angles_pixel_size_and_time_are_in_house_units(path):
    (tomogram,) = open_nxtomo(write(path))
    assert tomogram.energy_ev == 7112.0
    np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), ANGLES)
    assert tomogram.pixel_size_nm == pytest.approx(40.0)
    assert tomogram.time_s == 1704161045.0
    assert tomogram.notes == ("1 frames are marked as invalid or taken for alignment, and are left out.",)


@pytest.mark.parametrize("entry", ["entry0000", "1.1", "scan_7"])
@pytest.mark.parametrize("detector", ["detector", "pcoflash"])
def test_entry_and_detector_may_have_any_name(path, entry, detector):
    assert is_nxtomo(write(path, entry=entry, detector=detector))
    assert open_nxtomo(path)[0].energy_ev == 7112.0


def test_an_entry_may_lie_in_another(path):
    write(path, entry="entry1/tomo_entry")
    assert open_nxtomo(path)[0].n_flats == 4


def test_several_entries_are_several_energies(path):
    for index in range(3):
        write(path, entry=f"entry{index:04d}", energy=7.1 + 0.01 * index, seed=index)
    scan = open_scan(path)
    np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7110.0, 7120.0])
    np.testing.assert_array_equal(scan.tomograms[2].read_projection(1), all_frames(2)[KEYS == 0][1])


@pytest.mark.parametrize(
    ("name", "kind", "value", "unit"),
    [
        ("entry/beam/incident_energy", "NXbeam", 7112.0, "eV"),
        ("entry/sample/ray/incident_energy", "NXbeam", 7112.0, "eV"),
        ("entry/instrument/mono/energy", "NXmonochromator", 7.112, "keV"),
        ("entry/instrument/beam/incident_energy", "NXbeam", 7112.0 * 1.602176634e-19, "J"),
        ("entry/instrument/monochromator/energy", "", 7.112, "keV"),
    ],
)
def test_the_energy_is_found_by_class_with_its_unit(path, name, kind, value, unit):
    write(path, [(ENERGY, None, {}), (name, value, {"units": unit})])
    with h5py.File(path, "a") as file:
        file[name].parent.attrs["NX_class"] = kind
    assert open_nxtomo(path)[0].energy_ev == pytest.approx(7112.0, rel=1e-12)


def test_angles_in_radians_are_read_where_the_file_says_so(path):
    turns = np.zeros(KEYS.size)
    turns[KEYS == 0] = np.deg2rad(ANGLES)
    (tomogram,) = open_nxtomo(write(path, [("entry/sample/rotation_angle", turns, {"units": "rad"})]))
    np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), ANGLES)
    assert "The angles are recorded in radians." in tomogram.notes


def test_alignment_frames_are_left_out(path):
    control = np.where(np.arange(KEYS.size) == 7, -1, KEYS)
    write(path, [(f"{DETECTOR}/image_key_control", control, {})])
    (tomogram,) = open_nxtomo(path)
    assert tomogram.angles_rad.size == 9
    assert np.rad2deg(tomogram.angles_rad)[4] == pytest.approx(ANGLES[5])


def test_missing_flats_and_darks_are_told(path):
    (tomogram,) = open_nxtomo(write(path, [(f"{DETECTOR}/image_key", np.where(KEYS == 0, 0, 3), {})]))
    assert sum("were recorded" in note for note in tomogram.notes) == 2
    np.testing.assert_array_equal(tomogram.read_rows(0, 2).flats, np.ones((1, 2, 6)))


@pytest.mark.parametrize(("size_m", "nm"), [(50e-9, 50.0), (6.5e-6, None)])
def test_a_camera_pixel_is_no_pixel_of_the_sample(path, size_m, nm):
    changes = [("entry/sample/x_pixel_size", None, {}), (f"{DETECTOR}/x_pixel_size", size_m, {"units": "m"})]
    (tomogram,) = open_nxtomo(write(path, changes))
    assert tomogram.pixel_size_nm == (None if nm is None else pytest.approx(nm))
    assert any("pixel size" in note for note in tomogram.notes)


def test_frames_may_be_linked_from_the_folder_of_the_scan_only(path, tmp_path):
    for folder, words in ((tmp_path / "raw", None), (tmp_path.parent / f"{tmp_path.name}_raw", "outside the folder")):
        folder.mkdir()
        with h5py.File(folder / "frames.h5", "w") as file:
            file["data"] = all_frames(7)
        write(path, [(f"{DETECTOR}/data", None, {})])
        target = str(folder / "frames.h5") if words else "raw/frames.h5"
        with h5py.File(path, "a") as file:
            file[f"{DETECTOR}/data"] = h5py.ExternalLink(target, "/data")
        if words:
            with pytest.raises(DataError, match=words):
                open_nxtomo(path)
        else:
            np.testing.assert_array_equal(open_nxtomo(path)[0].read_projection(2), all_frames(7)[KEYS == 0][2])


def test_an_entry_linked_from_another_file_of_the_folder_is_opened(path, tmp_path):
    write(path)
    with h5py.File(tmp_path / "master.nxs", "w") as file:
        file["scan"] = h5py.ExternalLink(path.name, "/entry")
    assert open_nxtomo(tmp_path / "master.nxs")[0].energy_ev == 7112.0


@pytest.mark.parametrize(
    ("name", "value", "attributes", "words"),
    [
        (f"{DETECTOR}/data", all_frames()[:, 0], {}, rf"'{DETECTOR}/data' has shape \(17, 6\)"),
        (f"{DETECTOR}/data", all_frames().astype("S3"), {}, rf"'{DETECTOR}/data' holds .*not counts"),
        (f"{DETECTOR}/image_key", KEYS[1:], {}, rf"'{DETECTOR}/image_key' holds 16 keys for 17 frames"),
        (f"{DETECTOR}/image_key", KEYS + 7, {}, rf"'{DETECTOR}/image_key' holds 9; 0 \(projection\)"),
        (f"{DETECTOR}/image_key", "0", {}, rf"'{DETECTOR}/image_key' has shape"),
        ("entry/sample/rotation_angle", None, {}, "'entry/sample/rotation_angle' is missing"),
        ("entry/sample/rotation_angle", ANGLES, {}, "holds 10 angles for 17 frames"),
        (
            "entry/sample/rotation_angle",
            np.where(KEYS == 0, np.nan, 0.0),
            {},
            "'entry/sample/rotation_angle' holds nan",
        ),
        ("entry/sample/rotation_angle", np.linspace(0, 3, 17), {}, "looks like radians"),
        (ENERGY, 71.12, {"units": "keV"}, f"'{ENERGY}' is 71.12; a photon energy"),
        (f"{DETECTOR}/image_key", np.where(np.arange(17) < 7, 0, 1), {}, "7 projections; a tomogram needs 8"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_dataset(path, name, value, attributes, words):
    with pytest.raises(DataError, match=rf"scan_001\.nxs: .*{words}") as caught:
        open_nxtomo(write(path, [(name, value, attributes)]))
    assert "\n" not in str(caught.value)


def test_other_hdf5_files_are_no_nxtomo(tmp_path):
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        file["entry/instrument/detector/data"] = np.zeros((3, 3, 3))
    assert not is_nxtomo(tmp_path / "a.nxs")
