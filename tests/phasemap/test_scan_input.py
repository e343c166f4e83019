import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.scan_input import open_scan_input


def config_for(scan, **reconstruct):
    return make_config({"scan": [str(item) for item in scan], "reconstruct": reconstruct})


def test_what_a_configuration_states_takes_the_place_of_what_files_record(small_scan):
    energies, times = np.linspace(7100.0, 7170.0, 8), 1.7e9 + 600.0 * np.arange(8)
    stated = {
        "energies_ev": energies.tolist(),
        "angles_deg": np.arange(0.0, 160.0, 4.0).tolist(),
        "pixel_size_nm": 25.0,
    }
    scan = open_scan_input(config_for([small_scan.folder], **stated, camera_binning=2, times_s=times.tolist()))
    np.testing.assert_array_equal(scan.energies_ev, energies)
    assert [tomogram.time_s for tomogram in scan.tomograms] == times.tolist()
    assert {(tomogram.pixel_size_nm, tomogram.binning) for tomogram in scan.tomograms} == {(25.0, 2)}
    np.testing.assert_allclose(np.rad2deg(scan.tomograms[3].angles_rad), stated["angles_deg"])
    assert sum("given by the user" in note for note in scan.notes) == 5


def test_without_statements_a_scan_is_as_recorded(small_scan):
    scan = open_scan_input(config_for(small_scan.files))
    np.testing.assert_allclose(scan.energies_ev, small_scan.truth.energies_ev)
    assert not any("given by the user" in note for note in scan.notes)


def test_one_energy_makes_no_map(small_scan):
    with pytest.raises(DataError, match=r"tomograms at two energies or more, .* found .*10001\.h5"):
        open_scan_input(config_for(small_scan.files[:1]))


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"times_s": [1.7e9]}, "times_s gives 1 times for 8 tomograms"),
        ({"times_s": [1.7e12] * 8}, "seconds since 1970, up to the year 2100"),
        ({"energies_ev": [7100.0, 7110.0]}, "energies_ev gives 2 energies for 8 tomograms"),
        ({"pixel_size_nm": 0.02}, r"pixel_size_nm is 0\.02; 1 to 20000 nm"),
    ],
)
def test_statements_that_do_not_fit_are_refused(small_scan, stated, words):
    with pytest.raises(DataError, match=words):
        open_scan_input(config_for([small_scan.folder], **stated))


@pytest.mark.parametrize("binning", [0, 65, 1.5])
def test_binning_of_no_camera_is_refused_by_the_configuration(binning):
    with pytest.raises(DataError, match=r"'reconstruct\.camera_binning'"):
        make_config({"scan": "scan", "reconstruct": {"camera_binning": binning}})
