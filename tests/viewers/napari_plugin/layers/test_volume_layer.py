import h5py
import numpy as np
import pytest

from xanesmap.reconstruct.volumes.opening import open_volumes
from xanesmap.viewers.napari_plugin.layers.volume_layer import VolumeSlices, planned_volumes


@pytest.fixture(scope="module")
def known(make_volumes):
    return make_volumes((37, 9, 11), n_energies=4)


@pytest.fixture(scope="module")
def series(known, tmp_path_factory):
    path = known.write(tmp_path_factory.mktemp("volumes") / "sandbox.h5", factor=20, unit="1/mm")
    return open_volumes(path, pixel_size_nm=50)


@pytest.mark.parametrize("step", [1, 2, 4])
@pytest.mark.parametrize(
    "index",
    [
        2,
        (1, 3),
        (slice(None), 5, 2, 1),
        (slice(1, 3), slice(None), 1),
        (3, slice(2, 9), slice(None), slice(0, 3)),
        (np.array([0, 2]), 1),
        (0, slice(None), slice(1, None, 2), 2),
    ],
)
def test_slices_are_cut_like_an_array(known, series, step, index):
    whole = (known.mu * np.float32(20))[:, ::step, ::step, ::step]
    slices = VolumeSlices(series, step=step)
    assert slices.shape == whole.shape
    np.testing.assert_array_equal(slices[index], whole[index])


def test_only_what_is_shown_is_read(series, monkeypatch):
    read = []
    volume = type(series.volumes[0])
    original = volume.read_slices
    monkeypatch.setattr(
        volume, "read_slices", lambda one, start, stop: read.append(stop - start) or original(one, start, stop)
    )
    VolumeSlices(series)[1, 7]
    assert read == [1]


def test_a_layer_of_volumes_tells_units_energies_and_voxels(series):
    layer = planned_volumes(series, "sandbox.h5")
    assert layer.title == "attenuation (1/mm) of sandbox.h5"
    assert layer.axes == ("energy", "z", "y", "x")
    assert layer.scale == (1.0, 0.05, 0.05, 0.05)
    assert layer.units == ("pixel", "um", "um", "um")


def test_volumes_without_a_voxel_size_or_a_unit_say_nothing_of_them(known, tmp_path):
    layer = planned_volumes(open_volumes(known.write(tmp_path / "plain.h5")), "plain.h5")
    assert layer.title == "attenuation of plain.h5"
    assert layer.units[-1] == "pixel"


def test_limits_span_the_brightest_energy(known, series):
    assert planned_volumes(series, "a").limits[1] == pytest.approx(20 * np.nanmax(known.mu[-1, 18]), rel=0.3)


def test_a_stack_of_images_is_optical_depth_of_one_slice(known, tmp_path):
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        file["img_xanes"], file["X_eng"] = np.exp(-np.nan_to_num(known.mu[:, 3])), known.energies_ev / 1000
    layer = planned_volumes(open_volumes(tmp_path / "stack.h5"), "stack.h5")
    assert layer.title == "optical depth of stack.h5"
    assert layer.data[0].shape == (4, 1, 9, 11)


def test_large_volumes_have_coarser_levels_for_the_view_in_3d(make_volumes, tmp_path):
    known = make_volumes((2, 3, 600), n_energies=2)
    layer = planned_volumes(open_volumes(known.write(tmp_path / "long.h5")), "long.h5")
    assert [level.shape for level in layer.data] == [(2, 2, 3, 600), (2, 1, 2, 300), (2, 1, 1, 150)]
    np.testing.assert_array_equal(layer.data[2][1, 0], known.mu[1, 0, ::4, ::4])
