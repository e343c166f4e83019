"""Offset from a metal foil, and the presets of the elements."""

import os
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.elements import ELEMENTS, element_of_scan, element_preset
from xanesmap.spectra.foil_calibration import calibrate_with_foil, read_foil

SHARED = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data/spectra/xasref_foils"
IRON = element_preset("Fe")


def two_rises(energies, *, first_ev, noise=0.0):
    """A metal's edge: a first rise, and a second one 8 eV later that is as steep."""
    edge = 0.4 * (1 + np.tanh((energies - first_ev) / 1.8)) / 2 + 0.6 * (1 + np.tanh((energies - first_ev - 8) / 2)) / 2
    return 0.3 - 1e-4 * (energies - first_ev) + edge + np.random.default_rng(0).normal(0, noise, energies.size)


@pytest.mark.parametrize("true_ev", [-3.0, 0.0, 1.3])
def test_the_first_rise_of_a_foil_gives_the_offset(true_ev):
    energies = np.arange(7080.0, 7160.0, 0.3)
    found = calibrate_with_foil(energies, two_rises(energies, first_ev=7112.0 - true_ev, noise=5e-4), element=IRON)
    assert found.offset_ev == pytest.approx(true_ev, abs=max(0.05, 3 * found.sigma_ev))
    assert found.sigma_ev < 0.05
    assert found.inflection_ev + found.offset_ev == pytest.approx(IRON.edge_ev)


def test_a_foil_without_an_edge_or_with_too_few_points_is_refused():
    energies = np.arange(7080.0, 7160.0, 0.3)
    with pytest.raises(DataError, match="no rise within 25 eV of the Fe K edge"):
        calibrate_with_foil(energies, -energies, element=IRON)
    with pytest.raises(DataError, match="a calibration takes 5"):
        calibrate_with_foil(energies[::9], two_rises(energies[::9], first_ev=7112.0), element=IRON)
    with pytest.raises(DataError, match="0 points lie within 25 eV of the Ni K edge"):
        calibrate_with_foil(energies, two_rises(energies, first_ev=7112.0), element=element_preset("Ni"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="measured foils are not here")
@pytest.mark.parametrize("symbol", ["Mn", "Fe", "Co", "Ni"])
def test_measured_foils_agree_with_their_calibration(symbol):
    found = read_foil(f"{SHARED / f'{symbol}_foil_{symbol}_K.dat'}:2", element=element_preset(symbol))
    # calibrated to 0.25 eV; the steepest part of a foil's edge is half an eV wide
    assert abs(found.offset_ev) < 0.35


def test_a_foil_that_cannot_be_used_is_named(tmp_path):
    file = tmp_path / "foil.csv"
    file.write_text("7100,1\n7101,1\n7102,1\n")
    with pytest.raises(DataError, match=r"foil .*foil\.csv: 3 points lie"):
        read_foil(file, element=IRON)


def test_presets_hold_the_edges_and_steps_of_the_tables():
    # edges of the foils (Bearden and Burr 1967); jump ratio of iron as in SCIENCE.md, which takes the fitted K jump
    edges = {"Mn": 6539, "Fe": 7112, "Co": 7709, "Ni": 8333, "Cu": 8979}
    for symbol in ELEMENTS:
        preset = element_preset(symbol)
        assert preset.edge_ev == pytest.approx(edges[symbol], abs=0.5)
        assert preset.jump_ratio == pytest.approx(7.6, abs=0.5)
        assert preset.pre_edge_ev[1] < preset.rise_ev[0] < preset.white_line_ev[1] < preset.post_edge_ev[0]
        below, above = preset.attenuation_cm2_g(np.array([preset.edge_ev - 0.1, preset.edge_ev + 0.1]))
        assert above - below == pytest.approx(preset.edge_step_cm2_g)


def test_the_edge_of_iron_gives_the_step_of_lithium_iron_phosphate():
    # 0.0452 1/um (SCIENCE.md 2.1): 354 cm2/g times 3.60 g/cm3 times the mass fraction of iron
    step_per_um = IRON.edge_step_cm2_g * 3.60 * 55.845 / 157.755 / 1e4
    assert step_per_um == pytest.approx(0.0452, rel=0.01)


def test_the_element_of_a_scan_is_the_one_whose_edge_lies_within():
    assert element_of_scan([8300.0, 8400.0]).symbol == "Ni"
    with pytest.raises(DataError, match="no element with a preset"):
        element_of_scan([7200.0, 7300.0])
    with pytest.raises(DataError, match="Fe and Co"):
        element_of_scan([7000.0, 7800.0])
    with pytest.raises(DataError, match="'Zn' was asked for"):
        element_preset("Zn")
