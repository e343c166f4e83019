import csv
import re
import shutil

import numpy as np
import pytest
import zarr

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology import crops
from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage import amendment, row_blocks
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.phasemap.truth import load_truth

PIXEL_UM, BLUR = 0.1, 0.5
TABLES = {"phases", "particles", "core_shell", "two_phase", "depth_profiles", "front_shape", "sampling", "correlation"}


@pytest.fixture(scope="module")
def scene(solids):
    """Mask and first fraction: a core in a shell, two touching pure particles, a mixed one, a fragment."""
    shape = (36, 60, 92)
    balls = {
        "core-shell": ((17.3, 17.2, 17.4), 13),
        "pure": ((17, 42, 16), 8),
        "other": ((17, 42, 30), 7.5),
        "mixed": ((18, 30, 55), 11),
        "fragment": ((18, 10, 80), 2),
    }
    depth = {name: solids.signed_depth(shape, centre, radius) for name, (centre, radius) in balls.items()}
    mask = np.any([d >= 0 for d in depth.values()], axis=0)
    core = solids.blurred(solids.signed_depth(shape, (17.3, 17.2, 17.4), 8), np.hypot(BLUR, np.sqrt(1 / 12)))
    first = np.where(depth["core-shell"] >= -1, core, np.where(depth["pure"] >= 0, 1.0, 0.0))
    return mask, np.where(depth["mixed"] >= 0, 0.5, first)


@pytest.fixture(scope="module")
def segmented(scene, write_result, tmp_path_factory):
    path = write_result(tmp_path_factory.mktemp("morphology") / "scene.zarr", *scene)
    steps = []
    result = segment_phases(
        path,
        progress=lambda stage, done, total: steps.append((stage, done / total)),
        resolution_nm=BLUR * PIXEL_UM * 1000 * 2.3548,
        lines={"across": ((1.73, 1.72, 0.0), (1.73, 1.72, 3.4))},
        boxes={"inside": ((1.4, 1.4, 1.4), (2.0, 2.0, 2.0))},
    )
    return result, steps


def column(result, table, title):
    columns = read_table(result.path, table)
    name = next(key for key in columns if key.startswith(title))
    return columns[name]


def numbers(result, table, title):
    return np.array([float(cell) for cell in column(result, table, title)])


def test_every_table_is_there_and_every_title_of_a_number_has_a_unit(segmented):
    result, _ = segmented
    files = {file.stem: file for file in (result.path / "tables").glob("*.csv")}
    assert set(files) == TABLES | {"lines", "line_fronts", "boxes"}
    plain = {"index", "structure", "verdict", "neighbours", "voxels", "phase", "line", "box", "boxes"}
    for file in files.values():
        with file.open(newline="") as lines:
            header, *rows = csv.reader(lines)
        assert all(len(row) == len(header) for row in rows), file
        for title in header:
            counted = title in plain or title == "histogram components" or title.startswith("evenly shrunk")
            assert counted or re.search(r"\([^)]+\)$", title), (file, title)


def test_particles_are_told_apart_and_named(segmented):
    result, steps = segmented
    assert numbers(result, "particles", "index").tolist() == [1, 2, 3, 4]
    assert column(result, "particles", "structure") == ["core and shell", "no front", "no shell", "no core"]
    mixed = "solid solution or fine mixture"
    assert column(result, "particles", "verdict") == ["two phases", mixed, "one phase", "one phase"]
    assert column(result, "particles", "neighbours") == ["", "", "4", "3"]
    contact = numbers(result, "particles", "contact area")
    assert contact[2] == contact[3] > 0
    assert np.unique(result.particle_labels.values).tolist() == [0, 1, 2, 3, 4]
    assert next(stage for stage, share in steps if share == 1) == "Find particles"
    assert steps[-1] == ("Write result", 1.0)


def test_sizes_shapes_and_composition_are_right_within_their_errors(segmented):
    result, _ = segmented
    radii = np.array([13, 11]) * PIXEL_UM
    volume, error = (numbers(result, "particles", title)[:2] for title in ("volume (", "volume error"))
    np.testing.assert_allclose(volume, 4 / 3 * np.pi * radii**3, rtol=0.01)
    assert (np.abs(volume - 4 / 3 * np.pi * radii**3) < error).all()
    np.testing.assert_allclose(numbers(result, "particles", "surface (")[:2], 4 * np.pi * radii**2, rtol=0.02)
    np.testing.assert_allclose(numbers(result, "particles", "sphericity (")[:2], 1, atol=0.02)
    fraction, error = (
        numbers(result, "particles", title) for title in ("mean fraction of LiFePO4", "mean fraction error")
    )
    truth = np.array([(8 / 13) ** 3, 0.5, 1.0, 0.0])
    assert (np.abs(fraction - truth) < 4 * error + 0.01).all()
    np.testing.assert_allclose(numbers(result, "particles", "state of charge, 1"), 1 - fraction, atol=1e-5)


def test_the_shell_has_its_thickness_and_the_core_its_place(segmented):
    result, _ = segmented
    assert column(result, "core_shell", "index") == ["1"]
    assert numbers(result, "core_shell", "shell thickness median (")[0] == pytest.approx(0.5, abs=0.01)
    assert numbers(result, "core_shell", "shell coverage (")[0] == 1
    assert numbers(result, "core_shell", "core enclosure (")[0] == 1
    assert column(result, "core_shell", "evenly shrunk") == ["yes"]
    assert numbers(result, "core_shell", "front area (")[0] == pytest.approx(4 * np.pi * 0.64, rel=0.02)
    assert numbers(result, "core_shell", "front mean curvature (")[0] == pytest.approx(1 / 0.8, rel=0.05)
    assert numbers(result, "core_shell", "Gauss-Bonnet ratio")[0] == pytest.approx(1, abs=0.05)
    assert numbers(result, "two_phase", "front width 10-90")[0] == pytest.approx(0.1481, rel=0.1)


def test_numbers_of_shell_and_front_have_errors_by_noise_beside_them(segmented):
    result, _ = segmented
    columns = read_table(result.path, "core_shell")
    pairs = [
        (key, key.replace(" (", " error ("))
        for key in columns
        if " (" in key and key.replace(" (", " error (") in columns
    ]
    assert len(pairs) == 28
    errors = {value: float(columns[error][0]) for value, error in pairs}
    assert all(error >= 0 for error in errors.values())
    # below the resolution of the grid, above what so much noise leaves
    assert 0 < errors["shell thickness median (um)"] < 0.1 * PIXEL_UM
    assert 0 < errors["front mean curvature (1/um)"] < 0.05 / 0.8
    assert 0 < errors["front roughness (um)"] < 0.1 * PIXEL_UM
    off = abs(float(columns["front mean curvature (1/um)"][0]) - 1 / 0.8)
    assert off < 5 * errors["front mean curvature (1/um)"] + 0.03 / 0.8


def test_the_depth_profile_of_an_even_core_follows_its_null(segmented):
    result, _ = segmented
    first = np.array(column(result, "depth_profiles", "index")) == "1"
    mean, error, even = (
        numbers(result, "depth_profiles", title)[first] for title in ("mean fraction", "error", "fraction of an evenly")
    )
    # a tenth of a voxel of depth is worth 0.05 on the steepest part of the edge
    assert (np.abs(mean - even) < 4 * np.nan_to_num(error, nan=0.1) + 0.08).all()


def test_surfaces_are_in_um_and_belong_to_their_particles(segmented):
    result, _ = segmented
    particle = zarr.open_group(result.path / "surfaces" / "particle", mode="r")
    number, vertices = particle["particle"][:], particle["vertices"][:]
    assert particle["vertices"].attrs["units"] == "um"
    radius = np.linalg.norm(vertices[number == 1] - np.array([17.3, 17.2, 17.4]) * PIXEL_UM, axis=1)
    np.testing.assert_allclose(radius, 1.3, atol=0.05)
    thickness = particle["shell_thickness"][:]
    assert np.isfinite(thickness[number == 1]).all()
    assert np.isnan(thickness[number == 2]).all()
    front = zarr.open_group(result.path / "surfaces" / "front", mode="r")
    assert set(np.unique(front["particle"][:])) == {1}
    assert front["faces"][:].max() == front["vertices"].shape[0] - 1
    assert np.median(front["mean_curvature"][:]) == pytest.approx(1 / 0.8, rel=0.05)


def test_lines_and_boxes_are_measured(segmented):
    result, _ = segmented
    assert numbers(result, "line_fronts", "front at").size == 1
    assert numbers(result, "boxes", "mean fraction")[0] == pytest.approx(1, abs=0.03)
    assert numbers(result, "lines", "fraction of").max() > 0.8


def test_the_result_says_how_it_was_segmented(segmented):
    result, _ = segmented
    facts = result.attributes["segmentation"]
    assert facts["blur_source"] == "given"
    assert facts["blur_sigma_nm"] == pytest.approx(BLUR * PIXEL_UM * 1000, rel=1e-3)
    assert facts["configuration"]["neck"] == 0.8
    assert facts["fragments"] == 1
    assert any("fragments" in warning for warning in facts["warnings"])


def contents(path):
    """Every file of the tables and labels, and the arrays of the surfaces."""
    files = {file.name: file.read_bytes() for file in (path / "tables").glob("*.csv")}
    labels = {
        name: zarr.open_array(path / "labels" / name / "s0", mode="r")[:] for name in ("phase", "particle", "pore")
    }
    surfaces = {
        f"{kind}/{key}": array[:]
        for kind in ("particle", "front")
        for key, array in zarr.open_group(path / "surfaces" / kind, mode="r").arrays()
    }
    return files, labels | surfaces


@pytest.mark.parametrize("window", [1, 31 * 60 * 92])  # each particle by itself; most of them in windows of rows
def test_a_volume_in_small_blocks_has_the_labels_and_tables_of_one_piece(
    segmented, scene, write_result, tmp_path, monkeypatch, window
):
    whole, _ = segmented
    path = write_result(tmp_path / "a.zarr", *scene)
    monkeypatch.setattr(row_blocks, "BLOCK_VOXELS", 1)  # a shard of 16 rows at a time
    monkeypatch.setattr(crops, "WINDOW_VOXELS", window)
    monkeypatch.setattr(amendment, "_SURFACE_CHUNK", 700)
    configuration = whole.attributes["segmentation"]["configuration"]
    segment_phases(path, **{key: value for key, value in configuration.items() if value is not None})
    (files, arrays), (again, others) = contents(whole.path), contents(path)
    assert files.keys() == again.keys()
    assert [name for name in files if files[name] != again[name]] == []
    assert arrays.keys() == others.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, others[name], err_msg=name)


def test_again_gives_the_same_and_other_settings_replace_the_tables(segmented):
    result, _ = segmented
    particles = (result.path / "tables" / "particles.csv").read_bytes()
    labels = result.phase_labels.values
    resolution = BLUR * PIXEL_UM * 1000 * 2.3548
    again = segment_phases(result, resolution_nm=resolution, threads=1, null_draws=0, method="random-field")
    assert (result.path / "tables" / "particles.csv").read_bytes() == particles
    assert np.mean(again.phase_labels.values != labels) < 0.003
    assert not (result.path / "tables" / "lines.csv").exists()
    assert column(again, "core_shell", "evenly shrunk") == ["unknown"]


def test_the_core_may_be_of_the_other_phase(scene, write_result, tmp_path):
    mask, first = scene
    path = write_result(tmp_path / "a.zarr", mask, 1 - first)
    result = segment_phases(path, core_phase="FePO4", null_draws=0, resolution_nm=120)
    assert column(result, "particles", "structure") == ["core and shell", "no front", "no shell", "no core"]
    assert numbers(result, "particles", "state of charge, 1")[0] == pytest.approx((8 / 13) ** 3, abs=0.02)


SHAPE = (20, 21, 22)


@pytest.mark.parametrize(
    ("radius", "value", "noise", "structure", "verdict"),
    [
        (8, 1.0, 0.05, "no shell", "one phase"),
        (8, 0.0, 0.05, "no core", "one phase"),
        (8, 0.5, 0.05, "no front", "solid solution or fine mixture"),
        (8, 0.5, 3.0, "no front", "undecided"),
        (3, 1.0, 0.05, "too small", "one phase"),
    ],
)
def test_particles_without_core_and_shell_get_a_clear_answer(
    solids, write_result, tmp_path, radius, value, noise, structure, verdict
):
    mask = solids.ellipsoid(SHAPE, (9.6, 10.1, 10.4), radius)
    result = segment_phases(write_result(tmp_path / "a.zarr", mask, value, noise=noise), null_draws=2)
    assert column(result, "particles", "structure") == [structure]
    assert column(result, "particles", "verdict") == [verdict]
    assert np.isfinite(numbers(result, "particles", "mean fraction of")).all()
    assert read_table(result.path, "core_shell")["index"] == []
    assert any("No particle has a core" in text for text in result.attributes["segmentation"]["warnings"])


def test_a_narrower_sample_is_that_of_every_table(solids, write_result, tmp_path):
    shape = (18, 18, 40)
    full, thin = (solids.ellipsoid(shape, (8.6, 8.4, x), 7.2) for x in (9.2, 29.7))
    places = {"boxes": {"all": ((0, 0, 0), (1.8, 1.8, 4))}, "lines": {"l": ((0.9, 0.9, 0), (0.9, 0.9, 4))}}
    path = write_result(tmp_path / "a.zarr", full | thin, np.where(thin, 0.0, 1.0), amount=np.where(thin, 0.024, 0.04))
    whole = segment_phases(path, null_draws=0, **places)
    assert numbers(whole, "sampling", "mean fraction")[0] < 0.9
    assert numbers(whole, "boxes", "mean fraction")[0] < 0.9
    reached = numbers(whole, "lines", "distance").max()
    narrow = segment_phases(path, null_draws=0, mask_threshold_per_um=0.03, **places)
    # what is left is of one phase
    for name in ("sampling", "boxes"):
        np.testing.assert_allclose(numbers(narrow, name, "mean fraction"), 1.0, atol=0.01)
    assert np.mean(numbers(narrow, "lines", "fraction")) == pytest.approx(1.0, abs=0.06)
    assert numbers(narrow, "lines", "distance").max() < 1.8 < reached


@pytest.mark.parametrize("voxels", [0, 1])
def test_no_sample_and_one_voxel_are_said_in_words(write_result, tmp_path, voxels):
    mask = np.zeros(SHAPE, bool)
    mask[5, 5, 5] = voxels == 1
    result = segment_phases(write_result(tmp_path / "a.zarr", mask, 1.0))
    warnings = " ".join(result.attributes["segmentation"]["warnings"])
    assert ("mask is empty" in warnings) == (voxels == 0)
    assert ("no particles" in warnings) is True
    assert read_table(result.path, "particles")["index"] == []
    assert not result.particle_labels.values.any()
    surface = zarr.open_group(result.path / "surfaces" / "particle", mode="r")
    assert surface["vertices"].shape == (0, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "guess"}, "setting method"),
        ({"neck": 2}, "setting neck"),
        ({"colour": "red"}, "'colour' is not known"),
        ({"core_phase": "NMC"}, "core phase 'NMC' was asked for"),
        ({"axes": {"a": (0, 0, 0)}}, "axis 'a' is 0, 0, 0"),
        ({"lines": {"l": ((1, 1, 1), (1, 1, 1))}}, "line 'l' begins where it ends"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_and_change_nothing(solids, write_result, tmp_path, settings, message):
    mask = solids.ellipsoid(SHAPE, (9.6, 10.1, 10.4), 6)
    path = write_result(tmp_path / "a.zarr", mask, 1.0)
    before = sorted(file.stat().st_ino for file in path.rglob("*"))
    with pytest.raises(DataError, match=message):
        segment_phases(path, **settings)
    assert sorted(file.stat().st_ino for file in path.rglob("*")) == before


def test_a_real_map_keeps_its_particles_whole(small_result, small_scan, tmp_path):

    copy = tmp_path / "small.zarr"
    shutil.copytree(small_result.path, copy)
    result = segment_phases(copy, null_draws=0)
    truth = load_truth(small_scan.folder)
    labels = result.particle_labels.values
    for number in range(1, labels.max() + 1):
        inside = truth.particle[labels == number]
        assert np.bincount(inside).max() > 0.95 * inside.size
    assert open_result(copy).attributes["segmentation"]["blur_source"] in ("surfaces", "unknown")
