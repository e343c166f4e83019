import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from xanesmap.viewers.napari_plugin.core_shell.layers import own_layers
from xanesmap.viewers.napari_plugin.core_shell.lit_surfaces import AMBIENT, canvas_of
from xanesmap.viewers.napari_plugin.core_shell.widget import NO_PARTICLES, NO_RESULT, CoreShellWidget
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND, RESULT
from xanesmap.viewers.napari_plugin.picking import picked_voxel


def add_hidden_layer(viewer, result):
    """A hidden layer of a result: volumes take seconds to draw without a graphics card."""
    um = {"units": ("um",) * 3, "scale": (result.pixel_size_um,) * 3}
    facts = {RESULT: result, KIND: PHASE}
    viewer.add_labels(result.phase_labels.to_numpy(), name="phase", metadata=facts, visible=False, **um)


@pytest.fixture
def small_window(viewer, settle):
    viewer.window.resize(1000, 760)
    settle()
    return viewer


@pytest.fixture
def opened(small_window, segmented_result, shown_widget, settle):
    """The widget beside a segmented result, its first drawing done."""
    add_hidden_layer(small_window, segmented_result)
    widget = shown_widget(small_window, CoreShellWidget, "core and shell")
    settle.until(lambda: widget.drawing is not None and not widget.is_drawing)
    return widget


@pytest.fixture
def choose(settle):
    """Choose an entry of a list with the keyboard, as a user does, and wait for the drawing."""

    def chosen(widget, box, text):
        index = box.findText(text)
        assert index >= 0, [box.itemText(i) for i in range(box.count())]
        box.setFocus()
        while box.currentIndex() != index:
            QTest.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < index else Qt.Key.Key_Up)
        settle.until(lambda: not widget.is_drawing)

    return chosen


def tick(box):
    """Click a check box on its square."""
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(8, box.height() // 2))


def names(viewer):
    return [layer.name for layer in viewer.layers if layer.visible]


def canvas(viewer):
    return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)


def test_a_particle_is_cut_open_at_first_and_cut_anew_by_slider_and_click(opened, choose, settle):
    viewer, form = opened.viewer, opened.form
    assert names(viewer) == ["shell"]
    assert viewer.dims.ndisplay == 3
    light = canvas_of(viewer).layer_to_visual[viewer.layers["shell"]].node.shading_filter.ambient_light
    assert float(light.alpha) == pytest.approx(AMBIENT), "as soft as ever, though the viewer was in 2-D before"
    assert form.particle.currentText().startswith("1: core and shell")
    red, green, blue = np.moveaxis(canvas(viewer), -1, 0)
    assert ((green > red + 20) & (green > blue)).mean() > 0.005
    assert ((red > green + 5) & (green > blue + 20)).mean() > 0.05

    choose(opened, form.shape, "half")
    slider = form.position._slider
    start, end = (QPoint(round(share * slider.width()), slider.height() // 2) for share in (0.5, 0.4))
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(slider, end)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    settle.until(lambda: not opened.is_drawing and opened.drawing.removed[0].point[0] != opened.drawing.middle_um[0])
    position = form.position.value()
    assert position == pytest.approx(-0.2 * opened.drawing.sphere.radius_um, rel=0.3)
    plane = opened.drawing.middle_um[0] + position
    assert opened.drawing.removed[0].point[0] == pytest.approx(plane, abs=1e-3)
    assert viewer.layers["shell"].vertices[:, 0].min() == pytest.approx(plane, abs=1e-3)
    tick(form.flip)
    settle.until(lambda: not opened.is_drawing)
    assert viewer.layers["shell"].vertices[:, 0].max() == pytest.approx(plane, abs=1e-3)

    choose(opened, form.shape, "wedge")
    assert form.angle.isVisible()
    assert form.turn.isVisible()
    assert not form.size.isVisible()
    choose(opened, form.shape, "nothing")
    assert not any(field.isVisible() for field in (form.angle, form.position, form.flip, form.along, form.distance))


def test_every_style_shows_its_layers_and_values_their_colour_bar(opened, choose, settle):
    shown = {
        "shell transparent over core": ["core", "shell"],
        "voxels of the labels": ["voxels"],
        "shell thickness": ["shell thickness (µm)"],
        "curvature of the front": ["front curvature (1/µm)"],
    }
    for text, layers in shown.items():
        choose(opened, opened.form.style, text)
        assert names(opened.viewer) == layers
        assert opened.text.text() == ""
        with_bar = "µm" in layers[-1]
        assert opened.bar.isVisible() == with_bar
        if with_bar:
            layer = opened.viewer.layers[layers[-1]]
            assert layer.colorbar.visible
            assert tuple(layer.contrast_limits) == pytest.approx(opened.drawing.values.limits)
        if len(layers) == 2:
            core, shell = own_layers(opened.viewer)
            assert shell.opacity < 1 == core.opacity
            assert shell.blending == "translucent"
    backgrounds = []
    for theme in ("light", "dark"):
        opened.viewer.theme = theme
        settle()
        backgrounds.append(sum(opened.bar.figure.get_facecolor()[:3]))
    assert backgrounds[0] > backgrounds[1] + 1


def test_parts_move_apart_with_the_distance(opened, choose, settle):
    choose(opened, opened.form.spread, "halves of the shell")
    widths = []
    for distance in (0.5, 1.5):
        opened.form.distance.setValue(distance)
        settle.until(lambda: not opened.is_drawing)
        widths.append(np.ptp(opened.viewer.layers["shell"].vertices[:, 0]))
    assert widths[1] - widths[0] == pytest.approx(2.0, abs=0.01)
    choose(opened, opened.form.shape, "nothing")
    choose(opened, opened.form.particle, "all")
    choose(opened, opened.form.spread, "nothing")
    near = np.ptp(opened.viewer.layers["shell"].vertices, axis=0)
    choose(opened, opened.form.spread, "particles")
    far = np.ptp(opened.viewer.layers["shell"].vertices, axis=0)
    assert np.all(far >= near - 1e-4)
    assert np.linalg.norm(far) > np.linalg.norm(near) + 0.5


def test_buttons_turn_the_camera_along_crystal_and_principal_axes(opened, mouse):
    viewer = opened.viewer
    viewer.canvas.overlays.scale_bar.visible = viewer.scene.overlays.axes.visible = False
    assert [button.text() for button in opened.cameras] == ["a", "b", "c", "long", "middle", "short"]
    for side in (-1, 1):
        for button in opened.cameras:
            mouse.press(button)
            expected = np.array(opened.drawing.directions[button.text()]) * side
            np.testing.assert_allclose(viewer.scene.camera.view_direction, expected, atol=1e-4)
        mouse.press(opened.isometric)
        np.testing.assert_allclose(np.abs(viewer.scene.camera.view_direction), 3**-0.5, atol=1e-4)
        assert viewer.scene.camera.perspective == 0
        picture = canvas(viewer)
        rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert rim.max() < 10  # the whole object is in the canvas
        tick(opened.behind)


class Sight:
    """What picking takes of a mouse event of napari."""

    def __init__(self, position, view_direction):
        self.position, self.view_direction = position, view_direction


def test_a_click_on_a_cut_face_meets_the_voxel_at_it(opened, choose, segmented_result):
    choose(opened, opened.form.shape, "half")
    middle = np.array(opened.drawing.middle_um)
    found = picked_voxel(opened.viewer, Sight(middle - (50, 0, 0), (1.0, 0.0, 0.0)))
    assert found == tuple(np.rint(middle / segmented_result.pixel_size_um).astype(int).tolist())
    assert segmented_result.phase_labels.to_numpy()[found] == 1  # the core
    opened.viewer.layers["phase"].visible = True
    assert picked_voxel(opened.viewer, Sight(middle - (50, 0, 0), (1.0, 0.0, 0.0)))[0] < found[0]


def test_a_direction_that_is_none_is_told_and_the_drawing_stays(opened, choose, settle):
    before = opened.drawing
    choose(opened, opened.form.along, "other: z, y, x")
    opened.form.given.setFocus()
    opened.form.given.clear()
    QTest.keyClicks(opened.form.given, "up")
    QTest.keyClick(opened.form.given, Qt.Key.Key_Return)
    settle.until(lambda: not opened.is_drawing)
    assert opened.text.text().startswith("Error: direction 'up' is not known")
    assert names(opened.viewer) == ["shell"]
    assert before.sphere.radius_um == pytest.approx(opened.drawing.sphere.radius_um)


def test_a_result_is_taken_when_it_is_opened_and_left_when_it_is_closed(
    small_window, small_result, shown_widget, callbacks, settle
):
    before = callbacks(small_window)
    widget = shown_widget(small_window, CoreShellWidget, "core and shell")
    assert widget.text.text() == NO_RESULT
    assert not widget.form.isEnabled()
    add_hidden_layer(small_window, small_result)
    settle.until(lambda: widget.drawing is not None and not widget.is_drawing)
    assert widget.form.isEnabled()
    assert widget.text.text() == NO_PARTICLES
    styles = [widget.form.style.itemText(i) for i in range(widget.form.style.count())]
    assert "shell thickness" not in styles
    small_window.layers.clear()
    settle.until(lambda: widget.text.text() == NO_RESULT)
    small_window.window.remove_dock_widget(widget)
    settle()
    after = callbacks(small_window)
    assert {name: after[name] for name in after if after[name] > before.get(name, 0)} == {}
