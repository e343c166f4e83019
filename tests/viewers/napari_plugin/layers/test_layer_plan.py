import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from xanesmap.phasemap.result import open_result
from xanesmap.viewers.napari_plugin.layers.layer_plan import label_colouring, level_in_3d, planned_layers, subscripted


@pytest.fixture(scope="module")
def plan(small_result):
    return {layer.name: layer for layer in planned_layers(small_result)}


def test_phase_labels_lie_on_top_and_are_all_that_shows(small_result, plan):
    assert list(plan)[-1] == "phase"
    assert [name for name, layer in plan.items() if layer.visible] == ["phase"]
    assert plan["phase"].features["phase"] == ["outside", *small_result.label_names]


def test_every_layer_lies_where_its_voxels_are_in_um(small_result, plan):
    for layer in plan.values():
        assert layer.data[0].shape[-3:] == small_result.shape
        assert layer.scale[-3:] == (small_result.pixel_size_um,) * 3
        assert layer.units[-3:] == ("um", "um", "um")
        assert len(layer.scale) == len(layer.axes) == len(layer.units) == layer.data[0].ndim


def test_energy_is_one_axis_of_one_layer(small_result, plan):
    assert plan["mu"].axes == ("energy", "z", "y", "x")
    assert plan["mu"].data[0].shape[0] == small_result.energies_ev.size


def test_layers_hold_the_maps_of_the_result(small_result, plan):
    fraction = np.asarray(plan["fraction LiFePO4"].data[0])
    np.testing.assert_array_equal(fraction, small_result.fraction.sel(phase="LiFePO4").to_numpy())
    np.testing.assert_array_equal(np.asarray(plan["mu"].data[0][3]), small_result.mu[3].to_numpy())


def test_limits_span_the_amount_of_the_sample(small_result, plan):
    low, high = plan["amount"].limits
    assert low == 0
    assert high > np.nanmedian(small_result.amount.to_numpy())


def test_lithium_iron_phosphate_is_green_and_iron_phosphate_gold():
    colours = label_colouring(("LiFePO4", "FePO4"))
    red, green, blue, opacity = colours[1]
    assert green > max(red, blue)
    assert opacity == 1
    red, green, blue, _ = colours[2]
    assert red > green > blue
    assert colours[0][3] == colours[None][3] == 0


@pytest.mark.parametrize(
    ("sizes", "itemsize", "level"),
    [([256, 128], 4, 0), ([1024, 512, 256], 4, 1), ([1024, 512, 256], 1, 1), ([800, 400], 1, 0), ([9000, 4500], 1, 1)],
)
def test_the_level_in_3d_is_the_finest_that_fits_memory_and_texture(sizes, itemsize, level):
    shapes = [(n, n, n) for n in sizes]
    assert level_in_3d(shapes, itemsize, budget=512 * 2**20) == level


def test_titles_tell_the_unit(plan):
    assert plan["mu"].title == "attenuation (1/µm)"
    assert plan["amount"].title == "amount (1/µm)"
    assert plan["residual"].title == "R-factor of the fit"


def test_a_result_of_optical_depth_has_no_attenuation_per_length(small_result):
    attributes = {**small_result.attributes, "attenuation_unit": "1"}
    titles = {layer.name: layer.title for layer in planned_layers(replace(small_result, attributes=attributes))}
    assert titles["mu"] == "optical depth"
    assert titles["amount"] == "amount"


def test_limits_of_the_attenuation_span_its_brightest_energy(small_result, plan):
    middle = small_result.mu.to_numpy()[:, small_result.shape[0] // 2]
    brightest = np.percentile(middle, 99.9, axis=(1, 2)).max()
    assert plan["mu"].limits[1] == pytest.approx(brightest, rel=0.1)


@pytest.mark.parametrize(
    ("name", "shown"), [("LiFePO4", "LiFePO₄"), ("Fe3P", "Fe₃P"), ("mixed", "mixed"), ("c2", "c2")]
)
def test_numbers_of_formulae_are_subscripts(name, shown):
    assert subscripted(name) == shown


def test_a_result_without_attenuation_has_no_such_layer(small_result, tmp_path):
    copy = tmp_path / "no_mu.zarr"
    shutil.copytree(small_result.path, copy)
    shutil.rmtree(copy / "mu")
    root = json.loads((copy / "zarr.json").read_text(encoding="utf-8"))
    (copy / "zarr.json").write_text(json.dumps(root), encoding="utf-8")
    assert "mu" not in [layer.name for layer in planned_layers(open_result(copy))]
