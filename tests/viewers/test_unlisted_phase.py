"""A phosphide that nobody listed, from raw frames to what reveals it: the residual map where there is much of it in a
part of the sample, the table of combinations where there is little of it everywhere."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from scipy.special import ndtr
from scipy.stats import rankdata

from xanesmap.phasemap.maps.second_opinion import leftover, model_of, sample_voxels
from xanesmap.phasemap.maps.second_opinion_maps import map_second_opinion
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV, simulation_settings
from xanesmap.reconstruct.simulator.phantom import make_phantom
from xanesmap.spectra.absorption import attenuation_per_um, phase_constants
from xanesmap.spectra.library import load_library
from xanesmap.spectra.reference import Reference, bundled_reference
from xanesmap.viewers.drawing.region_combinations import rank_regions

LIBRARY = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data/spectra/fe_lfp_fepo4_hxn/FeLibNov2021.nor"
PHASES = ("LiFePO4", "FePO4")
SETTINGS = {
    "n_rows": 24,
    "n_columns": 40,
    "n_angles": 61,
    "energies_ev": CHOSEN_ENERGIES_EV,
    "pixel_size_nm": 320.0,
    "photons": 4e4,
}
GRID_EV = np.arange(7085.0, 7205.0, 0.5)
BELOW_EDGE = 0.15
"""Attenuation below the edge per edge step: the jump ratio of iron is 7.9."""


def model_phosphide():
    """A metal-like spectrum: its edge 8 eV below that of a phosphate, a shoulder, no white line to speak of."""
    rise = np.arctan((GRID_EV - 7116.5) / 1.5) / np.pi + 0.5
    shoulder = 0.3 * np.exp(-(((GRID_EV - 7114.0) / 2.4) ** 2)) + 0.09 * np.exp(-(((GRID_EV - 7135.0) / 9.5) ** 2))
    values = np.where(GRID_EV > 7100, rise + shoulder, 0)
    return Reference(name="phosphide", source="test", energies_ev=GRID_EV, values=values)


def measured_phosphide():
    if not LIBRARY.is_file():
        pytest.skip("the measured library is not here")
    return next(reference for reference in load_library(LIBRARY) if "Fe3P" in reference.name)


both_spectra_and_seeds = pytest.mark.parametrize(
    ("make_phosphide", "seed"),
    [pytest.param(model_phosphide, 1, marks=pytest.mark.slow), (model_phosphide, 2), (measured_phosphide, 2)],
)


def raw_spectrum(reference, energies_ev):
    """Attenuation per edge step, what is below the edge included."""
    return np.interp(energies_ev, reference.energies_ev, reference.values) + BELOW_EDGE * (energies_ev / 7112) ** -2.8


def left_half(shape):
    return np.broadcast_to(np.arange(shape[2]) < shape[2] / 2, shape)


@pytest.fixture
def mapped(write_scan, tmp_path):
    """Phantom and map of a scan in which a share of the iron is another phase within a part of the volume."""

    def make(phosphide, *, share, part, seed):
        settings = simulation_settings("small", disturbances={"zinger_rate": 0.0}, **SETTINGS)
        energies = np.array(settings.energies_ev)
        steps = np.array([phase_constants(phase).edge_step_per_um for phase in PHASES], np.float32)
        shape = (settings.n_rows, settings.n_columns, settings.n_columns)
        phantom = make_phantom(
            shape=shape, seed=seed, supersampling=settings.supersampling, edge_steps_per_um=tuple(steps.tolist())
        )
        inside = share * part(phantom.fine.shape[1:]).astype(np.float32)
        iron = np.tensordot(steps, phantom.fine, 1)
        fine = np.concatenate([phantom.fine * (1 - inside), [inside * iron]])
        spectra = [*(attenuation_per_um(phase, energies) for phase in PHASES), raw_spectrum(phosphide, energies)]
        scan = write_scan(tmp_path / "scan", fine, np.array(spectra), settings, seed=seed)
        return phantom, map_phases(scan, out=tmp_path / "r.zarr", align={"method": "none"}, threads=1)

    return make


def what_is_left(result, phosphide):
    """What the references leave of the phosphide, per edge step."""
    own, model = raw_spectrum(phosphide, np.array(result.attributes["energies_on_scale_ev"])), model_of(result)
    return own - model.design @ (model.solver @ own)


def share_of_one_sigma(result, phosphide, *, amount):
    """Share of the iron of a voxel that stands out of its noise by one standard deviation."""
    noise = np.sqrt(sample_voxels(result).variance)
    return 1 / (amount * np.linalg.norm(what_is_left(result, phosphide) / noise))


def probability_of_order(larger, smaller):
    """Probability that one of the first is larger than one of the second."""
    ranks = rankdata(np.r_[larger, smaller])
    return (ranks[: larger.size].mean() - (larger.size + 1) / 2) / smaller.size


@both_spectra_and_seeds
def test_phosphide_at_18_percent_stands_in_the_residual_map_where_it_is(mapped, make_phosphide, seed):
    phosphide = make_phosphide()
    phantom, result = mapped(phosphide, share=0.18, part=left_half, seed=seed)
    found = leftover(result, sample_voxels(result))
    holds, inner = left_half(result.shape), binary_erosion(phantom.mask, iterations=2)
    amount = float(np.median(np.asarray(result.amount)[holds & inner]))
    expected = 0.18 / share_of_one_sigma(result, phosphide, amount=amount)
    assert expected > 2.5  # the scan is fine enough for single voxels

    assert found.eigenvalues[0] > 1.2 * found.noise_edge  # where the command calls it more than noise
    left = what_is_left(result, phosphide)
    assert found.spectrum @ left / np.linalg.norm(left) > 0.97
    strength = map_second_opinion(result.path).residual_component.values
    holders, others = (strength[part & inner] for part in (holds, ~holds))
    # three standard errors of the two means, and 10 % for the blur of voxels two from a surface
    error = np.sqrt(1 / holders.size + 1 / others.size)
    assert holders.mean() - others.mean() == pytest.approx(expected, abs=3 * error + 0.1 * expected)
    # of two normal distributions so far apart one voxel of each is in the right order with this probability
    right = ndtr(expected / np.sqrt(2))
    error = np.sqrt(right * (1 - right) / min(holders.size, others.size))
    assert probability_of_order(holders, others) > right - 3 * error


@both_spectra_and_seeds
def test_phosphide_at_5_percent_stands_in_the_table_of_combinations(mapped, make_phosphide, seed, command, tmp_path):
    phosphide = make_phosphide()
    _, result = mapped(phosphide, share=0.05, part=lambda shape: np.ones(shape), seed=seed)
    lfp, fp = bundled_reference("LFP"), bundled_reference("FP")
    strangers = [
        Reference(name=name, source="test", energies_ev=lfp.energies_ev, values=np.roll(lfp.values, shift))
        for name, shift in (("early", -60), ("late", 90))
    ]
    found = rank_regions(result, [lfp, fp, phosphide, *strangers])
    best = found.ranked[0]
    assert best.names == ("LiFePO4", "FePO4", phosphide.name)
    # differences of the Bayesian criterion above 10 are very strong evidence (Kass and Raftery 1995)
    assert all(row.difference > 10 for row in found.ranked[1:])
    assert any("the sample holds something else" in note for note in found.notes)
    # four standard errors of a mean whose voxels share noise with a neighbour, and the energy scale (0.02 eV, 0.003)
    labels = result.phase_labels.values
    for region, share in zip(found.regions, best.fraction[2], strict=True):
        own = labels == 1 + result.label_names.index(region)
        one = share_of_one_sigma(result, phosphide, amount=float(np.mean(result.amount.values[own])))
        assert share == pytest.approx(0.05, abs=4 * one * np.sqrt(2 / np.count_nonzero(own)) + 0.003)

    files = []
    for reference in (lfp, fp, phosphide):
        files.append(tmp_path / f"{reference.name}.csv")
        np.savetxt(files[-1], np.column_stack([reference.energies_ev, reference.values]), delimiter=",")
    told = command("combinations", result.path, *files)
    assert told.code == 0, told.err
    first = next(line for line in told.out.splitlines() if "LiFePO4 + FePO4" in line)
    assert phosphide.name in first
    assert "the sample holds something else" in told.out
