import csv

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.reference import load_reference
from xanesmap.viewers.napari_plugin.spectrum_export import write_reference, write_spectra
from xanesmap.viewers.napari_plugin.spectrum_probe import probe_region, probe_voxel


@pytest.fixture(scope="module")
def voxel(small_result):
    """A voxel well inside the sample: that of the largest amount."""
    amount = np.nan_to_num(small_result.amount.to_numpy())
    return tuple(int(i) for i in np.unravel_index(amount.argmax(), amount.shape))


def test_a_voxel_shows_what_the_result_holds(small_result, voxel):
    probed = probe_voxel(small_result, *voxel)
    np.testing.assert_array_equal(probed.measured, small_result.spectrum(*voxel))
    here = (slice(None), *voxel)
    np.testing.assert_allclose(probed.fractions, small_result.fraction.to_numpy()[here], rtol=1e-6)
    np.testing.assert_allclose(probed.sigma, small_result.fraction_sigma.to_numpy()[here], rtol=1e-6)
    assert probed.n_voxels == 1


def test_measured_is_the_fit_and_its_residual_and_the_fit_its_components(small_result, voxel):
    probed = probe_voxel(small_result, *voxel)
    np.testing.assert_allclose(probed.fit.curve + probed.residual, probed.measured)
    np.testing.assert_allclose(probed.fit.contributions.sum(axis=0), probed.fit.curve)
    assert set(probed.phases) < set(probed.fit.columns)
    # the stored map frees fractions of ratio bias, far below their error bar here
    assert (np.abs(probed.fit.fractions - probed.fractions) < probed.sigma).all()


def test_a_region_is_the_mean_weighted_by_the_variance_of_the_amount(small_result, voxel):
    corner = tuple(i - 1 for i in voxel)
    block = tuple(slice(i, i + 3) for i in corner)
    probed = probe_region(small_result, np.ones((3, 3, 3), bool), corner=corner)
    weights = 1 / small_result.amount_sigma.to_numpy()[block] ** 2
    inside = np.isfinite(weights)
    mu = small_result.mu.to_numpy()[(slice(None), *block)][:, inside]
    np.testing.assert_allclose(probed.measured, np.average(mu, axis=1, weights=weights[inside]), rtol=1e-6)
    assert probed.n_voxels == inside.sum()
    assert probed.fractions.sum() == pytest.approx(1, abs=1e-5)
    single = small_result.fraction_sigma.to_numpy()[(0, *block)][inside]
    # the best mean of n voxels is as good as this, and none is worse than its worst voxel
    assert 0.9 * np.sqrt(1 / (1 / single**2).sum()) <= probed.sigma[0] < single.max()


def test_of_a_region_only_chosen_voxels_of_the_sample_count(small_result, voxel):
    chosen = np.zeros((3, 3, 3), bool)
    chosen[1, 1, 1] = True
    probed = probe_region(small_result, chosen, corner=tuple(i - 1 for i in voxel))
    np.testing.assert_allclose(probed.measured, small_result.spectrum(*voxel), rtol=1e-6)
    assert probed.n_voxels == 1


def test_regions_without_sample_and_voxels_outside_are_refused(small_result):
    with pytest.raises(DataError, match="holds no voxel of the sample"):
        probe_region(small_result, np.ones((1, 1, 1), bool), corner=(0, 0, 0))
    with pytest.raises(DataError, match="lies outside the volume"):
        probe_voxel(small_result, 0, 0, 400)
    with pytest.raises(DataError, match="lies outside the volume"):
        probe_voxel(small_result, -1, 0, 0)


def test_spectra_are_written_with_units_and_come_back(small_result, voxel, tmp_path):
    probed = probe_voxel(small_result, *voxel)
    path = write_spectra([probed, probed], tmp_path / "spectra.csv")
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    table = np.array(rows, dtype=float)
    assert header[0] == "energy (eV)"
    assert all(title.endswith("(1/um)") for title in header[1:])
    np.testing.assert_allclose(table[:, 0], small_result.energies_ev)
    np.testing.assert_allclose(table[:, 1], probed.measured, rtol=1e-7)


def test_a_probed_spectrum_can_be_a_reference(small_result, voxel, tmp_path):
    probed = probe_voxel(small_result, *voxel)
    reference = load_reference(write_reference(probed, tmp_path / "core.csv"), name="core")
    assert reference.energies_ev[0] == small_result.energies_ev[0]
    phases = probed.fit.contributions[:2].sum(axis=0) / probed.fit.amount
    np.testing.assert_allclose(reference.values, phases + probed.residual / probed.fit.amount, atol=1e-6)


def test_nothing_to_write_and_places_that_cannot_be_written_are_told(small_result, voxel, tmp_path):
    with pytest.raises(DataError, match="probe a voxel first"):
        write_spectra([], tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be written"):
        write_reference(probe_voxel(small_result, *voxel), tmp_path / "no folder" / "core.csv")
