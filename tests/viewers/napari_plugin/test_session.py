import napari
import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.furniture import LEGEND, STEP_TEXT
from xanesmap.viewers.napari_plugin.session import layer_of_kind, mu_layer, open_session, shown_result

GREEN, GOLD = (0, 121, 75), (247, 190, 22)


@pytest.fixture(scope="module")
def opened(module_viewer, small_result):
    """The session in a small window, as its volumes are drawn often."""
    module_viewer.window.resize(900, 700)
    open_session(module_viewer, small_result)
    return module_viewer


@pytest.fixture
def session(opened, settle):
    """The session as it opens."""
    yield opened
    for layer in opened.layers:
        if layer.visible != (layer_of_kind(opened, "phase") is layer):  # setting it draws in any case
            layer.visible = not layer.visible
    opened.dims.ndisplay, opened.theme = 3, "dark"
    settle(0)


def test_a_session_opens_in_3d_with_scale_bar_and_axes(session, small_result):
    assert session.dims.ndisplay == 3
    assert shown_result(session) is small_result
    assert session.canvas.overlays.scale_bar.visible
    assert session.canvas.overlays.axes.visible


def test_attenuation_stays_on_disk_until_it_is_shown(session, small_result):
    assert mu_layer(session).data.shape == small_result.mu.shape
    assert not isinstance(mu_layer(session).data, np.ndarray)


def test_layers_lie_in_um(session, small_result):
    phase = layer_of_kind(session, "phase")
    np.testing.assert_allclose(phase.scale, small_result.pixel_size_um)
    assert {str(unit) for unit in phase.units} == {"micrometer"}


@pytest.mark.parametrize(("value", "colour"), [(1, GREEN), (2, GOLD)])
def test_phases_have_their_colours(session, value, colour):
    phase = layer_of_kind(session, "phase")
    np.testing.assert_allclose(phase.colormap.map(value)[:3], np.array(colour) / 255, atol=0.01)


def test_the_particle_is_drawn_in_opaque_colour(session):
    assert layer_of_kind(session, "phase").opacity == 1
    canvas = session.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert np.ptp(canvas, axis=-1).max() > 50


def energy_shown(viewer):
    text = viewer.canvas.overlays[STEP_TEXT]
    return text.text if text.visible else None


def test_the_energy_follows_the_slider_while_attenuation_is_shown(session, small_result):
    assert energy_shown(session) is None
    mu_layer(session).visible = True
    session.dims.ndisplay = 2
    session.dims.set_current_step(0, 3)
    assert energy_shown(session) == f"{small_result.energies_ev[3]:.2f} eV (4 of 8)"
    mu_layer(session).visible = False
    assert energy_shown(session) is None


def test_the_text_of_the_energy_is_whole_as_soon_as_it_is_shown(session, settle):
    """The width of what is drawn in bright pixels of the first picture and of a later one."""

    def width():
        top = session.screenshot(canvas_only=True, flash=False)[:40, :, :3].min(axis=-1).max(axis=0)
        return np.ptp(np.flatnonzero(top > 128))

    session.dims.ndisplay = 2
    layer_of_kind(session, "phase").visible = False
    mu = mu_layer(session)
    mu.name_overlay.visible = mu.colorbar.visible = False
    mu.visible, mu.opacity = True, 0.0
    first = width()
    settle(0.5)
    assert first == width() > 150
    mu.opacity, mu.name_overlay.visible, mu.colorbar.visible = 1.0, True, True


def test_labels_on_disk_cannot_be_painted_on(session):
    assert layer_of_kind(session, "phase").editable
    assert not layer_of_kind(session, "assessment").editable


def test_slices_that_napari_reads_in_the_background_arrive(session, small_result, settle):
    session.dims.ndisplay = 2
    mu, settings = mu_layer(session), napari.settings.get_settings().experimental
    settings.async_ = True
    try:
        mu.visible = True
        session.dims.set_current_step(0, 4)
        session.dims.set_current_step(1, 9)
        expected = small_result.mu[4, 9].to_numpy()
        settle.until(lambda: np.array_equal(mu._slice.image.raw, expected))
    finally:
        settings.async_ = False


def test_sliders_tell_energy_in_ev_and_places_in_um(session, small_result):
    session.dims.ndisplay = 2
    session.dims.set_current_step(0, 5)
    session.dims.set_current_step(1, 7)
    um = small_result.pixel_size_um
    assert session.dims.axis_labels == (f"{small_result.energies_ev[5]:.2f} eV", f"z {7 * um:.2f} µm", "y", "x")
    session.dims.ndisplay = 3
    assert session.dims.axis_labels == (f"{small_result.energies_ev[5]:.2f} eV", "z", "y", "x")


def test_labels_of_sliders_are_whole(session, settle):
    session.dims.ndisplay = 2
    settle()
    for slider in session.window._qt_viewer.dims.slider_widgets[:2]:
        label = slider.axis_label
        assert label.fontMetrics().horizontalAdvance(label.text()) < label.width()


def test_maps_have_a_colour_bar_and_their_name_beside_it_which_a_user_may_hide(session):
    for layer in session.layers:
        if isinstance(layer, napari.layers.Image):
            layer.visible = True
            assert layer.colorbar.visible
            assert layer.name_overlay.visible
            layer.colorbar.visible = layer.visible = False
            layer.visible = True
            assert not layer.colorbar.visible
            layer.colorbar.visible = True


def test_a_legend_tells_the_phases_while_their_labels_are_shown(session):
    def legend():
        overlays = session.canvas.overlays
        return {overlays[key].text: tuple(overlays[key].box_color) for key in overlays if key.startswith(LEGEND)}

    assert list(legend()) == ["LiFePO₄", "FePO₄", "mixed"]
    np.testing.assert_allclose(legend()["LiFePO₄"][:3], np.array(GREEN) / 255, atol=0.01)
    layer_of_kind(session, "phase").visible = False
    assert legend() == {}
    layer_of_kind(session, "phase").visible = True
    assert len(legend()) == 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_canvas_follows_the_theme(session, theme, settle):
    session.theme = theme
    settle(0.3)
    corner = session.screenshot(canvas_only=True, flash=False)[-1, 0, :3]
    assert (corner > 200).all() if theme == "light" else (corner < 55).all()


def test_labels_are_told_in_3d_before_the_mouse_was_in_the_canvas(session):
    session.dims.ndisplay = 2
    session.cursor._view_direction = None  # as a mouse that moves in 2-D leaves it
    session.dims.ndisplay = 3
    session.mouse_over_canvas = True  # a window of another process may lie above this one
    session.layers.selection.active = layer_of_kind(session, "mu")
    session.layers.selection.active = layer_of_kind(session, "phase")
    assert "phase" in session._calc_status_from_cursor()[0]["layer_name"]


def test_a_second_result_brings_no_second_furniture(session, small_result, callbacks):
    before, overlays = callbacks(session), list(session.canvas.overlays)
    for layer in open_session(session, small_result):
        session.layers.remove(layer)
    assert callbacks(session) == before
    assert list(session.canvas.overlays) == overlays
