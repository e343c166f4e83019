"""Scans of other K edges, with references of the user, go the way that iron goes."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from xanesmap.phasemap.maps.second_opinion import sample_voxels, second_opinion
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV, simulation_settings
from xanesmap.phasemap.result import open_result
from xanesmap.reconstruct.simulator.phantom import make_phantom
from xanesmap.spectra.elements import element_preset
from xanesmap.spectra.reference import bundled_reference

IRON_EV = 7112.0


@pytest.mark.parametrize(
    "symbol", ["Mn", pytest.param("Co", marks=pytest.mark.slow), "Ni", pytest.param("Cu", marks=pytest.mark.slow)]
)
def test_a_scan_of_another_element_is_mapped_with_references_of_the_user(symbol, command, write_scan, tmp_path):
    element = element_preset(symbol)
    moved = element.edge_ev - IRON_EV
    energies = np.array(CHOSEN_ENERGIES_EV) + moved
    settings = simulation_settings(
        "small",
        disturbances={"zinger_rate": 0.0},
        energies_ev=tuple(energies.tolist()),
        **{"n_rows": 24, "n_columns": 40, "n_angles": 40, "pixel_size_nm": 320.0, "photons": 2e5},
    )
    # oxides of two valences: the same pair of shapes, at this edge
    step, words, spectra = 0.05, [], []
    for name, iron in (("reduced", "LFP"), ("oxidised", "FP")):
        curve = bundled_reference(iron)
        file = tmp_path / f"{name}.csv"
        np.savetxt(file, np.column_stack([curve.energies_ev + moved, curve.values]), delimiter=",")
        words += ["--reference", f"{name}={file}"]
        below = step / (element.jump_ratio - 1) * (energies / element.edge_ev) ** -2.8
        spectra.append(below + step * np.interp(energies - moved, curve.energies_ev, curve.values))
    shape = (settings.n_rows, settings.n_columns, settings.n_columns)
    phantom = make_phantom(shape=shape, seed=1, supersampling=2, edge_steps_per_um=(step, step))
    scan = write_scan(tmp_path / "scan", phantom.fine, np.array(spectra), settings, seed=1)

    told = command("info", scan)
    assert f"{symbol} K edge at {element.edge_ev:.1f} eV" in told.out
    told = command("run", scan, *words, "--align", "none", "--threads", 1, "--out", tmp_path / "r.zarr")
    assert told.code == 0, told.err
    result = open_result(tmp_path / "r.zarr")
    assert result.phases == ("reduced", "oxidised")
    # the scan was recorded on the scale of its references
    assert result.attributes["energy_offset_ev"] == pytest.approx(0, abs=0.05)
    inner = binary_erosion(phantom.mask, iterations=2)
    assert np.count_nonzero(inner) > 30
    error = (result.fraction.values[0] - phantom.fraction[0])[inner]
    # 0.13 per eV of offset; single voxels of 320 nm lose detail at fronts
    assert np.mean(error) == pytest.approx(0, abs=0.02)
    assert np.sqrt(np.mean(error**2)) < 0.1
    assert np.mean(result.amount.values[inner]) == pytest.approx(np.mean(phantom.amount[inner]), rel=0.03)
    # windows of the element: the half-height of the first phase is that of iron in LiFePO4, moved
    opinion = second_opinion(result, sample_voxels(result))
    assert opinion.correlation < -0.7
    assert np.nanmedian(opinion.edges.half_height_ev[opinion.fraction > 0.9]) == pytest.approx(7120.6 + moved, abs=0.5)
