"""The analytic LiFePO4 and FePO4 spectra against the published table (SCIENCE.md 2.1 and 2.2)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.spectra.absorption import (
    PHASES,
    attenuation_per_um,
    normalised_absorption,
    volume_fraction_from_iron_fraction,
)

GRID = np.arange(7110.0, 7199.0, 0.001)


@pytest.mark.parametrize(("phase", "position", "height"), [("LiFePO4", 7127.40, 1.683), ("FePO4", 7132.29, 1.539)])
def test_white_line_has_its_position_and_height(phase, position, height):
    values = normalised_absorption(phase, GRID)
    assert GRID[values.argmax()] == pytest.approx(position, abs=0.01)
    assert values.max() == pytest.approx(height, abs=0.001)


@pytest.mark.parametrize(("energy", "value"), [(7130.14, 1.371), (7158.23, 0.889)])
def test_the_two_phases_absorb_alike_at_the_isosbestic_energies(energy, value):
    difference = normalised_absorption("LiFePO4", GRID) - normalised_absorption("FePO4", GRID)
    crossings = GRID[1:][np.diff(np.sign(difference)) != 0]
    assert np.abs(crossings - energy).min() < 0.01
    assert normalised_absorption("FePO4", energy) == pytest.approx(value, abs=0.015)


@pytest.mark.parametrize("phase", ["LiFePO4", "FePO4"])
def test_formula_joins_both_limits_without_a_jump_larger_than_its_residual(phase):
    for join in (7092.0, 7199.0):
        step = np.diff(normalised_absorption(phase, [join - 1e-6, join, join + 1e-6]))
        assert np.abs(step).max() < 1e-5
    assert (normalised_absorption(phase, [6000.0, 7000.0, 7091.999]) == 0).all()
    assert normalised_absorption(phase, 7300.0) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("phase", "step", "below", "slope_per_cm", "molar_volume"),
    [("LiFePO4", 0.0452, 0.01678, -0.068, 43.82), ("FePO4", 0.0483, 0.01793, -0.074, 40.98)],
)
def test_absolute_scale_agrees_with_the_table(phase, step, below, slope_per_cm, molar_volume):
    constants = PHASES[phase]
    assert constants.edge_step_per_um == pytest.approx(step, abs=6e-5)
    assert constants.below_edge_per_um == pytest.approx(below, rel=5e-4)
    assert constants.molar_volume_cm3 == pytest.approx(molar_volume, abs=0.01)
    slope = np.diff(attenuation_per_um(phase, [7080.0, 7090.0]))[0] / 10 * 1e4
    assert slope == pytest.approx(slope_per_cm, rel=0.05)


def test_an_iron_atom_steps_alike_in_both_phases():
    per_atom = [constants.edge_step_per_um * constants.molar_volume_cm3 for constants in PHASES.values()]
    assert per_atom[0] == pytest.approx(per_atom[1], rel=1e-5)


@pytest.mark.parametrize(("phase", "energy", "per_cm"), [("LiFePO4", 7092.0, 169.1), ("FePO4", 7092.0, 180.7)])
def test_attenuation_below_the_edge_agrees_with_the_table(phase, energy, per_cm):
    assert attenuation_per_um(phase, energy) * 1e4 == pytest.approx(per_cm, rel=1e-3)


def test_half_the_iron_in_each_phase_is_51_7_percent_of_the_volume_in_lithium_iron_phosphate():
    assert volume_fraction_from_iron_fraction([0.5, 0.5])[0] == pytest.approx(43.82 / (43.82 + 40.98), abs=1e-4)


@given(st.floats(-0.5, 1.5))
def test_volume_fractions_sum_to_one_and_leave_pure_phases_alone(iron):
    volume = volume_fraction_from_iron_fraction(np.array([[iron, 0.0, 1.0], [1.0 - iron, 1.0, 0.0]]))
    np.testing.assert_allclose(volume.sum(axis=0), 1.0, atol=1e-12)
    np.testing.assert_array_equal(volume[:, 1:], [[0.0, 1.0], [1.0, 0.0]])


def test_no_volume_has_no_fraction():
    assert np.isnan(volume_fraction_from_iron_fraction([0.0, 0.0])).all()


def test_unknown_phase_and_energies_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="phase 'NiO' was asked for; known are LiFePO4, FePO4"):
        normalised_absorption("NiO", 7112.0)
    with pytest.raises(DataError, match="not a finite number"):
        attenuation_per_um("FePO4", [7112.0, np.nan])
    with pytest.raises(DataError, match="fractions of 2 phases were asked for"):
        volume_fraction_from_iron_fraction(np.ones((3, 4)))
