from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from scipy import ndimage

from xanesmap.errors import DataError
from xanesmap.phasemap.truth import Truth, load_truth, truth_path, write_truth
from xanesmap.reconstruct.simulator.phantom import make_phantom


@pytest.fixture(scope="module")
def truth() -> Truth:
    phantom = make_phantom(shape=(32, 48, 48), seed=1)
    rng = np.random.default_rng(0)
    return Truth(
        phases=("LiFePO4", "FePO4"),
        kinds=phantom.kinds,
        fraction=phantom.fraction,
        amount=phantom.amount,
        occupancy=phantom.occupancy,
        particle=phantom.particle,
        mask=phantom.mask,
        energies_ev=np.array([7100.0, 7120.0, 7140.0]),
        true_energies_ev=np.array([7101.0, 7121.0, 7141.0]),
        angles_deg=np.array([0.0, 45.0, 90.0, 135.0]),
        shift_px=rng.normal(size=(3, 4, 2)),
        centre_px=np.array([23.5, 24.5, 22.0]),
        magnification=np.array([1.0, 0.99, 0.98]),
        lamp=np.ones((3, 4)),
        photons=np.full((3, 4), 2e4),
        configuration={"seed": 1, "settings": {"photons": 2e4}},
    )


def test_what_was_written_is_read_back_exactly(truth, tmp_path):
    write_truth(tmp_path / "truth.h5", truth)
    back = load_truth(tmp_path / "truth.h5")

    for field in fields(Truth):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(truth, field.name), err_msg=field.name)
    assert back.fraction.dtype == np.float32
    assert back.mask.dtype == np.bool_


def test_every_dataset_of_numbers_carries_its_unit(truth, tmp_path):
    write_truth(tmp_path / "truth.h5", truth)
    with h5py.File(tmp_path / "truth.h5") as file:
        units = {name: file[name].attrs.get("units") for name in file}

    assert units["amount"] == "1/um"
    assert units["shift_px"] == "px"
    assert units["true_energies_ev"] == "eV"
    assert [name for name, unit in units.items() if unit is None] == ["kinds", "phases"]


def test_displacement_is_the_shift_and_that_of_the_axis(truth):
    extra = truth.displacement_px - truth.shift_px

    np.testing.assert_allclose(extra[..., 0], 0.0)
    np.testing.assert_allclose(extra[..., 1], np.array([0.0, 1.0, -1.5])[:, None] * np.ones(4))


def test_interior_takes_layers_off_all_particles_of_a_kind(truth):
    both = (truth.particle == 1) | (truth.particle == 2)

    np.testing.assert_array_equal(truth.interior("core-shell", erosion=0), both)
    np.testing.assert_array_equal(truth.interior("core-shell", erosion=2), ndimage.binary_erosion(both, iterations=2))
    np.testing.assert_allclose(truth.fraction[0][truth.interior("LiFePO4")], 1.0)


def test_interior_of_an_unknown_kind_is_refused(truth):
    with pytest.raises(DataError, match=r"kind 'LFP' were asked for; there are core-shell, LiFePO4"):
        truth.interior("LFP")


def test_a_folder_without_truth_is_named(tmp_path):
    with pytest.raises(DataError, match=r"truth\.h5.*give the folder that `simulate` wrote"):
        load_truth(tmp_path)


def test_a_file_of_another_program_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["img_tomo"] = np.zeros(3)

    with pytest.raises(DataError, match=r"looked for in .*other\.h5"):
        load_truth(tmp_path / "other.h5")


def test_a_truncated_file_is_refused(truth, tmp_path):
    path = tmp_path / "truth.h5"
    write_truth(path, replace(truth, configuration={}))
    path.write_bytes(path.read_bytes()[:2000])

    with pytest.raises(DataError, match=r"looked for in .*truth\.h5"):
        load_truth(path)


def test_truth_lies_in_a_folder_of_its_own(tmp_path):
    assert truth_path(tmp_path) == tmp_path / "truth" / "truth.h5"
