"""What is shown of a series, and its curve; without Qt."""

import dataclasses
import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure

from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.segmentation.phase_table import phase_shares
from xanesmap.phasemap.series import open_series
from xanesmap.viewers.napari_plugin.parts.figure_theme import LIGHT
from xanesmap.viewers.napari_plugin.series.curve import NUMBER, draw_series, shares_of_states, state_axes, voltages
from xanesmap.viewers.napari_plugin.series.layers import STATE, series_layers, series_steps, state_steps


@pytest.fixture(scope="module")
def series(series_file):
    return open_series([series_file])


@pytest.fixture(scope="module")
def layers(series):
    return {layer.name: layer for layer in series_layers(series)}


def test_states_are_the_first_axis_of_maps_and_the_second_of_attenuation(layers, small_result):
    assert layers["phase"].axes == (STATE, "z", "y", "x")
    assert layers["phase"].data[0].shape == (3, *small_result.shape)
    assert layers["mu"].axes == ("energy", STATE, "z", "y", "x")
    assert layers["mu"].data[0].shape == (8, 3, *small_result.shape)
    for layer in layers.values():
        assert len(layer.axes) == len(layer.scale) == len(layer.units) == layer.data[0].ndim
        assert layer.scale[-3:] == (0.32,) * 3


def test_layers_hold_what_the_results_hold(layers, series):
    assert not isinstance(layers["phase"].data[0], np.ndarray)
    for number, state in enumerate(series.states):
        labels = np.asarray(layers["phase"].data[0][number])
        np.testing.assert_array_equal(labels, np.asarray(state.result.levels("phase_labels")[0]))
    np.testing.assert_array_equal(np.asarray(layers["mu"].data[0][5, 1]), series.states[1].result.mu[5].to_numpy())


def test_all_states_share_their_colours(layers):
    assert layers["fraction LiFePO4"].limits == (0, 1)
    assert layers["amount"].limits[1] > 0


def test_states_of_other_energies_have_no_common_attenuation(series):
    other = dataclasses.replace(series.states[1].result, energies_ev=series.states[1].result.energies_ev + 1)
    states = (series.states[0], dataclasses.replace(series.states[1], result=other))
    names = [layer.name for layer in series_layers(dataclasses.replace(series, states=states))]
    assert "mu" not in names
    assert "phase" in names


def test_sliders_tell_capacity_and_energy(series, layers):
    assert state_steps(series).text(1) == "75 mAh/g"
    steps = {step.name: step for step in series_steps(series, layers["mu"])}
    assert steps["energy"].text(0) == "7092.00 eV"
    assert steps[STATE].place(2) == "150 mAh/g (3 of 3)"


def test_states_of_which_nothing_is_known_are_told_by_number(series):
    states = tuple(dataclasses.replace(state, capacity=None) for state in series.states)
    bare = dataclasses.replace(series, states=states, curve=None)
    assert state_steps(bare).text(1) == "charge state 2"
    axes = state_axes(bare)
    assert list(axes) == [NUMBER]
    np.testing.assert_array_equal(axes[NUMBER].places, [1, 2, 3])


def test_the_voltage_of_a_state_is_that_of_the_curve_where_it_is_not_given(series):
    axis = state_axes(series)["capacity"]
    np.testing.assert_allclose(voltages(series, axis), [3.0, 3.425, 3.45 + 50 / 70 * 0.75])
    states = (dataclasses.replace(series.states[0], voltage_v=2.9), *series.states[1:])
    assert voltages(dataclasses.replace(series, states=states), axis)[0] == 2.9


def test_no_voltage_is_taken_from_a_curve_that_runs_back(series):
    curve = dataclasses.replace(series.curve, capacity=np.array([0.0, 100, 50, 0]))
    turned = dataclasses.replace(series, curve=curve)
    assert np.isnan(voltages(turned, state_axes(turned)["capacity"])).all()


def test_shares_of_the_volume_sum_to_one_and_follow_the_labels(series):
    shares = shares_of_states([phase_shares(state.result) for state in series.states])
    np.testing.assert_allclose(sum(values for values, _ in shares.values()), 1)
    volumes = [state.result.phase_volumes_um3() for state in series.states]
    expected = [one["FePO4"] / sum(one.values()) for one in volumes]
    values, errors = shares["FePO4"]
    np.testing.assert_allclose(values, expected)
    np.testing.assert_allclose(values[[0, 2]], [0, 1])
    assert 0 < values[1] < 1
    # where one label is all of the sample, its share is known, wherever the rim of the sample lies
    np.testing.assert_allclose(errors[[0, 2]], 0, atol=1e-12)
    assert 0 < errors[1] < 0.1


def test_shares_are_those_of_the_table_where_it_has_errors_and_else_of_the_maps(series, tmp_path):
    expected = phase_shares(series.states[1].result)
    copy = tmp_path / "old.zarr"
    shutil.copytree(series.states[1].result.path, copy)
    table = copy / "tables" / "phases.csv"
    table.write_text("phase,voxels\nLiFePO4,1\nFePO4,1\nmixed,1\n", encoding="utf-8")
    assert phase_shares(open_result(copy)) == expected
    titles = "phase,share of sample volume (1),share of sample volume error (1)"
    table.write_text(f"{titles}\nLiFePO4,0.25,0.01\nFePO4,0.75,0.02\nmixed,0,0\n", encoding="utf-8")
    assert phase_shares(open_result(copy))["FePO4"] == (0.75, 0.02)


SHARES = {"LiFePO4": np.array([[1, 0.5, 0], [0.1, 0.2, 0]]), "FePO4": np.array([[0, 0.5, 1], [0, 0.2, 0.1]])}


def test_shares_are_drawn_with_their_errors(series):
    panels = draw_series(Figure(), series, state_axes(series)["capacity"], state=1, shares=SHARES, theme=LIGHT)
    ends = [bars[2][0].get_segments() for bars in panels[1].containers]
    np.testing.assert_allclose([segment[:, 1] for segment in ends[0]], [[0.9, 1.1], [0.3, 0.7], [0, 0]])


@pytest.mark.parametrize("shares", [None, SHARES])
def test_panels_mark_the_state_that_is_shown(series, shares):
    figure = Figure(figsize=(5, 5), layout="constrained")
    axis = state_axes(series)["capacity"]
    panels = draw_series(figure, series, axis, state=1, shares=shares, theme=LIGHT)
    figure.draw_without_rendering()
    assert len(panels) == 2
    for axes in panels:
        assert any(list(line.get_xdata()) == [75, 75] for line in axes.lines)
    assert panels[0].get_ylabel() == "voltage (V)"
    assert panels[1].get_xlabel() == "capacity (mAh/g)"
    assert axis.nearest(110) == 1


def test_without_voltage_there_is_one_panel(series):
    states = tuple(dataclasses.replace(state, capacity=None) for state in series.states)
    bare = dataclasses.replace(series, states=states, curve=None)
    axis = state_axes(bare)[NUMBER]
    panels = draw_series(Figure(), bare, axis, state=0, shares=None, theme=LIGHT)
    assert len(panels) == 1
