"""The energy offset refined on voxels: told by both, by one where the other cannot, and never worse."""

import numpy as np
import pytest

from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.energy_scale import find_energy_scale
from xanesmap.phasemap.mapping.scale_refinement import combined_scale, strong_spectra
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.spectra.absorption import attenuation_per_um
from xanesmap.spectra.energy_offset import fit_energy_offset
from xanesmap.spectra.reference import bundled_reference

ENERGIES = np.array(CHOSEN_ENERGIES_EV)
PHASES = [bundled_reference("LFP"), bundled_reference("FP")]
SETTINGS = make_config({"scan": "x"}).spectra


def voxels(offset_ev, *, n=400, noise=0.1, seed=0):
    """`(energy, voxel)` spectra of an edge step of about one, each with a composition of its own."""
    rng = np.random.default_rng(seed)
    pure = np.stack([attenuation_per_um(phase, ENERGIES + offset_ev) for phase in ("LiFePO4", "FePO4")]) / 0.047
    share = rng.random(n)
    return pure.T @ np.stack([share, 1 - share]) + noise * rng.standard_normal((ENERGIES.size, n))


def from_sum(offset_ev, *, noise=0.003, seed=0):
    return find_energy_scale(ENERGIES, PHASES, SETTINGS, total=voxels(offset_ev, n=1, noise=noise, seed=seed)[:, 0])


def from_voxels(offset_ev, **options):
    return fit_energy_offset(voxels(offset_ev, **options), PHASES, ENERGIES)


@pytest.mark.parametrize("true_ev", [-3.0, 1.5])
def test_two_estimates_are_better_than_one_and_know_their_error(true_ev):
    errors, sigmas, alone = [], [], []
    for seed in range(16):
        scale = from_sum(true_ev, seed=1000 + seed)
        both = combined_scale(scale, from_voxels(true_ev, n=1000, seed=seed), PHASES, n_voxels=1000)
        assert both.voxels is not None
        errors.append(both.offset_ev - true_ev)
        sigmas.append(both.sigma_ev)
        alone.append(scale.sigma_ev)
    assert np.median(sigmas) < 0.9 * np.median(alone)
    # 16 draws know a standard deviation to 18 %, each its own to 16 % (20 energies are left over)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.median(sigmas), rel=0.5)
    assert np.abs(errors).max() < 0.05


def test_both_are_told():
    scale = combined_scale(from_sum(1.5), from_voxels(1.5), PHASES, n_voxels=400)
    assert "eV by the summed spectrum" in scale.notes[0]
    assert "eV by 400 single voxels. One eV changes the mean fractions by 0.1" in scale.notes[0]
    assert scale.source == "fitted"
    np.testing.assert_allclose(scale.energies_ev, ENERGIES + scale.offset_ev)


def test_voxels_of_next_to_no_say_change_nothing():
    scale = from_sum(0.5, noise=0.0005)
    assert combined_scale(scale, from_voxels(0.5, n=60, noise=0.2), PHASES, n_voxels=60) is scale


def test_voxels_that_do_not_tell_change_nothing():
    scale = from_sum(0.5)
    lost = from_voxels(0.5, n=60, noise=5.0)
    assert not lost.determined
    assert combined_scale(scale, lost, PHASES, n_voxels=60) is scale


def test_voxels_tell_where_the_summed_spectrum_does_not():
    scale = find_energy_scale(ENERGIES, PHASES, SETTINGS, total=np.zeros(ENERGIES.size))
    assert scale.source == "as recorded"
    refined = combined_scale(scale, from_voxels(-2.0, n=2000), PHASES, n_voxels=2000)
    assert refined.source == "fitted"
    assert refined.offset_ev == pytest.approx(-2.0, abs=0.05)
    assert refined.sigma_ev == refined.voxels.sigma_ev
    assert "found from 2000 single voxels; the summed spectrum does not tell" in refined.notes[0]


def test_a_contradiction_is_told_and_the_sum_kept():
    scale = from_sum(0.5)
    other = combined_scale(scale, from_voxels(0.9, n=2000), PHASES, n_voxels=2000)
    assert other.offset_ev == scale.offset_ev
    assert "Single voxels ask for another energy offset, +0.9" in other.notes[1]


def test_energies_that_leave_the_references_are_told_once():
    scale = combined_scale(from_sum(3.0), from_voxels(3.0), PHASES, n_voxels=400)
    assert len(set(scale.notes)) == len(scale.notes)


def test_strong_voxels_are_those_of_half_the_edge_step_of_full_ones():
    mu = np.ones((3, 2, 50))
    mu[2] += np.linspace(0, 1, 100).reshape(2, 50)
    step = np.array([-0.5, -0.5, 1.0])
    assert strong_spectra(mu, step).shape == (3, 50)
    assert strong_spectra(mu, step)[2].min() > 1.49
    assert strong_spectra(np.ones((3, 2, 50)), -np.ones(3)).shape == (3, 0)


@pytest.mark.parametrize("true_ev", [-3.0, pytest.param(2.2, marks=pytest.mark.slow)])
def test_a_run_refines_its_offset_and_says_so(true_ev, tmp_path):
    scan = simulate_scan(
        tmp_path / "scan",
        seed=5,
        n_columns=48,
        n_rows=40,
        n_angles=61,
        photons=1e4,
        disturbances={"energy_offset_ev": true_ev},
    )
    result = map_phases(scan.folder, out=tmp_path / "r.zarr", keep_mu=False, align={"method": "none"})
    told = result.attributes["energy_scale"]
    assert told["offset_ev"] == pytest.approx(true_ev, abs=0.05)
    assert told["offset_ev"] == pytest.approx(true_ev, abs=4 * told["sigma_ev"])
    assert told["voxels"]["offset_ev"] == pytest.approx(true_ev, abs=4 * told["voxels"]["sigma_ev"])
    assert told["sigma_ev"] < told["voxels"]["sigma_ev"]
    assert any("single voxels" in note for note in result.warnings)
