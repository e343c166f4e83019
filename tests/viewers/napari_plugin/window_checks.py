"""Checks of napari windows, run by `test_windows.py` as a program: result and scratch folder are its arguments."""

import json
import shutil
import sys
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import xanesmap
from xanesmap.viewers.napari_plugin.picking import picked_voxel
from xanesmap.viewers.napari_plugin.reader import NO_LAYERS, get_reader
from xanesmap.viewers.napari_plugin.session import KIND, layer_of_kind, mu_layer, open_session, shown_result
from xanesmap.viewers.napari_plugin.spectrum_widget import SpectrumWidget
from xanesmap.viewers.napari_plugin.window import open_window

GREEN, GOLD = (0, 121, 75), (247, 190, 22)


def changed_copy(path, folder, name, **changes):
    """Copy of a result with other root attributes."""
    copy = folder / name
    shutil.copytree(path, copy)
    root = json.loads((copy / "zarr.json").read_text(encoding="utf-8"))
    root["attributes"]["xanesmap"].update(changes)
    (copy / "zarr.json").write_text(json.dumps(root), encoding="utf-8")
    return copy


def check_session(viewer, result):
    """Layers are lazy, placed in um, drawn in the colours of the phases; the energy follows the slider."""
    open_session(viewer, result)
    assert viewer.dims.ndisplay == 3
    assert shown_result(viewer) is result
    assert mu_layer(viewer).data.shape == result.mu.shape
    assert not isinstance(mu_layer(viewer).data, np.ndarray)
    phase = layer_of_kind(viewer, "phase")
    np.testing.assert_allclose(phase.scale, result.pixel_size_um)
    assert {str(unit) for unit in phase.units} == {"micrometer"}
    for value, colour in ((1, GREEN), (2, GOLD)):
        np.testing.assert_allclose(phase.colormap.map(value)[:3], np.array(colour) / 255, atol=0.01)
    canvas = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert np.ptp(canvas, axis=-1).max() > 50
    assert viewer.canvas.overlays.scale_bar.visible
    mu_layer(viewer).visible = True
    viewer.dims.ndisplay = 2
    viewer.dims.set_current_step(0, 3)
    assert viewer.canvas.overlays.text.text.startswith(f"{result.energies_ev[3]:.2f} eV")
    mu_layer(viewer).visible = False
    assert not viewer.canvas.overlays.text.visible


def check_reader(viewer, result):
    """The reader that napari finds gives the same layers as a session."""
    viewer.layers.clear()
    viewer.open(str(result.path), plugin="xanesmap")
    assert layer_of_kind(viewer, "phase") is not None
    assert viewer.canvas.overlays.scale_bar.visible


def check_refusals(viewer, result, folder):
    """Results that cannot be shown give no layers and leave napari alive."""
    viewer.layers.clear()
    damaged = changed_copy(result.path, folder, "damaged.zarr")
    shutil.rmtree(damaged / "fraction" / "s0")
    copies = [
        damaged,
        changed_copy(result.path, folder, "unfinished.zarr", status="running"),
        changed_copy(result.path, folder, "newer.zarr", format_version=99),
    ]
    for copy in copies:
        assert get_reader(str(copy))(str(copy)) == NO_LAYERS
    assert get_reader(str(folder)) is None
    assert len(viewer.layers) == 0


class Sight:
    """What picking takes of a mouse event of napari."""

    def __init__(self, position, view_direction):
        self.position, self.view_direction = position, view_direction


def check_picking(viewer):
    """100 lines of sight beside a 4-D layer, scale not the same along the axes, half of them cut by a plane."""
    rng, scale = np.random.default_rng(5), np.array([0.3, 0.1, 0.2])
    viewer.layers.clear()
    viewer.add_image(np.zeros((4, 20, 24, 28), np.float32), scale=(1, *scale))
    layer = viewer.add_labels(np.zeros((20, 24, 28), np.uint8), scale=scale, metadata={KIND: "phase"})
    viewer.dims.ndisplay = 3
    for number in range(100):
        voxel = rng.integers(5, 15, 3)
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        data = np.zeros((20, 24, 28), np.uint8)
        data[tuple(voxel)] = 1
        planes = []
        if number % 2:  # a nearer voxel is cut away
            nearer = np.rint(voxel - 4 * direction / scale / np.abs(direction / scale).max()).astype(int)
            data[tuple(np.clip(nearer, 0, (19, 23, 27)))] = 2
            middle = (voxel - 2 * direction / scale / np.abs(direction / scale).max()) * scale
            planes = [{"position": tuple(middle), "normal": tuple(direction), "enabled": True}]
        layer.data = data
        layer.experimental_clipping_planes = planes
        position = (1.0, *(voxel * scale - 3 * direction))
        found = picked_voxel(viewer, Sight(position, (0.0, *direction)))
        assert found == tuple(voxel.tolist()), (number, found, voxel)


def wait(seconds):
    """Let Qt work, in few steps: each loses references in PySide6 6.12, which aborts after many."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.05)


def check_click(result):
    """A real click on the canvas shows the spectrum of the voxel under it; the line follows the slider."""
    viewer = open_window(result)
    widget = next(w for w in QApplication.allWidgets() if isinstance(w, SpectrumWidget))
    viewer.dims.ndisplay = 2
    wait(1)  # docks take their width
    voxel = np.argwhere(result.phase_labels.to_numpy() == 1)[0]
    viewer.dims.set_current_step(1, int(voxel[0]))
    um = result.pixel_size_um
    viewer.scene.camera.center = (0, voxel[1] * um, voxel[2] * um)
    wait(0.3)
    canvas = viewer.window._qt_viewer.canvas.native  # noqa: SLF001  # napari has no public name
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, middle)
    QApplication.processEvents()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    QApplication.processEvents()
    assert widget.picked == tuple(voxel.tolist()), (widget.picked, voxel)
    np.testing.assert_array_equal(widget.spectra[0].measured, result.spectrum(*voxel))
    viewer.dims.set_current_step(0, 2)
    assert widget._line.get_xdata()[0] == result.energies_ev[2]  # noqa: SLF001
    viewer.close()


def check_viewer(result):
    """Session, reader, refusals and picking, one after the other in one window."""
    viewer = napari.Viewer(show=True)
    check_session(viewer, result)
    check_refusals(viewer, result, Path(sys.argv[3]))
    check_reader(viewer, result)
    check_picking(viewer)
    viewer.close()


CHECKS = {"viewer": check_viewer, "click": check_click}
CHECKS[sys.argv[1]](xanesmap.open_result(sys.argv[2]))
sys.stdout.write("All checks passed.\n")
