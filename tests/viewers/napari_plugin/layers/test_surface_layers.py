from types import SimpleNamespace

import numpy as np
import pytest
import zarr

from xanesmap.viewers.napari_plugin.layers.surface_layers import planned_surfaces


def tetrahedra(counts):
    """Surfaces of particles, one after another, each of so many tetrahedra; the shell as thick as the number."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    pieces = np.repeat(np.arange(1, len(counts) + 1), counts)
    return {
        "vertices": np.concatenate([corners + 2 * n for n in range(len(pieces))]),
        "faces": np.concatenate([faces + 4 * n for n in range(len(pieces))]),
        "particle": np.repeat(pieces, 4).astype(np.int32),
        "shell_thickness": np.repeat(pieces, 4).astype(np.float32),
    }


@pytest.fixture
def stored(tmp_path):
    """Function that stores surfaces of particles of so many tetrahedra."""

    def store(counts):
        group = zarr.open_group(tmp_path / "surfaces" / "particle", mode="w")
        for name, values in tetrahedra(counts).items():
            group.create_array(name, data=values)
        return SimpleNamespace(path=tmp_path)

    return store


def test_surfaces_are_shown_whole_as_long_as_they_are_small(stored):
    (layer,) = planned_surfaces(stored([3, 2, 1]))
    vertices, faces, values = layer.data
    assert layer.title == "particle surface, shell thickness (µm)"
    assert (len(vertices), len(faces)) == (24, 24)
    assert values.max() == layer.limits[1] == 3


@pytest.mark.parametrize(("most", "last", "triangles"), [(23, 2, 20), (20, 1, 12), (21, 2, 20), (13, 1, 12)])
def test_of_large_surfaces_those_of_whole_particles_are_shown_largest_first(stored, most, last, triangles):
    (layer,) = planned_surfaces(stored([3, 2, 1]), most_triangles=most)
    vertices, faces, values = layer.data
    assert layer.title == f"particle surface, shell thickness (µm), particles 1 to {last}"
    assert len(faces) == triangles
    assert len(vertices) == len(values) == faces.max() + 1
    assert values.max() == last


def test_a_first_particle_that_is_too_large_is_shown_all_the_same(stored):
    (layer,) = planned_surfaces(stored([5, 2]), most_triangles=7)
    assert len(layer.data[1]) == 20
    assert layer.title.endswith("particles 1 to 1")


def test_the_only_particle_is_shown_whole(stored):
    (layer,) = planned_surfaces(stored([5]), most_triangles=7)
    assert len(layer.data[1]) == 20
    assert layer.title == "particle surface, shell thickness (µm)"


def test_a_result_without_particles_has_no_surfaces(tmp_path, stored):
    assert list(planned_surfaces(SimpleNamespace(path=tmp_path))) == []
    group = zarr.open_group(tmp_path / "surfaces" / "particle", mode="w")
    for name, values in tetrahedra([1]).items():
        group.create_array(name, shape=(0, *values.shape[1:]), dtype=values.dtype)
    assert list(planned_surfaces(SimpleNamespace(path=tmp_path))) == []
