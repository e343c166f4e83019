"""Checks of napari windows, run by `test_windows.py` as a program: result and scratch folder are its arguments."""

import json
import shutil
import sys
from pathlib import Path

import napari
import numpy as np

import xanesmap
from xanesmap.viewers.napari_plugin.reader import NO_LAYERS, get_reader
from xanesmap.viewers.napari_plugin.session import layer_of_kind, mu_layer, open_session, shown_result

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


def main():
    """Run the checks one after the other in one window."""
    result, folder = xanesmap.open_result(sys.argv[1]), Path(sys.argv[2])
    viewer = napari.Viewer(show=True)
    check_session(viewer, result)
    check_refusals(viewer, result, folder)
    check_reader(viewer, result)
    viewer.close()
    sys.stdout.write("All checks of windows passed.\n")


main()
