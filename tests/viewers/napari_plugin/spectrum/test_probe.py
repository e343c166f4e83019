import csv
import dataclasses

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.spectra.reference import load_reference
from xanesmap.viewers.napari_plugin.spectrum.export import write_fractions, write_reference, write_spectra
from xanesmap.viewers.napari_plugin.spectrum.probe import probe_region, probe_voxel
from xanesmap.viewers.napari_plugin.spectrum.probed_region import box_region, label_region


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
    probed = probe_region(small_result, box_region(corner, (3, 3, 3)))
    weights = 1 / small_result.amount_sigma.to_numpy()[block] ** 2
    inside = np.isfinite(weights)
    mu = small_result.mu.to_numpy()[(slice(None), *block)][:, inside]
    np.testing.assert_allclose(probed.measured, np.average(mu, axis=1, weights=weights[inside]), rtol=1e-6)
    assert probed.n_voxels == inside.sum()
    assert probed.fractions.sum() == pytest.approx(1, abs=1e-5)
    single = np.asarray(small_result.noise_levels()[0][(0, *block)])[inside]
    # the best mean of n voxels is as good as this, and none is worse than its worst voxel
    assert 0.9 * np.sqrt(1 / (1 / single**2).sum()) <= probed.sigma[0] < single.max()


def test_of_a_region_only_chosen_voxels_of_the_sample_count(small_result, voxel):
    chosen = np.zeros(small_result.shape, bool)
    chosen[voxel] = chosen[0, 0, 0] = True  # the corner is air
    probed = probe_region(small_result, label_region(chosen, True, name="two"))
    np.testing.assert_allclose(probed.measured, small_result.spectrum(*voxel), rtol=1e-6)
    assert probed.n_voxels == 1
    assert probed.centre == voxel
    assert probed.name == "two, 1 voxels"


def test_a_label_has_the_mean_of_its_voxels_however_the_volume_is_cut(small_result, monkeypatch):
    labels = small_result.phase_labels.to_numpy()
    told = []
    probed = probe_region(small_result, label_region(labels, 1, name="core"), progress=lambda *step: told.append(step))
    inside = labels == 1
    weights = 1 / small_result.amount_sigma.to_numpy()[inside] ** 2
    mu = small_result.mu.to_numpy()[:, inside]
    np.testing.assert_allclose(probed.measured, np.average(mu, axis=1, weights=weights), rtol=1e-5)
    np.testing.assert_allclose(probed.centre, np.argwhere(inside).mean(axis=0))
    fraction = small_result.fraction.to_numpy()[:, inside]
    atoms = weights * small_result.amount.to_numpy()[inside]
    np.testing.assert_allclose(probed.fractions, np.average(fraction, axis=1, weights=atoms), rtol=1e-5)
    assert told[-1][1:] == (told[-1][2],) * 2
    cut = small_result.levels("mask")[0].chunks
    monkeypatch.setattr("xanesmap.viewers.napari_plugin.spectrum.probe._blocks", lambda *_: blocks_of(cut, labels))
    again = probe_region(small_result, label_region(labels, 1, name="core"))
    np.testing.assert_allclose(again.measured, probed.measured, rtol=1e-6)
    np.testing.assert_allclose(again.sigma, probed.sigma, rtol=0.05)  # errors are cut at the median of their block


def blocks_of(chunks, labels):
    """Another way to cut a volume."""
    for start in range(0, labels.shape[2], 13):
        yield slice(0, labels.shape[0]), slice(0, labels.shape[1]), slice(start, min(start + 13, labels.shape[2]))


def test_regions_without_sample_and_voxels_outside_are_refused(small_result):
    with pytest.raises(DataError, match="holds no voxel of the sample"):
        probe_region(small_result, box_region((0, 0, 0), (1, 1, 1)))
    with pytest.raises(DataError, match="lies outside the volume"):
        probe_region(small_result, box_region((0, 0, 0), (1, 1, 400)))
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
    assert header[1] == f"1: {probed.name}, measured (1/um)"
    assert all(title.endswith("(1/um)") for title in header[1:])
    np.testing.assert_allclose(table[:, 0], small_result.energies_ev)
    np.testing.assert_allclose(table[:, 1], probed.measured, rtol=1e-7)


def test_fractions_are_written_with_their_errors(small_result, voxel, tmp_path):
    probed = probe_voxel(small_result, *voxel)
    with write_fractions([probed], tmp_path / "fractions.csv").open(encoding="utf-8", newline="") as file:
        header, row = list(csv.reader(file))
    cells = dict(zip(header, row, strict=True))
    assert cells["name"] == probed.name
    assert float(cells["fraction LiFePO4 (1)"]) == pytest.approx(probed.fractions[0], rel=1e-5)
    assert float(cells["sigma FePO4 (1)"]) == pytest.approx(probed.sigma[1], rel=1e-5)
    assert [int(cells[f"{axis} (voxel)"]) for axis in "zyx"] == list(voxel)


def test_optical_depth_has_no_unit(small_result, voxel, tmp_path):
    flat = dataclasses.replace(small_result, attributes={**small_result.attributes, "attenuation_unit": "1"})
    probed = probe_voxel(flat, *voxel)
    path = write_spectra([probed], tmp_path / "spectra.csv")
    titles = path.read_text(encoding="utf-8").splitlines()[0]
    assert "um" not in titles
    assert "measured (1)" in titles


def test_a_result_that_was_normalised_is_shown_and_fitted_as_the_run_did_it(small_result, voxel):
    n = small_result.energies_ev.size
    matrix = np.eye(n) - np.eye(n)[:, :1].T  # the first energy taken off
    fit = {**small_result.attributes["fit"], "matrix": matrix}
    normalised = dataclasses.replace(small_result, attributes={**small_result.attributes, "fit": fit})
    probed, as_it_is = probe_voxel(normalised, *voxel), probe_voxel(small_result, *voxel)
    np.testing.assert_allclose(probed.measured, as_it_is.measured - as_it_is.measured[0], atol=1e-9)
    np.testing.assert_allclose(probed.fit.curve + probed.residual, probed.measured)


def test_without_attenuation_there_are_fractions_only(small_result, voxel, tmp_path):
    kept = probe_voxel(small_result, *voxel)
    bare = dataclasses.replace(small_result, mu=None)
    probed = probe_voxel(bare, *voxel)
    assert probed.measured is None
    assert probed.residual is None
    np.testing.assert_array_equal(probed.fractions, kept.fractions)
    region = probe_region(bare, box_region(voxel, (1, 1, 1)))
    np.testing.assert_allclose(region.fractions, kept.fractions, rtol=1e-6)
    with pytest.raises(DataError, match="without attenuation"):
        write_reference(probed, tmp_path / "core.csv")
    with pytest.raises(DataError, match="probe a voxel of a result with attenuation"):
        write_spectra([probed], tmp_path / "spectra.csv")


def test_exported_spectra_fit_the_same_result_again(small_result, tmp_path, command):
    """The core and the shell as their own references: their own voxels are then pure."""
    labels = small_result.phase_labels.to_numpy()
    files = {}
    for value, name in ((1, "core"), (2, "shell")):
        probed = probe_region(small_result, label_region(labels, value, name=name))
        files[name] = write_reference(probed, tmp_path / f"{name}.csv")
    references = [word for name, file in files.items() for word in ("--reference", f"{name}={file}")]
    out = tmp_path / "again.zarr"
    ended = command("fit", small_result.path, *references, "--energy-offset", "0", "--out", out)
    assert ended.code == 0, ended.err
    again = open_result(out)
    assert again.phases == ("core", "shell")
    for value, name in ((1, "core"), (2, "shell")):
        probed = probe_region(again, label_region(labels, value, name=name))
        assert probed.fractions[value - 1] == pytest.approx(1, abs=4 * probed.sigma[0] + 0.01)
        assert probed.fit.r_factor < 1e-4


def test_a_probed_spectrum_can_be_a_reference(small_result, voxel, tmp_path):
    probed = probe_voxel(small_result, *voxel)
    reference = load_reference(write_reference(probed, tmp_path / "core.csv"), name="core")
    assert reference.energies_ev[0] == small_result.energies_ev[0]
    phases = probed.fit.contributions[:2].sum(axis=0) / probed.fit.amount
    np.testing.assert_allclose(reference.values, phases + probed.residual / probed.fit.amount, atol=1e-6)


def test_nothing_to_write_and_places_that_cannot_be_written_are_told(small_result, voxel, tmp_path):
    with pytest.raises(DataError, match="probe a voxel of a result"):
        write_spectra([], tmp_path / "none.csv")
    with pytest.raises(DataError, match="probe a voxel first"):
        write_fractions([], tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be written"):
        write_reference(probe_voxel(small_result, *voxel), tmp_path / "no folder" / "core.csv")


def test_spectra_at_other_energies_do_not_share_a_table(small_result, voxel, tmp_path):
    probed = probe_voxel(small_result, *voxel)
    shifted = dataclasses.replace(probed, energies_ev=probed.energies_ev + 1)
    with pytest.raises(DataError, match="other energies"):
        write_spectra([probed, shifted], tmp_path / "spectra.csv")
