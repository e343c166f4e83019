import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.axis_steps import AxisSteps, angle_steps, energy_steps, length_text

ENERGIES = energy_steps(np.array([7092.0, 7110.25, 7180.0]))


@pytest.mark.parametrize(("index", "text"), [(1, "7110.25 eV"), (99, "7180.00 eV"), (-1, "7092.00 eV")])
def test_the_energy_is_told_in_ev_and_stays_in_range(index, text):
    assert ENERGIES.text(index) == text


def test_the_place_among_all_counts_from_one():
    assert ENERGIES.place(1) == "7110.25 eV (2 of 3)"
    assert ENERGIES.place(99) == "7180.00 eV (3 of 3)"


def test_angles_are_told_in_degrees():
    assert angle_steps(np.array([0, np.pi / 4])).text(1) == "45.00 °"


def test_an_energy_that_is_not_known_is_told_by_its_number():
    assert AxisSteps(name="energy", values=np.array([np.nan]), unit="eV").text(0) == "energy 1"


def test_places_are_told_in_um():
    assert length_text("z", 3.5201) == "z 3.52 µm"
