"""Edge positions follow the fractions, and a phase that the references lack shows in what they leave."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.second_opinion import leftover, model_of, sample_voxels, second_opinion
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.refit import refit_phases
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.spectra.reference import bundled_reference
from xanesmap.viewers.drawing.energy_scale_figure import energy_scale_figure
from xanesmap.viewers.drawing.second_opinion_figure import second_opinion_figure


@pytest.fixture(scope="module")
def result(small_settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("opinion")
    settings = {**small_settings, "energies_ev": CHOSEN_ENERGIES_EV}
    scan = simulate_scan(folder / "scan", seed=1, disturbances={"energy_offset_ev": 1.0}, **settings)
    return map_phases(scan.folder, out=folder / "r.zarr", align={"method": "none"})


def test_edge_positions_follow_the_fractions_on_the_scale_of_the_references(result):
    found = second_opinion(result, sample_voxels(result))
    assert found.correlation < -0.85
    pure = found.edges.half_height_ev[found.fraction > 0.95]
    # the scan was recorded 1 eV below; the half-height of LiFePO4 is 7120.58 eV
    assert np.nanmedian(pure) == pytest.approx(7120.6, abs=0.4)


def test_voxels_are_those_of_the_mask_with_their_spectra(result):
    inside = np.argwhere(result.mask.values > 0)
    z = int(inside[len(inside) // 2, 0])
    voxels = sample_voxels(result, slice_z=z)
    assert voxels.where.shape[1] == np.count_nonzero(result.mask.values[z])
    spectrum = result.spectrum(*(int(index) for index in voxels.where[:, 3]))
    np.testing.assert_allclose(voxels.spectra[:, 3], spectrum)
    with pytest.raises(DataError, match=r"mask of result .* is empty there"):
        sample_voxels(result, slice_z=int(np.flatnonzero(~result.mask.values.any(axis=(1, 2)))[0]))


def test_the_model_of_a_result_is_the_one_it_was_fitted_with(result):
    z, y, x = np.argwhere(result.mask.values > 0)[5]
    amounts = model_of(result).solver[:2] @ result.spectrum(int(z), int(y), int(x))
    assert amounts.sum() == pytest.approx(float(result.amount[z, y, x]), rel=1e-3)


def test_a_phase_that_the_references_lack_shows_in_what_they_leave(result, tmp_path):
    complete = leftover(result, sample_voxels(result))
    lfp, fp = bundled_reference("LFP"), bundled_reference("FP")
    wrong = tmp_path / "wrong.csv"
    # in place of FePO4 its mixture with LiFePO4, moved: something only FePO4 voxels contradict
    np.savetxt(wrong, np.column_stack([fp.energies_ev, np.roll(0.5 * (lfp.values + fp.values), 60)]), delimiter=",")
    spectra = {"energy_offset_ev": result.attributes["energy_offset_ev"]}
    references = {"LiFePO4": "bundled", "wrong": wrong}
    other = refit_phases(result.path, references=references, out=tmp_path / "w.zarr", spectra=spectra)
    found = leftover(other, sample_voxels(other))
    assert found.significant
    assert found.eigenvalues[0] > 2 * complete.eigenvalues[0]


def test_figures_are_drawn_where_there_is_something_to_draw(result, small_result, tmp_path):
    for make in (energy_scale_figure, second_opinion_figure):
        figure = make(result)
        assert figure is not None
        figure.savefig(tmp_path / "a.png", dpi=50)
    assert second_opinion_figure(small_result) is None  # eight energies show no shape of an edge
    bare = open_result(result.path)
    assert energy_scale_figure(bare) is not None
