"""Edge positions and white lines without references: where literature has them, with errors of the right size."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.spectra.absorption import attenuation_per_um
from xanesmap.spectra.edge_maps import edge_maps
from xanesmap.spectra.edge_normalisation import EdgeWindows
from xanesmap.spectra.elements import element_preset
from xanesmap.spectra.local_polynomial import local_curve

IRON = element_preset("Fe")
WINDOWS = EdgeWindows(edge_ev=IRON.edge_ev, pre_edge_ev=IRON.pre_edge_ev, post_edge_ev=IRON.post_edge_ev)
GRIDS = {"1 eV": np.arange(7092.0, 7192.5), "2 eV": np.arange(7092.0, 7193.0, 2.0), "24": np.array(CHOSEN_ENERGIES_EV)}
STEP = 0.046


def maps_of(spectra, energies, variance):
    return edge_maps(
        spectra, energies, windows=WINDOWS, rise_ev=IRON.rise_ev, white_line_ev=IRON.white_line_ev, variance=variance
    )


def pure(energies):
    return np.stack([attenuation_per_um(phase, energies) for phase in ("LiFePO4", "FePO4")], axis=1)


@pytest.mark.parametrize("grid", GRIDS)
def test_positions_of_the_pure_phases_are_those_measured(grid):
    energies = GRIDS[grid]
    maps = maps_of(pure(energies), energies, np.full(energies.size, (1e-5 * STEP) ** 2))
    # SCIENCE.md 2.2: half-height 7120.58 and 7125.52, white line 7127.28 and 7132.24, steepest 7122.2 and 7128.6 eV
    np.testing.assert_allclose(maps.half_height_ev, [7120.58, 7125.52], atol=0.15)
    np.testing.assert_allclose(maps.white_line_ev, [7127.28, 7132.24], atol=1.5)
    np.testing.assert_allclose(maps.steepest_ev, [7122.2, 7128.6], atol=1.5)
    assert maps.edge_integral_ev[1] - maps.edge_integral_ev[0] == pytest.approx(4.95, abs=0.8)
    np.testing.assert_allclose(maps.edge_step, [0.0452, 0.0483], rtol=0.06)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("relative", [0.02, 0.05])
def test_errors_are_as_large_as_their_sigma(grid, relative):
    energies, rng = GRIDS[grid], np.random.default_rng(0)
    sigma = np.linspace(0.8, 1.2, energies.size) * relative * STEP
    spectra = np.repeat(pure(energies), 4000, axis=1) + sigma[:, None] * rng.standard_normal((energies.size, 8000))
    truth = maps_of(pure(energies), energies, sigma**2 * 1e-8)
    found = maps_of(spectra, energies, sigma**2)
    for name, error in (
        ("edge_step", "edge_step_sigma"),
        ("half_height_ev", "half_height_sigma_ev"),
        ("edge_integral_ev", "edge_integral_sigma_ev"),
        ("white_line_height", "white_line_height_sigma"),
    ):
        pull = (getattr(found, name) - np.repeat(getattr(truth, name), 4000)) / getattr(found, error)
        assert np.nanstd(pull) == pytest.approx(1, abs=0.1), name
    # the noise of the worst case decides where a broad maximum stands; such voxels have no position
    pull = (found.white_line_ev - np.repeat(truth.white_line_ev, 4000)) / found.white_line_sigma_ev
    assert np.isfinite(pull).mean() > 0.5
    assert 1.4826 * np.nanmedian(np.abs(pull)) == pytest.approx(1, abs=0.3)


def test_variance_of_single_voxels_counts():
    energies = GRIDS["2 eV"]
    variance = np.full((energies.size, 2), (0.01 * STEP) ** 2) * [1, 4]
    maps = maps_of(np.repeat(pure(energies)[:, :1], 2, axis=1), energies, variance)
    for sigma in (maps.half_height_sigma_ev, maps.edge_step_sigma, maps.white_line_sigma_ev):
        assert sigma[1] == pytest.approx(2 * sigma[0])


def test_position_follows_the_fraction_and_neither_scale_nor_level_matter():
    energies = GRIDS["1 eV"]
    lfp = np.linspace(0, 1, 11)
    spectra = pure(energies) @ np.stack([lfp, 1 - lfp])
    maps = maps_of(spectra, energies, np.full(energies.size, 1e-12))
    assert (np.diff(maps.half_height_ev) < 0).all()
    scaled = maps_of(3 * spectra + 0.7, energies, np.full(energies.size, 1e-12))
    np.testing.assert_allclose(scaled.half_height_ev, maps.half_height_ev)
    np.testing.assert_allclose(scaled.white_line_height, 3 * maps.white_line_height)


def test_shape_and_type_are_kept_and_air_has_no_edge():
    energies = GRIDS["2 eV"]
    spectra = np.zeros((energies.size, 3, 4), np.float32)
    spectra[:, 1] = attenuation_per_um("LiFePO4", energies)[:, None]
    maps = maps_of(spectra, energies, np.full(energies.size, 1e-8))
    assert maps.half_height_ev.shape == (3, 4)
    assert maps.half_height_ev.dtype == np.float32
    assert np.isfinite(maps.half_height_ev[1]).all()
    assert np.isnan(maps.half_height_ev[[0, 2]]).all()


def test_a_local_cubic_leaves_a_cubic_as_it_is():
    energies = np.sort(np.random.default_rng(2).uniform(7100, 7150, 40))
    curve = local_curve(energies, first_ev=7110.0, last_ev=7140.0)

    def cubic(e):
        return 1 + 0.1 * (e - 7125) - 0.01 * (e - 7125) ** 2 + 0.002 * (e - 7125) ** 3

    np.testing.assert_allclose(curve.value @ cubic(energies), cubic(curve.energies_ev), atol=1e-9)
    slope = 0.1 - 0.02 * (curve.energies_ev - 7125) + 0.006 * (curve.energies_ev - 7125) ** 2
    np.testing.assert_allclose(curve.slope @ cubic(energies), slope, atol=1e-8)
    bend = -0.02 + 0.012 * (curve.energies_ev - 7125)
    np.testing.assert_allclose(curve.bend @ cubic(energies), bend, atol=1e-7)


def test_too_few_energies_on_the_rise_are_refused():
    energies = np.array([7092.0, 7100.0, 7119.0, 7126.0, 7134.0, 7158.0, 7170.0, 7190.0])
    with pytest.raises(DataError, match=r"3 energies lie between 7107\.0 and 7137\.0 eV"):
        maps_of(pure(energies), energies, np.ones(8))
