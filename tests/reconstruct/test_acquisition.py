import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import (
    angles_rad_from,
    binning_from,
    energy_ev_from,
    number_from,
    pixel_size_nm_from,
    time_s_from,
)


@given(st.floats(2.0, 30.0))
def test_energies_in_kev_become_ev_without_a_note(energy_kev):
    energy, notes = energy_ev_from(energy_kev, name="X_eng")
    assert energy == pytest.approx(1000 * energy_kev, abs=1e-6)
    assert notes == ()


def test_a_round_energy_in_kev_is_round_in_ev():
    assert energy_ev_from(7.112, name="X_eng")[0] == 7112.0


@given(st.floats(1000.0, 60000.0))
def test_energies_in_ev_are_kept_and_told(energy_ev):
    energy, notes = energy_ev_from(energy_ev, name="X_eng")
    assert energy == energy_ev
    assert "taken as eV" in notes[0]


@pytest.mark.parametrize("value", [0.0, -7.1, 1.9, 30.1, 712.0, 999.0, 60001.0, float("nan"), "Fe K", None])
def test_a_value_that_is_no_energy_in_either_unit_is_refused(value):
    with pytest.raises(DataError, match=r"a\.h5: dataset 'X_eng' is .*a photon energy"):
        energy_ev_from(value, name="a.h5: dataset 'X_eng'")


@given(st.floats(-400.0, 400.0), st.sampled_from([-1, 1]), st.integers(8, 400), st.floats(20.0, 360.0))
def test_angles_in_degrees_become_radians_whatever_their_start_and_direction(start, sense, n, span):
    degrees = start + sense * np.linspace(0.0, span, n)
    angles = angles_rad_from(degrees, n_projections=n, name="angle")
    np.testing.assert_allclose(np.rad2deg(angles), degrees, atol=1e-9)


@pytest.mark.parametrize("span", [np.pi, 2 * np.pi, 0.5 * np.pi])
@pytest.mark.parametrize("n", [11, 181])
def test_a_list_that_looks_like_radians_is_refused_with_both_readings(span, n):
    with pytest.raises(DataError, match=rf"looks like radians \({np.rad2deg(span):.0f} degrees\)"):
        angles_rad_from(np.linspace(-0.3, span - 0.3, n), n_projections=n, name="angle")


@pytest.mark.parametrize(
    ("degrees", "n", "words"),
    [
        (np.linspace(0, 180, 20), 21, "one angle per projection is expected"),
        (np.linspace(0, 180, 20).reshape(4, 5), 20, "one angle per projection is expected"),
        (np.array([b"0"] * 20), 20, "one angle per projection is expected"),
        (np.linspace(0, 180, 7), 7, "holds 7 projections; a tomogram needs 8"),
        (np.r_[np.linspace(0, 180, 19), np.nan], 20, "holds nan at index 19"),
        (np.r_[np.inf, np.linspace(0, 180, 19)], 20, "holds inf at index 0"),
        (np.full(20, 30.0), 20, "spans 0 over 20 projections"),
    ],
)
def test_angles_that_make_no_tomogram_are_refused(degrees, n, words):
    with pytest.raises(DataError, match=words):
        angles_rad_from(degrees, n_projections=n, name="angle")


@pytest.mark.parametrize(
    ("value", "nm"),
    [
        (20.3, 20.3),
        (np.float32(20.25), 20.25),
        (40, 40.0),
        ("20.3nm", 20.3),
        ("20.3 nm", 20.3),
        (" 20.3", 20.3),
        ("2.03e1nm", 20.3),
        ("0.0203 um", 20.3),
        ("0.0203µm", 20.3),
        ("0.0203μm", 20.3),
    ],
)
def test_pixel_sizes_are_read_from_numbers_and_text(value, nm):
    assert pixel_size_nm_from(value) == pytest.approx(nm)


@pytest.mark.parametrize(
    "value", [0.0203, "0.0203", 0.0, -20.3, float("nan"), "unknown", "20.3 pixels", "", "nm", "--"]
)
def test_a_pixel_size_that_may_mean_two_things_is_not_guessed(value):
    assert pixel_size_nm_from(value) is None


@pytest.mark.parametrize("value", [None, "x", [1, 2]])
def test_what_is_no_number_is_nan(value):
    assert np.isnan(number_from(value))


@pytest.mark.parametrize(
    ("value", "unit", "ev", "n_notes"),
    [(7112.0, "eV", 7112.0, 0), (7.112, "KeV", 7112.0, 0), (7112.0, "ev", 7112.0, 0), (7.112, "eV", 7112.0, 1),
     (7112.0, None, 7112.0, 1), (7.112, None, 7112.0, 1), (1.1394679e-15, "J", 7112.0, 0), (7112.0, "m", 7112.0, 1)],
)  # fmt: skip
def test_the_stated_unit_of_an_energy_is_used_and_contradictions_are_told(value, unit, ev, n_notes):
    energy, notes = energy_ev_from(value, name="energy", unit=unit)
    assert energy == pytest.approx(ev, rel=1e-6)
    assert len(notes) == n_notes


def test_angles_stated_in_radians_are_taken_as_such_unless_they_cannot_be():
    radians = np.linspace(0, np.pi, 12)
    np.testing.assert_array_equal(angles_rad_from(radians, n_projections=12, name="angle", unit="Radians"), radians)
    for wrong in (np.rad2deg(radians), np.zeros(12)):
        with pytest.raises(DataError, match="said to be in radians"):
            angles_rad_from(wrong, n_projections=12, name="angle", unit="rad")


@pytest.mark.parametrize(
    ("value", "unit", "nm"),
    [
        (0.0303, "microns", 30.3),
        (30.3, "nm", 30.3),
        (3.03e-8, "m", 30.3),
        (30.3, "furlong", None),
        ("30 nm", "m", 30.0),
    ],
)
def test_pixel_sizes_have_the_unit_of_their_attribute(value, unit, nm):
    size = pixel_size_nm_from(value, unit=unit)
    assert size == (None if nm is None else pytest.approx(nm))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1970-01-01 00:00:01.5", 1.5),
        ("noon", None),
    ],
)
def test_times_are_seconds_since_1970(text, seconds):
    assert time_s_from(text) == seconds


@pytest.mark.parametrize(
    ("value", "binning"),
    [(1, 1), (2.0, 2), ("2x2", 2), ("4 X 4", 4), (0, None), (1.5, None), (-2, None), (1000, None), ("", None)],
)
def test_binning_is_a_small_whole_number(value, binning):
    assert binning_from(value) == binning
