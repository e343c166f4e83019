import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.correction import attenuate, estimate_noise
from xanesmap.reconstruct.engines import make_engine
from xanesmap.reconstruct.formats.dataexchange import is_dataexchange, open_dataexchange
from xanesmap.reconstruct.readers import open_scan

SHAPE = (10, 4, 6)  # (theta, y, x)
TOOTH = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data/tomography/tomo_tooth/tooth.h5"
ENERGY = "measurement/instrument/monochromator/energy"
MEAN_OF_TWO = f"The energy is the mean of 2 readings in '{ENERGY}'."


def counts(seed=0, shape=SHAPE, n_flats=3, n_darks=2):
    rng = np.random.default_rng(seed)
    sizes = {"data": shape[0], "data_white": n_flats, "data_dark": n_darks}
    return {name: rng.poisson(500, (n, *shape[1:])).astype(np.uint16) for name, n in sizes.items()}


def put(file, name, value, **attributes):
    if name in file:
        del file[name]
    if value is not None:
        file[name] = value
        file[name].attrs.update(attributes)


def write(path, changes=(), *, group="exchange", seed=0, energy=7.112):
    with h5py.File(path, "a") as file:
        for name, value in counts(seed).items():
            put(file, f"{group}/{name}", value)
        put(file, f"{group}/theta", np.linspace(0, 180, SHAPE[0]), units="degrees")
        if energy is not None:
            put(file, ENERGY if group == "exchange" else f"{group}/energy", energy, units="keV")
        for name, value, attributes in changes:
            put(file, name, value, **attributes)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tomo_001.h5"


def test_one_file_holds_one_energy(path):
    (tomogram,) = open_dataexchange(write(path))
    assert tomogram.energy_ev == 7112.0
    np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), np.linspace(0, 180, 10))
    frames = tomogram.read_rows(1, 3)
    for name, block in zip(counts(), (frames.projections, frames.flats, frames.darks), strict=True):
        np.testing.assert_array_equal(block, counts()[name][:, 1:3])
    np.testing.assert_array_equal(tomogram.read_projection(9), counts()["data"][9])
    assert frames.datasets == ("exchange/data", "exchange/data_white", "exchange/data_dark")


def test_files_are_told_by_content(path, tmp_path):
    assert is_dataexchange(write(path))
    with h5py.File(tmp_path / "exchange.h5", "w") as file:
        file["exchanged/data"] = 1.0
    assert not is_dataexchange(tmp_path / "exchange.h5")


@pytest.mark.parametrize(
    ("name", "value", "attributes", "ev", "notes"),
    [
        (ENERGY, 7.112, {"units": "keV"}, 7112.0, ()),
        (ENERGY, 7112.0, {"units": "eV"}, 7112.0, ()),
        (ENERGY, np.array([7.112]), {"units": b"KeV"}, 7112.0, ()),
        (ENERGY, 7.112, {}, 7112.0, ("The recorded energy has no unit; it is taken as keV.",)),
        (ENERGY, 7112.0, {}, 7112.0, ("The recorded energy has no unit; it is taken as eV.",)),
        (ENERGY, 7.112, {"units": "eV"}, 7112.0, ("The recorded energy is taken as keV; the file says ev.",)),
        (ENERGY, np.array([7112.1, 7111.9]), {"units": "eV"}, 7112.0, (MEAN_OF_TWO,)),
        ("exchange/energy", 7.112, {"units": "keV"}, 7112.0, ()),
    ],
)  # fmt: skip
def test_the_energy_is_read_with_its_unit(path, name, value, attributes, ev, notes):
    (tomogram,) = open_dataexchange(write(path, [(ENERGY, None, {}), (name, value, attributes)]))
    assert tomogram.energy_ev == pytest.approx(ev, abs=1e-9)
    assert tuple(note for note in tomogram.notes if "energy" in note) == notes


@pytest.mark.parametrize("holder", ["exchange", "exchange/data"])
def test_the_energy_may_be_an_attribute(path, holder):
    write(path, energy=None)
    with h5py.File(path, "a") as file:
        file[holder].attrs.update({"energy": 7112.0, "energy_units": "eV"})
    assert open_dataexchange(path)[0].energy_ev == 7112.0


def test_a_file_without_energy_opens_alone_and_is_told(path):
    scan = open_scan(write(path, energy=None))
    assert np.isnan(scan.energies_ev[0])
    assert any("No photon energy is recorded" in note for note in scan.notes)


def test_energies_missing_in_the_files_are_given_by_the_user(tmp_path):
    for index in range(3):
        write(tmp_path / f"tomo_{index + 9}.h5", seed=index, energy=None)
    with pytest.raises(DataError, match=r"tomo_9\.h5: no photon energy is recorded \(3 of 3 .*energies_ev"):
        open_scan(tmp_path)
    scan = open_scan(tmp_path, energies_ev=[7100.0, 7112.0, 7130.0], pixel_size_nm=40.0)
    np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7112.0, 7130.0])
    assert scan.tomograms[1].source.name == "tomo_10.h5"
    assert scan.pixel_size_nm == 40.0
    assert "The energy was given by the user. (3 of 3 files)" in scan.notes
    np.testing.assert_array_equal(scan.tomograms[2].read_projection(0), counts(2)["data"][0])


def test_angles_missing_in_the_file_are_given_by_the_user(path):
    write(path, [("exchange/theta", None, {})])
    with pytest.raises(DataError, match=r"'exchange/theta' is missing; group 'exchange' holds data, data_dark"):
        open_scan(path)
    scan = open_scan(path, angles_deg=np.arange(0, 180, 18.0))
    np.testing.assert_allclose(np.rad2deg(scan.tomograms[0].angles_rad), np.arange(0, 180, 18.0))
    with pytest.raises(DataError, match=r"angles_deg, given for .*tomo_001\.h5, has shape \(9,\).*10 projections"):
        open_scan(path, angles_deg=np.arange(0, 180, 20.0))


def test_several_groups_are_several_energies(path):
    for index, group in enumerate(("exchange", "exchange_1", "exchange_2", "exchange_10")):
        write(path, group=group, seed=index, energy=None)
    with h5py.File(path, "a") as file:
        for index, group in enumerate(("exchange", "exchange_1", "exchange_2", "exchange_10")):
            put(file, f"{group}/energy", 7100.0 + index, units="eV")
    scan = open_scan(path)
    np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7101.0, 7102.0, 7103.0])
    for index, tomogram in enumerate(scan.tomograms):
        np.testing.assert_array_equal(tomogram.read_projection(3), counts(index)["data"][3])


def test_the_monochromator_of_the_file_belongs_to_no_group_of_several(path):
    write(path)
    write(path, group="exchange_1", energy=7.2)
    with pytest.raises(DataError, match="no photon energy is recorded"):
        open_scan(path)


def test_a_group_without_angles_beside_one_with_them_is_left_alone(path):
    write(path)
    write(path, [("exchange_1/theta", None, {})], group="exchange_1")
    assert len(open_dataexchange(path)) == 1


def test_axes_are_those_the_file_names(path):
    turned = {name: value.transpose(1, 0, 2) for name, value in counts().items()}
    changes = [(f"exchange/{name}", value, {"axes": "y:theta:x"}) for name, value in turned.items()]
    (tomogram,) = open_dataexchange(write(path, changes))
    frames = tomogram.read_rows(1, 4)
    np.testing.assert_array_equal(frames.projections, counts()["data"][:, 1:4])
    np.testing.assert_array_equal(frames.flats, counts()["data_white"][:, 1:4])
    assert any("y:theta:x" in note for note in tomogram.notes)


@pytest.mark.parametrize("axis", [0, 1])
def test_an_extra_axis_of_length_1_is_ignored_and_told(path, axis):
    (tomogram,) = open_dataexchange(write(path, [("exchange/data", np.expand_dims(counts()["data"], axis), {})]))
    frames = tomogram.read_rows(1, 3)
    np.testing.assert_array_equal(frames.projections, counts()["data"][:, 1:3])
    np.testing.assert_array_equal(frames.flats, counts()["data_white"][:, 1:3])
    np.testing.assert_array_equal(tomogram.read_projection(7), counts()["data"][7])
    assert "'exchange/data' has an extra axis of length 1, which is ignored." in tomogram.notes


@pytest.mark.parametrize("axes", ["x:y:energy:theta", "x:y:energy", None])
def test_all_energies_of_a_mantis_file(path, axes):
    energies = np.array([7100.0, 7112.0, 7130.0])
    data = np.random.default_rng(1).poisson(300, (6, 4, 3, 10)).astype(np.float32)  # (x, y, energy, theta)
    with h5py.File(path, "w") as file:
        put(file, "exchange/data", data, **({"axes": axes} if axes else {}))
        put(file, "exchange/energy", energies, units="ev")
        put(file, "exchange/theta", np.linspace(-80, 80, 10), units="degrees")
        put(file, "spectromicroscopy/normalization/white_spectrum", [900.0, 901.0, 902.0])
    scan = open_scan(path)
    np.testing.assert_array_equal(scan.energies_ev, energies)
    assert (scan.n_rows, scan.n_columns) == (4, 6)
    for index, tomogram in enumerate(scan.tomograms):
        frames = tomogram.read_rows(1, 3)
        np.testing.assert_array_equal(frames.projections, data[:, 1:3, index].transpose(2, 1, 0))
        np.testing.assert_array_equal(frames.flats, np.full((1, 2, 6), 900.0 + index))
        np.testing.assert_array_equal(tomogram.read_projection(4), data[:, :, index, 4].T)


def mantis(path, **images):
    """A file of three energies with what is given beside the projections."""
    data = np.random.default_rng(1).poisson(300, (6, 4, 3, 10)).astype(np.float32)  # (x, y, energy, theta)
    with h5py.File(path, "w") as file:
        put(file, "exchange/data", data, axes="x:y:energy:theta")
        put(file, "exchange/energy", [7100.0, 7112.0, 7130.0], units="ev")
        put(file, "exchange/theta", np.linspace(-80, 80, 10), units="degrees")
        put(file, "exchange/x", 0.04 * np.arange(6), units="um")
        put(file, "exchange/data_collection_datetime", "2014-05-06T07:08:09")
        put(file, "information/detector/binning/horizontal", 2)
        put(file, "spectromicroscopy/normalization/white_spectrum", [900.0, 901.0, 902.0])
        for name, value in images.items():
            put(file, f"exchange/{name}", value)
    return open_scan(path).tomograms


@pytest.mark.parametrize("n_flats", [None, 1, 5])
def test_flats_and_darks_of_a_mantis_file_are_used(path, n_flats):
    rng = np.random.default_rng(2)
    shape = (6, 4, 3) if n_flats is None else (6, 4, 3, n_flats)
    white, dark = rng.poisson(900, shape), rng.poisson(20, shape)
    for index, tomogram in enumerate(mantis(path, white_data=white, dark_data=dark)):
        frames = tomogram.read_rows(1, 3)
        for found, stored in ((frames.flats, white), (frames.darks, dark)):
            expected = stored.reshape(6, 4, 3, -1)[:, 1:3, index].transpose(2, 1, 0)
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(tomogram.read_references()[0][:, 1:3], frames.flats)
        assert (tomogram.n_flats, tomogram.n_darks) == (n_flats or 1, n_flats or 1)


def test_flats_of_a_mantis_file_that_do_not_fit_are_told(path):
    tomogram = mantis(path, white_data=np.ones((6, 4)))[0]
    assert any("'exchange/white_data' has shape (6, 4), which does not fit" in note for note in tomogram.notes)
    np.testing.assert_array_equal(tomogram.read_rows(0, 1).flats, np.full((1, 1, 6), 900.0))
    assert any("there is no 'exchange/dark_data'" in note for note in tomogram.notes)


def test_an_absurd_incident_intensity_is_not_used(path):
    mantis(path)
    with h5py.File(path, "a") as file:
        put(file, "spectromicroscopy/normalization/white_spectrum", [900.0, 1e308, 902.0])
    scan = open_scan(path)
    assert any("does not hold one intensity per energy" in note for note in scan.notes)
    assert scan.tomograms[1].read_rows(0, 1).flats.max() == 1.0


def test_pixel_size_time_and_binning_of_a_mantis_file_are_read(path):
    tomogram = mantis(path)[1]
    assert tomogram.pixel_size_nm == pytest.approx(40.0)
    assert (tomogram.time_s, tomogram.binning) == (1399360089.0, 2)


def test_binning_enlarges_the_pixels_of_the_camera(path):
    detector, objective = "measurement/instrument/detector", "measurement/instrument/detection_system/objective"
    changes = [
        (f"{detector}/pixel_size_x", 6.5, {"units": "um"}),
        (f"{detector}/binning_x", 2, {}),
        (f"{objective}/magnification", 325, {}),
    ]
    (tomogram,) = open_dataexchange(write(path, changes))
    assert tomogram.pixel_size_nm == pytest.approx(40.0)
    assert tomogram.binning == 2
    assert "The pixel size is that of the camera binned by 2 over its magnification, 325." in tomogram.notes


@pytest.mark.parametrize(
    ("changes", "nm"),
    [
        ([("measurement/instrument/detection_system/objective/resolution", 0.0303, {"units": "microns"})], 30.3),
        ([("measurement/instrument/detector/actual_pixel_size_x", 30.3e-9, {"units": "m"})], 30.3),
        (
            [
                ("measurement/instrument/detector/pixel_size_x", 6.5, {"units": "um"}),
                ("measurement/instrument/detection_system/objective/magnification", "325x", {}),
            ],
            20.0,
        ),
        ([("measurement/instrument/detector/pixel_size_x", 6.5, {"units": "um"})], None),
        ([("measurement/instrument/detection_system/objective/resolution", 0.0303, {})], None),
        ([], None),
    ],
)
def test_the_pixel_size_is_that_in_the_sample_or_none(path, changes, nm):
    (tomogram,) = open_dataexchange(write(path, changes))
    assert tomogram.pixel_size_nm == (None if nm is None else pytest.approx(nm))
    assert any("ixel size" in note for note in tomogram.notes) == (nm != 30.3)


def test_missing_flats_and_darks_are_told(path):
    (tomogram,) = open_dataexchange(write(path, [("exchange/data_white", None, {}), ("exchange/data_dark", None, {})]))
    assert [note.split(" (")[0] for note in tomogram.notes[:2]] == ["No flats were recorded", "No darks were recorded"]
    flats, darks = tomogram.read_references()
    np.testing.assert_array_equal(flats, np.ones((1, 4, 6)))
    np.testing.assert_array_equal(darks, np.zeros((1, 4, 6)))
    assert tomogram.read_rows(1, 3).flats.shape == (1, 2, 6)


def test_angles_in_radians_are_read_where_the_file_says_so(path):
    (tomogram,) = open_dataexchange(write(path, [("exchange/theta", np.linspace(0, np.pi, 10), {"units": "rad"})]))
    np.testing.assert_allclose(tomogram.angles_rad, np.linspace(0, np.pi, 10))
    assert "The angles are recorded in radians." in tomogram.notes


DATA = counts()["data"]


@pytest.mark.parametrize(
    ("name", "value", "attributes", "words"),
    [
        ("exchange/data", DATA[0], {}, r"'exchange/data' has shape \(4, 6\); \(angle, row, column\)"),
        ("exchange/data", DATA.astype("S4"), {}, "'exchange/data' holds .*not counts"),
        ("exchange/data", DATA[:, :0], {}, r"'exchange/data' has shape \(10, 0, 6\)"),
        ("exchange/data", DATA[:9], {}, "9 projections; one angle per projection"),
        ("exchange/data_white", DATA[:, :3], {}, r"'exchange/data_white' has shape \(10, 3, 6\); \(frame, 4, 6\)"),
        ("exchange/data_dark", "dark", {}, "'exchange/data_dark' holds .*not counts"),
        ("exchange/theta", None, {}, "'exchange/theta' is missing"),
        ("exchange/theta", "0 to 180", {}, "'exchange/theta' has shape"),
        ("exchange/theta", np.linspace(0, np.pi, 10), {}, "'exchange/theta' spans 3.142 .*radians"),
        ("exchange/theta", np.linspace(0, 180, 10), {"units": "rad"}, "'exchange/theta' spans 180 .*said to be in rad"),
        ("exchange/theta", np.r_[np.arange(0, 180, 20), np.nan], {}, "'exchange/theta' holds nan at index 9"),
        (ENERGY, 71.12, {"units": "keV"}, f"'{ENERGY}' is 71.12; a photon energy"),
        (ENERGY, "Fe K", {}, f"'{ENERGY}' has shape .*numbers is expected"),
        (ENERGY, np.linspace(7.1, 7.2, 9), {"units": "keV"}, "holds 9 energies from 7100.00 to 7200.00 eV; one energy"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_dataset(path, name, value, attributes, words):
    with pytest.raises(DataError, match=rf"tomo_001\.h5: .*{words}") as caught:
        open_dataexchange(write(path, [(name, value, attributes)]))
    assert "\n" not in str(caught.value)


def test_axes_that_cannot_be_told_apart_are_refused(path):
    write(
        path,
        [("exchange/data", np.zeros((6, 4, 3, 10)), {"axes": "a:b:c:d"}), ("exchange/energy", [7.1, 7.2, 7.3], {})],
    )
    with pytest.raises(DataError, match=r"axes 'a:b:c:d'; x:y:energy:theta is expected"):
        open_dataexchange(path)


@pytest.mark.skipif(not TOOTH.is_file(), reason=f"{TOOTH} is not there")
def test_the_tooth_reconstructs_to_enamel_and_dentine_in_air():
    (tomogram,) = open_scan(TOOTH).tomograms
    frames = tomogram.read_rows(0, 1)
    noise = estimate_noise(frames.flats, frames.darks)
    sinogram = attenuate(frames, noise=noise).values.transpose(1, 0, 2)
    # 295.5 is where projections half a turn apart are mirror images.
    tooth = make_engine("fourier").reconstruct(np.ascontiguousarray(sinogram), tomogram.angles_rad, centre=295.5)[0]
    y, x = np.mgrid[:640, :640] - 319.5
    air = tooth[(np.hypot(x, y) > 230) & (np.hypot(x, y) < 290)]
    enamel = tooth[300:340, 418:436]
    dentine = tooth[240:260, 300:340]
    noise_of_slice = air.std()
    assert abs(air.mean()) < 0.2 * noise_of_slice
    assert enamel.mean() > dentine.mean() + noise_of_slice > air.mean() + 3 * noise_of_slice
