import napari
import numpy as np
import pandas as pd
import pytest

from xanesmap.viewers.napari_plugin.furniture import furnish
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND
from xanesmap.viewers.napari_plugin.layers.particle_table import open_table_when_selected


@pytest.fixture
def particles(viewer):
    furnish(viewer)
    features = pd.DataFrame({"index": [0, 1, 2], "volume (um^3)": ["", "0.8", "0.3"]})
    labels = np.zeros((5, 6, 7), np.int32)
    labels[1:3], labels[3:] = 1, 2
    layer = viewer.add_labels(labels, features=features, metadata={KIND: "particle"})
    viewer.add_image(np.zeros((5, 6, 7)))
    return layer


def tables(viewer):
    return [name for name in viewer.window.dock_widgets if "Features table" in name]


def test_selecting_the_particles_opens_their_table_once(viewer, particles, settle):
    settle(0.1)
    assert tables(viewer) == []
    viewer.layers.selection.active = particles
    settle(0.1)
    (name,) = tables(viewer)
    viewer.layers.selection.active = viewer.layers[-1]
    viewer.layers.selection.active = particles
    settle(0.1)
    assert tables(viewer) == [name]


def test_a_viewer_without_a_window_has_no_table():
    model = napari.components.ViewerModel()
    open_table_when_selected(model)
    model.add_labels(np.zeros((3, 3), int), metadata={KIND: "particle"}, features={"index": [0, 1]})
