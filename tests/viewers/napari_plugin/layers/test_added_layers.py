import shutil

import numpy as np
import pytest
from napari.components import ViewerModel

from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import layer_named
from xanesmap.viewers.napari_plugin.layers.layer_plan import planned_layers
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND
from xanesmap.viewers.napari_plugin.session import open_session


def added(shape):
    """Images as commands would add them: values by name, with the length of a leading axis."""
    rng = np.random.default_rng(3)
    signed, positive = rng.standard_normal((2, *shape)), rng.uniform(0, 2, (2, *shape))
    return {
        "half_height": (7120 + signed[0], ()),
        "half_height_sigma": (positive[0], ()),
        "white_line_height": (positive[1], ()),
        "residual_component": (5 * signed[1], ()),
        "components": (0.1 * signed, (2,)),
        "factors": (positive, (2,)),
        "denoised_amount": (positive[0], ()),
        "denoised_fraction": (np.stack([positive[0] / 2, 1 - positive[0] / 2]), (2,)),
        "cluster_labels": (rng.integers(0, 4, shape), ()),
        "pore_labels": (rng.integers(0, 2, shape), ()),
    }


@pytest.fixture(scope="module")
def images(small_result):
    return added(small_result.shape)


@pytest.fixture(scope="module")
def enriched(small_result, images, tmp_path_factory):
    """The small result with a few of the images that commands add."""
    copy = tmp_path_factory.mktemp("enriched") / "small.zarr"
    shutil.copytree(small_result.path, copy)
    with Amendment(copy) as amendment:
        for name, (values, leading) in images.items():
            amendment.replace_images({layer_named(name): leading}, [(0, {name: values})])
        amendment.finish({})
    return open_result(copy)


@pytest.fixture(scope="module")
def plan(enriched):
    return {layer.name: layer for layer in planned_layers(enriched)}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("half_height", "edge at half height (eV)"),
        ("half_height_sigma", "sigma of edge at half height (eV)"),
        ("white_line_height", "white line height (1/µm)"),
        ("residual_component", "residual component (σ)"),
        ("components 2", "component 2 (σ)"),
        ("factors 1", "factor 1 (1/µm)"),
        ("denoised_amount", "denoised amount (1/µm)"),
        ("denoised_fraction 2", "denoised fraction FePO4"),
        ("cluster_labels", "cluster"),
        ("assessment", "verdict on the fit"),
        ("pore_labels", "pore"),
    ],
)
def test_what_commands_add_is_a_layer_that_is_hidden_at_first(plan, name, title):
    assert plan[name].title == title
    assert not plan[name].visible
    assert list(plan)[-1] == "phase"


def test_components_are_layers_of_their_own(plan, images):
    for name in ("components", "factors"):
        for index in range(2):
            shown = np.asarray(plan[f"{name} {index + 1}"].data[0])
            np.testing.assert_array_equal(shown, images[name][0][index].astype(np.float32))


def test_colours_of_energies_span_the_edges_those_of_deviations_zero_and_those_of_amounts_begin_there(plan):
    low, high = plan["half_height"].limits
    assert 7115 < low < 7119 < 7121 < high < 7125
    assert plan["residual_component"].limits == (-20, 20)  # 99 % of a normal distribution: 5 x 2.58, rounded up
    assert plan["white_line_height"].limits[0] == 0
    assert plan["denoised_fraction 1"].limits == (0, 1)


def test_noise_below_three_of_its_standard_deviations_stays_pale(plan):
    assert plan["components 1"].limits == (-3, 3)


def test_verdicts_are_told_under_the_cursor(plan):
    assert plan["assessment"].features["verdict on the fit"][2] == "no signal"
    assert len(plan["assessment"].label_colours) == 2 + 4


def test_components_of_one_result_are_not_those_of_another(plan):
    alone = [name for name, layer in plan.items() if not layer.comparable]
    assert alone == ["residual_component", "components 1", "components 2", "factors 1", "factors 2", "cluster_labels"]


def test_a_map_of_the_edge_without_a_value_in_the_middle_slice_has_the_limits_of_the_others(enriched, tmp_path):
    copy = tmp_path / "copy.zarr"
    shutil.copytree(enriched.path, copy)
    with Amendment(copy) as amendment:
        values = np.full(enriched.shape, np.nan)
        values[2] = np.linspace(7118, 7122, values[2].size).reshape(values[2].shape)
        amendment.replace_images({layer_named("steepest"): ()}, [(0, {"steepest": values})])
        amendment.finish({})
    planned = {layer.name: layer for layer in planned_layers(open_result(copy))}
    assert planned["steepest"].limits == pytest.approx((7118.04, 7121.96), abs=0.01)


def test_a_session_without_a_window_has_all_layers_in_their_order(enriched, plan):
    viewer = ViewerModel()
    open_session(viewer, enriched)
    assert [layer.metadata[KIND] for layer in viewer.layers] == list(plan)
    assert viewer.layers.selection.active.name == "phase"


def test_in_a_window_maps_that_were_added_come_after_the_others_and_nothing_is_left_of_those_that_did_not(
    viewer, enriched, plan, settle
):
    opened = open_session(viewer, enriched)
    later, first = list(plan)[: list(plan).index("mu")], list(plan)[list(plan).index("mu") :]
    assert [layer.metadata[KIND] for layer in opened] == first
    settle.until(lambda: len(viewer.layers) >= len(opened) + 2)
    there = len(viewer.layers) - len(opened)
    assert [layer.metadata[KIND] for layer in viewer.layers] == [*later[:there], *first]
    assert viewer.layers.selection.active.name == "phase"
