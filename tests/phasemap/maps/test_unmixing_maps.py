"""Components, factors and clusters of a result find its phases, in every voxel and beside everything it holds."""

import numpy as np
import pytest
import zarr

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.second_opinion import model_of
from xanesmap.phasemap.maps.unmixing_maps import MOST_COMPONENTS, unmix_phases
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.phasemap.storage.amendment import read_table

STILL = {"align": {"method": "none"}, "reconstruct": {"centre_px": 19.5}, "threads": 1}
"""The axis is given: what these tests see of a scan of 40 columns would otherwise depend on how well it is found."""


@pytest.fixture(scope="module")
def path(small_settings, tmp_path_factory):
    """A result of 24 energies; tests add maps to it."""
    folder = tmp_path_factory.mktemp("unmixing")
    scan = simulate_scan(folder / "scan", seed=3, **{**small_settings, "energies_ev": CHOSEN_ENERGIES_EV})
    return map_phases(scan.folder, out=folder / "r.zarr", **STILL).path


def inside(result):
    return result.mask.values > 0


def test_principal_components_are_the_two_phases_and_their_maps_rebuild_the_spectra(path):
    result = unmix_phases(path, method="pca", components=4)
    assert result.components.dims == ("component", "z", "y", "x")
    scores, mask = result.components.values, inside(result)
    assert np.isnan(scores[:, ~mask]).all()
    assert np.isfinite(scores[:, mask]).all()
    scree = np.array(read_table(path, "scree")["times the noise edge (1)"], float)
    # two phases of varying amount are two directions; pixels of 320 nm add a little of Beer's law within a pixel
    assert scree[1] > 10
    assert scree[2] < scree[1] / 10
    table = read_table(path, "component_spectra")
    mean, *curves = (np.array(table[name], float) for name in ("mean", "component 1", "component 2"))
    rebuilt = mean[:, None] + np.array(curves).T @ scores[:2][:, mask]
    mu = result.mu.values[:, mask]
    # what two components leave is noise: no more than the fit of two references and a background leaves
    left = model_of(result).residuals(mu.astype(float))
    assert np.sqrt(np.mean((rebuilt - mu) ** 2)) < 1.15 * np.sqrt(np.mean(left**2))


def test_factors_that_start_from_right_references_stay_and_their_amounts_are_those_of_the_fit(path):
    result = unmix_phases(path, method="nmf")
    facts = result.attributes["unmixing"]["factors"]
    assert facts["misfit"] < 1.1 * facts["misfit_of_noise"]
    amounts = (result.fraction * result.amount).values
    for phase in range(2):
        pair = np.corrcoef(result.factors.values[phase][inside(result)], amounts[phase][inside(result)])
        assert pair[0, 1] > 0.97
    assert (result.factors.values[:, inside(result)] >= 0).all()
    table = read_table(path, "factors")
    assert table["started from"] == ["LiFePO4", "FePO4"]
    assert np.sum(np.array(table["share (%)"], float)) == pytest.approx(100, abs=0.01)
    three = unmix_phases(path, method="nmf", components=3)
    assert three.factors.shape[0] == 3
    assert read_table(path, "factors")["started from"][2] == "what the references leave"


@pytest.mark.parametrize("method", ["k-means", "gaussian-mixture"])
def test_clusters_are_the_phases_in_every_voxel(path, method):
    result = unmix_phases(path, method=method, components=3)
    labels, mask = result.cluster_labels.values, inside(result)
    assert set(np.unique(labels[mask])) == {1, 2, 3}
    assert (labels[~mask] == 0).all()
    sizes = np.bincount(labels[mask])[1:] / np.count_nonzero(mask)
    # the table counts the voxels of ten slices, some hundreds: shares of them are known to a few percent
    np.testing.assert_allclose(np.array(read_table(path, "clusters")["share (%)"], float) / 100, sizes, atol=0.06)
    means = np.array(read_table(path, "clusters")["mean fraction LiFePO4"], float)
    assert means.max() > 0.9
    assert means.min() < 0.1
    lfp = result.fraction.values[0]
    for pure in (lfp > 0.9, lfp < 0.1):
        counts = np.bincount(labels[mask & pure], minlength=4)
        assert counts.max() > 0.9 * counts.sum()


def test_what_methods_find_stands_side_by_side_and_the_rest_stays(path):
    before = open_result(path)
    kept = before.fraction.values
    unmix_phases(path, method="pca")
    unmix_phases(path, method="nmf")
    after = unmix_phases(path, method="k-means", components=2)
    assert {"components", "factors", "cluster_labels"} <= set(after.attributes["unmixing"])
    assert after.attributes["unmixing"]["cluster_labels"]["method"] == "k-means"
    np.testing.assert_array_equal(after.fraction.values, kept)
    assert after.attributes["finished"] == before.attributes["finished"]
    group = zarr.open_group(path, mode="r")
    assert group["components"].attrs["ome"]["multiscales"][0]["axes"][0] == {"name": "component", "type": "component"}
    assert "cluster" in group["labels"].attrs["ome"]["labels"]
    assert after.components.attrs["units"] == "1"
    assert after.factors.attrs["units"] == "1/um"


def test_the_same_seed_gives_the_same_maps(path):
    first = unmix_phases(path, method="gaussian-mixture", components=4, seed=5).cluster_labels.values
    np.testing.assert_array_equal(
        unmix_phases(path, method="gaussian-mixture", components=4, seed=5).cluster_labels.values, first
    )


def test_wrong_questions_are_refused_and_leave_the_result_as_it_is(path, small_scan, tmp_path):
    before = dict(open_result(path).attributes)
    with pytest.raises(DataError, match="'ica' was asked for; there are pca, nmf"):
        unmix_phases(path, method="ica")
    for number in (0, MOST_COMPONENTS + 1):
        with pytest.raises(DataError, match=rf"{number} components were asked for; of 24 energies give 1 to 12"):
            unmix_phases(path, components=number)
    assert dict(open_result(path).attributes) == before
    out = tmp_path / "bare.zarr"
    bare = map_phases(small_scan.folder, out=out, keep_mu=False, align={"method": "none"}, threads=1)
    with pytest.raises(DataError, match=r"did not keep its attenuation; run again with --keep-mu"):
        unmix_phases(bare.path)
    assert bare.components is None
    assert bare.factors is None
    assert bare.cluster_labels is None
