import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.overrides import NO_OVERRIDES, apply_overrides, check_overrides


def tomogram(energy_ev=7100.0):
    counts = np.arange(10 * 3 * 4).reshape(10, 3, 4)
    return ArrayTomogram(
        projections=counts,
        flats=counts[:2],
        darks=counts[:1],
        energy_ev=energy_ev,
        angles_rad=np.linspace(0, 3, 10),
        time_s=5.0,
        notes=("As recorded.",),
    )


def test_without_overrides_tomograms_are_as_they_were():
    recorded = [tomogram()]
    assert check_overrides() is NO_OVERRIDES
    assert apply_overrides(recorded, NO_OVERRIDES) is recorded


def test_stated_values_take_the_place_of_recorded_ones_and_are_told():
    stated = check_overrides(
        energies_ev=[8333.0],
        angles_deg=np.arange(0, 100, 10),
        pixel_size_nm=25.0,
        camera_binning=2,
        times_s=[1.7e9],
    )
    recorded = tomogram()
    (changed,) = apply_overrides([recorded], stated)
    assert (changed.energy_ev, changed.pixel_size_nm) == (8333.0, 25.0)
    assert (changed.binning, changed.time_s) == (2, 1.7e9)
    np.testing.assert_allclose(changed.angles_rad, np.deg2rad(np.arange(0, 100, 10)))
    assert changed.notes == (
        "As recorded.",
        "The energy was given by the user.",
        "The angles were given by the user.",
        "The pixel size, 25 nm, was given by the user.",
        "The binning of the camera, 2, was given by the user.",
        "The time was given by the user.",
    )


def test_everything_else_is_as_recorded():
    recorded = tomogram()
    (changed,) = apply_overrides([recorded], check_overrides(energies_ev=[8333.0]))
    np.testing.assert_array_equal(changed.angles_rad, recorded.angles_rad)
    for name in ("source", "n_rows", "n_columns", "n_flats", "n_darks", "time_s", "binning", "pixel_size_nm"):
        assert getattr(changed, name) == getattr(recorded, name)
    np.testing.assert_array_equal(changed.read_rows(1, 3).flats, recorded.flats[:, 1:3])
    np.testing.assert_array_equal(changed.read_references()[1], recorded.darks)
    np.testing.assert_array_equal(changed.read_projection(4), recorded.projections[4])


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"energies_ev": [7.112]}, r"energies_ev has 7\.112 to 7\.112; .*Give them in eV"),
        ({"energies_ev": [7112.0, np.nan]}, "energies_ev must be a list of finite numbers"),
        ({"energies_ev": []}, "energies_ev must be a list of finite numbers"),
        ({"energies_ev": 7112.0}, "energies_ev must be a list of finite numbers"),
        ({"energies_ev": ["Fe K"]}, "energies_ev must be a list of numbers"),
        ({"angles_deg": [[0.0, 1.0]]}, "angles_deg must be a list"),
        ({"pixel_size_nm": 0.04}, r"pixel_size_nm is 0\.04; .*Give it in nm"),
        ({"pixel_size_nm": np.nan}, r"pixel_size_nm is nan; .*Give it in nm"),
        ({"camera_binning": 0}, r"camera_binning is 0; a whole number of pixels from 1 to 64"),
        ({"camera_binning": 1.5}, r"camera_binning is 1\.5; a whole number"),
        ({"camera_binning": 128}, r"camera_binning is 128; a whole number"),
        ({"times_s": [1.7e12]}, r"times_s has 1\.7e\+12 to 1\.7e\+12; seconds since 1970"),
        ({"times_s": [-1.0]}, r"times_s has -1 to -1; seconds since 1970"),
        ({"times_s": ["yesterday"]}, "times_s must be a list of numbers"),
    ],
)
def test_values_of_another_unit_or_kind_are_refused(stated, words):
    with pytest.raises(DataError, match=words):
        check_overrides(**stated)


def test_the_numbers_of_energies_and_angles_must_fit():
    with pytest.raises(DataError, match="energies_ev gives 3 energies for 2 tomograms"):
        apply_overrides([tomogram(), tomogram(7110.0)], check_overrides(energies_ev=[7100.0, 7110.0, 7120.0]))
    with pytest.raises(DataError, match=r"times_s gives 1 times for 2 tomograms, memory to memory\. Give"):
        apply_overrides([tomogram(), tomogram(7110.0)], check_overrides(times_s=[1.7e9]))
    with pytest.raises(DataError, match=r"angles_deg, given for memory, has shape \(9,\).* for 10 projections"):
        apply_overrides([tomogram()], check_overrides(angles_deg=np.arange(0, 180, 20)))
    with pytest.raises(DataError, match=r"angles_deg, given for memory, spans 3 .*radians"):
        apply_overrides([tomogram()], check_overrides(angles_deg=np.linspace(0, 3, 10)))
