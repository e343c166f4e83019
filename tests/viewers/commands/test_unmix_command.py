"""`xanesmap second-opinion`, `unmix` and `denoise` as their users meet them."""

import shutil

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.viewers.drawing.edge_maps_figure import edge_maps_figure
from xanesmap.viewers.drawing.unmixing_figure import unmixing_figure

STILL = {"align": {"method": "none"}, "reconstruct": {"centre_px": 19.5}, "threads": 1}
"""The axis is given: what these tests see of a scan of 40 columns would otherwise depend on how well it is found."""


@pytest.fixture(scope="module")
def result(small_settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    scan = simulate_scan(folder / "scan", seed=2, **{**small_settings, "energies_ev": CHOSEN_ENERGIES_EV})
    return map_phases(scan.folder, out=folder / "r.zarr", **STILL)


def test_a_second_opinion_is_printed_stored_and_drawn(command, result, tmp_path):
    told = command("second-opinion", result.path, "--figures", tmp_path / "f")
    assert told.code == 0, told.err
    assert "half height" in told.out
    assert "Rank correlation of LiFePO4" in told.out
    assert "maps in edge/ and residual_component" in told.out
    assert (tmp_path / "f" / "edge_maps.png").stat().st_size > 10_000
    assert open_result(result.path).residual_component is not None
    assert len(edge_maps_figure(open_result(result.path)).axes) == 12  # six maps with their colour bars


@pytest.mark.parametrize(
    ("method", "layer", "title", "picture"),
    [
        ("pca", "components", "times the noise edge", "principal_components.png"),
        ("nmf", "factors", "started from", "non_negative_factors.png"),
        ("k-means", "cluster_labels", "mean fraction LiFePO4", "clusters_of_spectra.png"),
        ("gaussian-mixture", "cluster_labels", "mean fraction LiFePO4", "clusters_of_spectra.png"),
    ],
)
def test_every_method_prints_its_table_stores_its_maps_and_draws_them(
    command, result, tmp_path, method, layer, title, picture
):
    words = ("unmix", result.path, "--method", method, "--components", 2, "--figures", tmp_path / "f")
    told = command(*words)
    assert told.code == 0, told.err
    assert title in " ".join(told.out.split())
    assert f"maps in {layer}" in told.out
    assert (tmp_path / "f" / picture).stat().st_size > 10_000
    opened = open_result(result.path)
    values = getattr(opened, layer).values
    assert np.isfinite(values[..., opened.mask.values > 0]).all()
    figure = unmixing_figure(opened, layer)
    n_maps = 1 if layer == "cluster_labels" else 2
    assert len(figure.axes) == 2 * n_maps + 2


def test_denoised_maps_are_for_pictures_and_the_command_says_so(command, result):
    told = command("denoise", result.path)
    assert told.code == 0, told.err
    assert "no error bars" in told.out
    assert open_result(result.path).denoised_amount is not None


def test_wrong_questions_end_in_one_line(refused, small_result, tmp_path):
    copy = tmp_path / "copy.zarr"
    shutil.copytree(small_result.path, copy)
    refused("unmix", copy, "--method", "ica", named=["'ica'", "pca, nmf, k-means, gaussian-mixture"])
    refused("unmix", copy, "--components", 9, named=["9 components", "8 energies", "1 to 7"])
    refused("unmix", tmp_path / "nowhere.zarr", named=["nowhere.zarr", "does not exist"])
    refused("second-opinion", copy, named=["energies"])  # eight energies show no shape of an edge
    refused("denoise", copy, "--method", "median", named=["'median'", "total-variation"])
    for figure, words in ((edge_maps_figure, ()), (unmixing_figure, ("components",))):
        with pytest.raises(DataError, match=r"holds no .*; make them: xanesmap"):
            figure(open_result(copy), *words)


def test_maps_of_a_2d_stack_are_added_without_a_unit_of_length(command, make_volumes, tmp_path):
    known = make_volumes((1, 41, 52))
    path = tmp_path / "xanes_scan2_id_1.h5"
    with h5py.File(path, "w") as file:
        file["img_xanes"] = np.exp(-5 * np.nan_to_num(known.mu[:, 0]))
        file["X_eng"], file["Pixel Size"] = known.energies_ev / 1000, "40nm"
    out = tmp_path / "r.zarr"
    assert command("run", path, "--out", out).code == 0
    for words in (("second-opinion", out), ("unmix", out, "--method", "nmf"), ("unmix", out, "--method", "k-means")):
        told = command(*words, "--figures", tmp_path / "f")
        assert told.code == 0, told.err
    stack = open_result(out)
    assert stack.factors.attrs["units"] == stack.edge_maps["edge_step"].attrs["units"] == "1"
    assert np.nanmedian(stack.edge_maps["edge_step"]) == pytest.approx(0.3, rel=0.1)
    told = command("denoise", out)
    assert told.code == 2
    assert "single slice" in told.err
