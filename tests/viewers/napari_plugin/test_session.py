import numpy as np
import pytest

from xanesmap.viewers.napari_plugin.session import layer_of_kind, mu_layer, shown_result

GREEN, GOLD = (0, 121, 75), (247, 190, 22)


def test_a_session_opens_in_3d_with_scale_bar_and_axes(session, small_result):
    assert session.dims.ndisplay == 3
    assert shown_result(session) is small_result
    assert session.canvas.overlays.scale_bar.visible
    assert session.scene.overlays.axes.visible


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


def test_the_particle_is_drawn_in_colour(session):
    canvas = session.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert np.ptp(canvas, axis=-1).max() > 50


def test_the_energy_follows_the_slider_while_attenuation_is_shown(session, small_result):
    mu_layer(session).visible = True
    session.dims.ndisplay = 2
    session.dims.set_current_step(0, 3)
    assert session.canvas.overlays.text.text.startswith(f"{small_result.energies_ev[3]:.2f} eV")
    mu_layer(session).visible = False
    assert not session.canvas.overlays.text.visible
