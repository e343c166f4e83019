import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.presets import PRESETS, simulation_settings
from xanesmap.phasemap.simulation import SimulatedScan, load_truth, simulate_scan
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.simulator.disturbances import Disturbances
from xanesmap.spectra.absorption import attenuation_per_um, phase_constants

TINY = {
    "n_rows": 21,
    "n_columns": 33,
    "n_angles": 13,
    "n_flats": 6,
    "n_darks": 4,
    "energies_ev": (7100.0, 7126.0, 7150.0),
}
# Large pixels make a strong image: p up to 0.5 where 80 nm would give 0.05, so noise hides nothing.
CLEAR = TINY | {"photons": 1e6, "pixel_size_nm": 800.0, "n_flats": 40}


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> SimulatedScan:
    return simulate_scan(tmp_path_factory.mktemp("tiny") / "scan", seed=2, **TINY)


def optical_depth(path) -> np.ndarray:
    with h5py.File(path) as file:
        dark = file["img_dark"][()].mean(axis=0)
        return -np.log((file["img_tomo"][()] - dark) / (file["img_bkg"][()].mean(axis=0) - dark))


def phase_mass(truth, energy_ev, pixel_um) -> float:
    """Sum over the detector of the optical depth of the whole object, from the truth."""
    return sum(
        float(attenuation_per_um(phase, energy_ev)) * volume.sum(dtype=float) * pixel_um
        for phase, volume in zip(truth.phases, truth.occupancy, strict=True)
    )


def test_files_follow_the_beamlines_layout_to_the_key_and_type(scan):
    assert [path.name for path in scan.files] == [f"fly_scan_id_{n}.h5" for n in (10001, 10002, 10003)]
    with h5py.File(scan.files[1]) as file:
        found = {name: (file[name].shape, file[name].dtype.kind, file[name].dtype.itemsize) for name in file}
        energy_kev, pixel_nm = file["X_eng"][()], file["Pixel Size"][()]
        angles = file["angle"][()]

    assert found["img_tomo"] == ((13, 21, 33), "u", 2)
    assert found["img_bkg"] == ((6, 21, 33), "u", 2)
    assert found["img_dark"] == ((4, 21, 33), "u", 2)
    assert found["img_bkg_avg"] == found["img_dark_avg"] == ((1, 21, 33), "f", 4)
    assert found["angle"] == ((13,), "f", 8)
    assert {
        "scan_id",
        "scan_time",
        "uid",
        "note",
        "x_ini",
        "y_ini",
        "z_ini",
        "r_ini",
        "Magnification",
    } <= set(found)
    assert (energy_kev, pixel_nm) == (pytest.approx(7.126), 80.0)
    np.testing.assert_allclose(angles, np.arange(13) * 180 / 13)


def test_reader_sees_the_scan_and_not_the_truth(scan):
    opened = open_scan(scan.folder)

    np.testing.assert_allclose(opened.energies_ev, TINY["energies_ev"])
    assert (opened.n_rows, opened.n_columns, opened.pixel_size_nm) == (21, 33, 80.0)
    assert opened.notes == ()


def test_truth_beside_the_scan_is_the_truth_returned(scan):
    truth = load_truth(scan.folder)

    assert scan.truth_file == scan.folder / "truth" / "truth.h5"
    np.testing.assert_array_equal(truth.fraction, scan.truth.fraction)
    np.testing.assert_array_equal(truth.amount, scan.truth.amount)
    assert truth.configuration == scan.truth.configuration
    assert truth.configuration["seed"] == 2
    assert truth.configuration["settings"]["photons"] == 2e4
    assert truth.configuration["files"] == [path.name for path in scan.files]
    assert truth.fraction.shape == (2, 21, 33, 33)


def test_amount_is_on_the_scale_of_the_absolute_edge_steps(scan):
    steps = [phase_constants(phase).edge_step_per_um for phase in scan.truth.phases]

    np.testing.assert_allclose(scan.truth.amount, np.tensordot(steps, scan.truth.occupancy, 1), rtol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_every_projection_holds_the_attenuation_of_the_object_at_the_true_energy(tmp_path, offset):
    disturbances = {"zinger_rate": 0.0, "energy_offset_ev": offset}
    scan = simulate_scan(tmp_path, seed=1, disturbances=disturbances, **CLEAR)
    np.testing.assert_allclose(scan.truth.true_energies_ev, np.array(CLEAR["energies_ev"]) + offset)

    for path, energy in zip(scan.files, scan.truth.true_energies_ev, strict=True):
        mass = optical_depth(path).sum(axis=(1, 2))
        expected = phase_mass(scan.truth, energy, 0.8)
        # noise of one pixel 1e-3 (flats add little), 693 pixels: 0.03 of a mass of 15 to 100; plus the mean
        # of the line integral in place of the mean transmission, below 2e-3 here
        np.testing.assert_allclose(mass, expected, atol=5 * 0.03, rtol=2e-3)


def test_displacements_in_the_files_are_those_of_the_truth(tmp_path):
    disturbances = {
        "zinger_rate": 0.0,
        "jitter_px": 0.5,
        "drift_px": 1.0,
        "centre_shift_px": 0.5,
        "magnification_reference_ev": 6500.0,
    }
    sizes = CLEAR | {"n_rows": 31, "n_columns": 45}
    still = simulate_scan(tmp_path / "still", seed=3, disturbances={"zinger_rate": 0.0}, **sizes)
    moved = simulate_scan(tmp_path / "moved", seed=3, disturbances=disturbances, **sizes)
    middle = np.array([15.0, 22.0])

    for index, (before, after) in enumerate(zip(still.files, moved.files, strict=True)):
        at_rest, displaced = (_centre_of_mass(optical_depth(path)) for path in (before, after))
        expected = middle + moved.truth.magnification[index] * (at_rest - middle) + moved.truth.displacement_px[index]
        # noise 1e-3 per pixel x lever arm 15 x sqrt(1395 pixels) over a mass above 40: 0.014 px per image
        np.testing.assert_allclose(displaced, expected, atol=5 * 0.02)
    assert np.abs(moved.truth.displacement_px).max() > 1.0


def test_a_change_of_magnification_alone_is_imaged_at_every_energy(tmp_path):
    disturbances = {"zinger_rate": 0.0, "magnification_reference_ev": 7100.0}
    sizes = CLEAR | {"energies_ev": (7100.0, 7400.0)}
    scan = simulate_scan(tmp_path, seed=1, disturbances=disturbances, **sizes)
    mass = optical_depth(scan.files[1]).sum(axis=(1, 2))
    expected = phase_mass(scan.truth, 7400.0, 0.8) * (7100 / 7400) ** 2  # 8 % less: the image is smaller

    np.testing.assert_allclose(mass, expected, rtol=5e-3)


def _centre_of_mass(images):
    v, u = np.indices(images.shape[1:])
    moments = np.stack([(images * v).sum(axis=(1, 2)), (images * u).sum(axis=(1, 2))], axis=1)
    return moments / images.sum(axis=(1, 2))[:, None]


def test_missing_wedge_leaves_fewer_projections(tmp_path):
    scan = simulate_scan(tmp_path, disturbances={"missing_wedge_deg": 60.0}, **TINY)

    with h5py.File(scan.files[0]) as file:
        assert file["img_tomo"].shape[0] == file["angle"].shape[0] == 8
    assert scan.truth.shift_px.shape == (3, 8, 2)


def test_same_seed_writes_the_same_scan_and_another_seed_another(tmp_path, scan):
    again = simulate_scan(tmp_path / "again", seed=2, **TINY)
    other = simulate_scan(tmp_path / "other", seed=3, **TINY)

    assert [path.read_bytes() for path in again.files] == [path.read_bytes() for path in scan.files]
    assert other.files[0].read_bytes() != scan.files[0].read_bytes()


def test_progress_is_told_after_every_energy(tmp_path):
    told = []
    simulate_scan(tmp_path, progress=lambda done, total: told.append((done, total)), **TINY)

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_occupied_folder_is_refused_and_left_as_it_was(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(DataError, match=r"is not empty \(notes\.txt, 1 in all\): give another folder"):
        simulate_scan(tmp_path, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwriting_replaces_an_earlier_simulation_and_nothing_else(tmp_path):
    simulate_scan(tmp_path, **TINY)
    (tmp_path / "notes.txt").write_text("mine")
    scan = simulate_scan(tmp_path, overwrite=True, **TINY | {"energies_ev": (7110.0, 7130.0)})

    assert sorted(path.name for path in tmp_path.glob("*.h5")) == [path.name for path in scan.files]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert load_truth(tmp_path).energies_ev.size == 2


@pytest.mark.parametrize("name", ["fly_scan_id_10001.h5", "truth/truth.h5"])
def test_overwriting_refuses_files_of_others_and_deletes_nothing(tmp_path, name):
    simulate_scan(tmp_path, **TINY)
    (tmp_path / name).unlink()
    with h5py.File(tmp_path / name, "w") as file:
        file["uid"] = "f3b1c2"
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(DataError, match=rf"{name} was not written by the simulation"):
        simulate_scan(tmp_path, overwrite=True, **TINY)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "scan").write_text("mine")

    with pytest.raises(DataError, match=r"cannot be written to .*scan.*choose another folder"):
        simulate_scan(tmp_path / "scan", **TINY)
    assert (tmp_path / "scan").read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "huge"}, r"preset 'huge' was asked for; there are small, seed-like, rough"),
        (
            {"n_row": 30},
            r"setting 'n_row' is not known; there are photons, .*n_rows.*disturbances\.jitter_px",
        ),
        ({"disturbances": {"jiter_px": 1.0}}, r"setting 'disturbances\.jiter_px' is not known"),
        ({"n_rows": 3}, r"setting n_rows: Input should be greater than or equal to 16"),
        ({"energies_ev": (7100.0, 7100.0)}, r"energies_ev must be strictly increasing"),
        ({"photons": 1e5, "gain_adu_per_photon": 1.0}, r"flats of 100100 counts would saturate"),
        (
            {"disturbances": {"missing_wedge_deg": 179.0}},
            r"missing wedge of 179 degrees leaves 0 projections",
        ),
        ({"seed": -1}, r"seed -1 was asked for"),
        ({"format": "dxchange"}, r"format 'dxchange' was asked for; there is fxi, dataexchange, nxtomo"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_written(tmp_path, settings, message):
    with pytest.raises(DataError, match=message):
        simulate_scan(tmp_path / "scan", **settings)
    assert not (tmp_path / "scan").exists()


def test_presets_are_what_they_say():
    small, seed_like, rough = (PRESETS[name] for name in ("small", "seed-like", "rough"))

    assert (small.n_rows, small.n_columns, len(small.energies_ev), small.n_angles) == (64, 96, 24, 121)
    assert (small.photons, small.pixel_size_nm) == (2e4, 80.0)
    assert small.disturbances == Disturbances(zinger_rate=1e-5)
    assert small.measured_angles_deg[-1] == pytest.approx(180 - 180 / 121)
    assert seed_like.energies_ev == tuple(np.arange(7092.0, 7193.0, 2.0))
    np.testing.assert_allclose(seed_like.measured_angles_deg, np.arange(-90.0, 91.0))
    assert (seed_like.n_rows, seed_like.n_columns) == (112, 160)
    assert seed_like.disturbances == Disturbances()
    assert rough.model_copy(update={"disturbances": small.disturbances}) == small
    assert (rough.disturbances.jitter_px, rough.disturbances.drift_px) == (1.0, 4.0)
    assert (rough.disturbances.centre_shift_px, rough.disturbances.fixed_pattern_relative) == (1.5, 0.01)
    assert rough.disturbances.lamp_flicker_relative == 0.02


def test_a_mapping_changes_some_disturbances_of_a_preset_and_an_object_replaces_all():
    changed = simulation_settings("rough", disturbances={"jitter_px": 0.0}).disturbances
    replaced = simulation_settings("rough", disturbances=Disturbances(drift_px=2.0)).disturbances

    assert changed == PRESETS["rough"].disturbances.model_copy(update={"jitter_px": 0.0})
    assert replaced == Disturbances(drift_px=2.0)
