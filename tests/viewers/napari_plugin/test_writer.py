import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05.image import Image

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.layers.layer_files import WrittenLayer, write_labels_tiff, write_ome_zarr
from xanesmap.viewers.napari_plugin.session import layer_of_kind, mu_layer, open_session

UM = ("micrometer",) * 3


def labels_layer(values, **changes):
    options = {"name": "phase", "scale": (0.3, 0.1, 0.1), "axes": ("z", "y", "x"), "units": UM, "is_labels": True}
    return WrittenLayer(data=values, **{**options, **changes})


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 4, (70, 11, 130)).astype(np.uint8)


def test_one_layer_becomes_an_ome_zarr_image_with_its_scale(values, tmp_path):
    path = write_ome_zarr([labels_layer(values)], tmp_path / "phase.zarr")
    (dataset,) = Image.from_zarr(zarr.open_group(path, mode="r")).ome_attributes.multiscales[0].datasets
    assert dataset.coordinateTransformations[0].scale == [0.3, 0.1, 0.1]
    np.testing.assert_array_equal(zarr.open_array(path / "s0", mode="r")[:], values)


def test_several_layers_become_an_image_each_by_name(values, tmp_path):
    layers = [labels_layer(values, name=name) for name in ("fraction LiFePO4", "amount (1/µm)", "amount (1/µm)")]
    path = write_ome_zarr(layers, tmp_path / "all.zarr")
    folders = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
    assert folders == ["amount_1_µm", "amount_1_µm_3", "fraction_LiFePO4"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["all.zarr"]


def test_what_is_there_is_never_replaced(values, small_result, tmp_path):
    taken = tmp_path / "taken.zarr"
    taken.mkdir()
    with pytest.raises(DataError, match="there already; choose another name"):
        write_ome_zarr([labels_layer(values)], taken)
    with pytest.raises(DataError, match="whose data saving never replaces"):
        write_ome_zarr([labels_layer(values)], small_result.path)
    with pytest.raises(DataError, match="no layer to write"):
        write_ome_zarr([], tmp_path / "none.zarr")


@pytest.mark.parametrize(("largest", "dtype"), [(3, np.uint8), (300, np.uint16), (70000, np.uint32)])
def test_labels_become_an_ome_tiff_with_the_size_of_a_voxel(values, largest, dtype, tmp_path):
    numbers = values.astype(np.int32)
    numbers[0, 0, 0] = largest
    path = write_labels_tiff(labels_layer(numbers), tmp_path / "phase.ome.tif")
    with tifffile.TiffFile(path) as file:
        assert 'PhysicalSizeZ="0.3"' in file.ome_metadata
        assert 'PhysicalSizeXUnit="µm"' in file.ome_metadata
        stored = file.asarray()
    np.testing.assert_array_equal(stored, numbers)
    assert stored.dtype == dtype


@pytest.fixture(scope="module")
def opened(module_viewer, small_result):
    open_session(module_viewer, small_result)
    return module_viewer


def test_napari_saves_labels_that_were_painted(opened, tmp_path):
    phase = layer_of_kind(opened, "phase")
    before = np.array(phase.data)
    opened.dims.ndisplay = 2
    phase.data_setitem((np.array([3]), np.array([4]), np.array([5])), 2)
    opened.layers.selection = {phase}
    written = opened.layers.save(str(tmp_path / "edited.ome.tif"), selected=True, plugin="xanesmap")
    assert written == [str(tmp_path / "edited.ome.tif")]
    stored = tifffile.imread(written[0])
    assert stored[3, 4, 5] == 2
    stored[3, 4, 5] = before[3, 4, 5]
    np.testing.assert_array_equal(stored, before)


def test_painting_leaves_the_result_as_it_was(opened, small_result):
    phase = layer_of_kind(opened, "phase")
    stored = small_result.phase_labels.to_numpy()
    phase.data_setitem((np.array([1]), np.array([1]), np.array([1])), 3)
    np.testing.assert_array_equal(small_result.phase_labels.to_numpy(), stored)


def test_napari_saves_a_selection_of_layers_with_their_energies(opened, small_result, tmp_path):
    mu, amount = mu_layer(opened), layer_of_kind(opened, "amount")
    opened.layers.selection = {mu, amount}
    (path,) = opened.layers.save(str(tmp_path / "maps.zarr"), selected=True, plugin="xanesmap")
    root = zarr.open_group(path, mode="r")
    group = root["attenuation_1_µm"]
    assert group.attrs["energies_ev"] == small_result.energies_ev.tolist()
    np.testing.assert_array_equal(group["s0"][:], small_result.mu.to_numpy())
    axes = [axis["name"] for axis in group.attrs["ome"]["multiscales"][0]["axes"]]
    assert axes == ["energy", "z", "y", "x"]
    np.testing.assert_array_equal(root["amount_1_µm/s0"][:], small_result.amount.to_numpy())


def test_saving_over_a_result_is_refused_and_napari_lives_on(opened, small_result):
    opened.layers.selection = {layer_of_kind(opened, "amount")}
    with pytest.warns(UserWarning, match="did not return any written paths"):
        assert opened.layers.save(str(small_result.path), selected=True, plugin="xanesmap") == []
