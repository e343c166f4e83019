import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.result_store import ResultWriter
from xanesmap.viewers.napari_plugin.core_shell.bodies import core_index, particle_numbers, read_bodies, read_labels
from xanesmap.viewers.napari_plugin.core_shell.shown_particles import ALL, first_with_core, particle_entries
from xanesmap.viewers.napari_plugin.core_shell.value_surfaces import read_value_surface
from xanesmap.viewers.napari_plugin.core_shell.view import Choices, CoreShellView


@pytest.fixture(scope="module")
def view(segmented_result):
    return CoreShellView(segmented_result)


@pytest.fixture(scope="module")
def pyramid_result(tmp_path_factory):
    """A long ellipsoid of LiFePO4 in a shell, with a level of half the resolution."""
    shape = (24, 40, 300)
    z, y, x = (((np.arange(n) - (n - 1) / 2) / n) for n in shape)
    radius = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    solid = radius < 0.45
    labels = np.where(radius < 0.3, 1, 2) * solid
    fraction = np.where(solid, np.stack([labels == 1, labels == 2]), np.nan).astype(np.float32)
    values = np.where(solid, 0.1, np.nan).astype(np.float32)
    maps = {
        "fraction": fraction,
        "fraction_sigma": np.full_like(fraction, 0.05),
        "amount": values,
        "amount_sigma": values,
        "residual": values,
        "mask": solid.astype(np.uint8),
        "phase_labels": labels.astype(np.uint8),
    }
    path = tmp_path_factory.mktemp("pyramid") / "long.zarr"
    with ResultWriter(
        path,
        shape=shape,
        phases=("LiFePO4", "FePO4"),
        energies_ev=[7100.0, 7150.0],
        pixel_size_um=0.05,
        slab_rows=24,
        keep_mu=False,
        attributes={},
    ) as writer:
        writer.write_slab(0, shape[0], **maps)
        writer.finish()
    return open_result(path)


def enclosed(mesh):
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def volume_um3(result, particle):
    return float((result.particle_labels.to_numpy() == particle).sum()) * result.pixel_size_um**3


def test_the_labels_of_a_particle_lie_where_they_are_in_the_volume(segmented_result):
    block = read_labels(segmented_result, particle=1)
    own = segmented_result.particle_labels.to_numpy() == 1
    expected = np.where(own, segmented_result.phase_labels.to_numpy(), 0)
    np.testing.assert_array_equal(block.phase, expected[block.box])
    assert np.count_nonzero(block.phase) == np.count_nonzero(expected)
    first = np.array([part.start for part in block.box])
    np.testing.assert_allclose(block.origin_um, first * segmented_result.pixel_size_um)


def test_a_body_has_the_volume_and_the_centroid_of_its_particle(segmented_result):
    (body,) = read_bodies(segmented_result, particle=1)
    own = (segmented_result.particle_labels.to_numpy() == 1) & (segmented_result.phase_labels.to_numpy() > 0)
    inside = float((body.solid > 0).sum()) * body.step_um**3
    assert inside == pytest.approx(own.sum() * segmented_result.pixel_size_um**3, rel=0.05)
    np.testing.assert_allclose(
        body.centre_um, np.argwhere(own).mean(axis=0) * segmented_result.pixel_size_um, atol=0.01
    )


def test_all_particles_are_bodies_of_their_own(segmented_result):
    bodies = read_bodies(segmented_result)
    assert [body.number for body in bodies] == list(particle_numbers(segmented_result))


def test_a_result_without_particles_is_one_body(small_result):
    assert particle_numbers(small_result) == ()
    (body,) = read_bodies(small_result)
    assert body.number == 0
    assert particle_entries(small_result) == {ALL: None}
    assert first_with_core(small_result) is None


def test_a_particle_that_is_not_there_is_told(segmented_result):
    with pytest.raises(DataError, match="no particle 99"):
        read_labels(segmented_result, particle=99)


def test_the_list_of_particles_says_what_they_are(segmented_result):
    entries = particle_entries(segmented_result)
    assert list(entries.values())[:2] == [None, 1]
    assert list(entries)[1].startswith("1: core and shell, ")
    assert list(entries)[1].endswith(" µm³")
    assert first_with_core(segmented_result) == 1


def test_a_whole_particle_encloses_its_volume_about_its_place(view, segmented_result):
    drawing = view.draw(Choices(particle=1))
    (shell,) = drawing.surfaces
    assert enclosed(shell.mesh) == pytest.approx(volume_um3(segmented_result, 1), rel=0.07)
    distance = np.linalg.norm(shell.mesh.vertices - drawing.sphere.centre_um, axis=1)
    assert distance.max() <= drawing.sphere.radius_um * (1 + 1e-6)


@pytest.mark.parametrize("along", ["z", "a", "long", "0.2,0.5,-1"])
def test_half_of_a_particle_and_the_other_half_are_the_whole(view, along):
    whole = enclosed(view.draw(Choices(particle=1)).surfaces[0].mesh)
    halves = [
        enclosed(view.draw(Choices(particle=1, cut="half", along=along, position_um=0.3, flip=flip)).surfaces[0].mesh)
        for flip in (False, True)
    ]
    assert sum(halves) == pytest.approx(whole, rel=0.02)
    assert halves[0] > halves[1]


def test_carved_voxels_are_those_of_the_labels_less_the_cut(view):
    whole = view.draw(Choices(particle=1, style="voxels")).voxels
    half = view.draw(Choices(particle=1, style="voxels", cut="half", along="y")).voxels
    kept = half.labels > 0
    np.testing.assert_array_equal(half.labels[kept], whole.labels[kept])
    y_um = whole.origin_um[1] + np.arange(whole.labels.shape[1]) * whole.step_um
    middle = view.draw(Choices(particle=1)).middle_um[1]
    assert not kept[:, y_um > middle].any()
    np.testing.assert_array_equal(kept[:, y_um <= middle], whole.labels[:, y_um <= middle] > 0)


def test_crystal_and_principal_axes_have_names(view):
    directions = view.draw(Choices(particle=1)).directions
    assert set(directions) == {"z", "y", "x", "a", "b", "c", "long", "middle", "short"}
    assert directions["a"] == pytest.approx((0, 0.6, 0.8))
    frame = np.array([directions[name] for name in ("long", "middle", "short")])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)


def test_an_unknown_direction_is_told(view):
    with pytest.raises(DataError, match="direction 'up' is not known"):
        view.draw(Choices(along="up"))


def test_shell_thickness_is_known_on_the_particle_with_a_core_only(view, segmented_result):
    one = view.draw(Choices(particle=1, style="thickness")).values
    assert one.name == "shell thickness (µm)"
    assert one.unknown.empty
    assert one.limits[0] == 0
    sphere = view.draw(Choices(particle=1)).sphere
    assert np.linalg.norm(one.mesh.vertices - sphere.centre_um, axis=1).max() < 1.2 * sphere.radius_um
    all_of_them = view.draw(Choices(style="thickness")).values
    assert not all_of_them.unknown.empty
    assert all_of_them.limits == one.limits
    assert all_of_them.mesh.area() == pytest.approx(one.mesh.area(), rel=1e-6)


def test_colours_of_curvature_run_alike_on_both_sides_of_nil(view):
    values = view.draw(Choices(particle=1, style="curvature", cut="half")).values
    assert values.name == "front curvature (1/µm)"
    assert values.limits[0] == -values.limits[1]
    whole = view.draw(Choices(particle=1, style="curvature")).values
    assert 0.2 < values.mesh.area() / whole.mesh.area() < 0.8


def test_values_need_a_segmentation_and_a_core(small_result, segmented_result):
    with pytest.raises(DataError, match="run xanesmap segment on it first"):
        read_value_surface(small_result, "thickness")
    with pytest.raises(DataError, match=r"particle 2 of .* has no shell thickness"):
        read_value_surface(segmented_result, "thickness", particle=2)


def test_the_core_is_the_phase_that_the_segmentation_says(segmented_result, small_result):
    assert core_index(segmented_result) == core_index(small_result) == 0


def test_a_large_volume_is_read_at_a_coarser_level(pyramid_result):
    whole = read_labels(pyramid_result, voxels=10**9)
    coarse = read_labels(pyramid_result, voxels=60_000)
    thinned = read_labels(pyramid_result, voxels=4000)
    assert whole.level == 0
    assert coarse.level == thinned.level == 1
    assert coarse.voxel_um == 2 * whole.voxel_um
    assert thinned.voxel_um == 4 * whole.voxel_um
    points = [np.argwhere(block.phase > 0) * block.voxel_um + block.origin_um for block in (whole, coarse, thinned)]
    for other in points[1:]:
        np.testing.assert_allclose(points[0].mean(axis=0), other.mean(axis=0), atol=2 * whole.voxel_um)
    volumes = [float((body.solid > 0).sum()) * body.step_um**3 for body in read_bodies(pyramid_result, voxels=4000)]
    assert volumes[0] == pytest.approx(len(points[0]) * whole.voxel_um**3, rel=0.1)
