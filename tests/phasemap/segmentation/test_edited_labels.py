"""Labels edited by hand: kept beside those found, and taken by a segmentation that is asked to."""

import shutil

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.segmentation.edited_labels import store_edited_labels, take_particles, take_phases
from xanesmap.phasemap.storage.amendment import Amendment, read_table
from xanesmap.phasemap.storage.layers import layer_named


@pytest.fixture
def numbered(small_result, tmp_path):
    """A copy of the small result whose sample is one particle."""
    copy = tmp_path / "small.zarr"
    shutil.copytree(small_result.path, copy)
    with Amendment(copy) as amendment:
        amendment.replace_labels(layer_named("particle_labels"), (small_result.mask.to_numpy() > 0).astype(np.int32))
        amendment.finish({})
    return open_result(copy)


def halves(result):
    """Two particles: those of the sample above and below the middle of what it takes."""
    inside = result.mask.to_numpy() > 0
    rows = np.flatnonzero(inside.any(axis=(1, 2)))
    return np.where(inside, np.where(np.arange(len(inside))[:, None, None] < rows.mean(), 7, 3), 0).astype(np.int64)


def test_edited_labels_lie_beside_those_found_with_who_and_when(numbered):
    before = {name: numbered.levels(name)[0][:] for name in ("phase_labels", "particle_labels", "fraction")}
    painted = before["phase_labels"].copy()
    painted[2, :2, :3] = 2
    stored = store_edited_labels(numbered, {"phase_labels": painted})
    stored = store_edited_labels(stored, {"particle_labels": halves(stored)})
    np.testing.assert_array_equal(stored.levels("phase_labels_edited")[0][:], painted)
    np.testing.assert_array_equal(stored.levels("particle_labels_edited")[0][:], halves(stored))
    for name, values in before.items():
        np.testing.assert_array_equal(stored.levels(name)[0][:], values)
    phases, particles = stored.attributes["edits"]
    assert phases["layer"] == "phase_labels_edited"
    assert phases["voxels_changed"] == np.count_nonzero(painted != before["phase_labels"])
    assert phases["voxels_outside_mask"] == 6
    assert particles["voxels_changed"] == np.count_nonzero(halves(stored))
    assert phases["user"]
    assert phases["made"].endswith("+00:00")


@pytest.mark.parametrize(
    ("edited", "told"),
    [
        ({"phase_labels": np.zeros((2, 3, 4), np.uint8)}, "of shape"),
        ({"phase_labels": 9}, "hold the number 9; they go from 0 to 3"),
        ({"particle_labels": -1}, "hold the number -1"),
        ({"pore_labels": 1}, "holds no pore_labels that could have been edited"),
    ],
)
def test_labels_that_cannot_be_are_refused(numbered, edited, told):
    ((name, values),) = edited.items()
    if isinstance(values, int):
        values = np.full(numbered.shape, values)
    with pytest.raises(DataError, match=told):
        store_edited_labels(numbered, {name: values})
    assert "edits" not in open_result(numbered.path).attributes


def test_a_segmentation_takes_the_particles_and_phases_that_were_painted(numbered):
    painted = np.where(numbered.mask.to_numpy() > 0, 2, 0)
    painted[:, 5] = 1  # in air too
    edited = store_edited_labels(numbered, {"phase_labels": painted, "particle_labels": halves(numbered)})
    segmented = segment_phases(edited, labels="edited", null_draws=0, error_draws=0, least_voxels=5)
    inside, found = segmented.mask.to_numpy() > 0, segmented.particle_labels.to_numpy()
    sizes = np.bincount(halves(numbered)[inside])[[7, 3]]
    for number, voxels in enumerate(sorted(sizes, reverse=True), start=1):
        assert np.count_nonzero(found == number) == voxels
    assert len(next(iter(read_table(segmented.path, "particles").values()))) == 2
    np.testing.assert_array_equal(segmented.phase_labels.to_numpy(), np.where(inside, painted, 0))
    assert segmented.attributes["segmentation"]["configuration"]["labels"] == "edited"
    assert segmented.has("phase_labels_edited")


def test_a_segmentation_without_edited_labels_says_how_to_make_them(numbered):
    with pytest.raises(DataError, match="holds no edited labels"):
        segment_phases(numbered, labels="edited")


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_particles_are_numbered_by_size_small_ones_are_fragments_and_pores_stay_with_their_particle(rows):
    sample = np.zeros((8, 6, 6), np.uint8)
    sample[:, 1:5, 1:5] = 1
    sample[2, 2, 2] = sample[6, 2, 2] = 0  # closed pores
    found, pores = sample.astype(np.int32), np.zeros(sample.shape, np.int32)
    pores[2, 2, 2] = pores[6, 2, 2] = 1
    edited = np.where(np.arange(8)[:, None, None] < 3, 12, 40) * np.ones((1, 6, 6), int)
    edited[0, 1, 1] = 5
    particles = take_particles(edited, sample, found, pores, least_voxels=2, rows=rows)
    assert particles.count == 2
    assert (particles.n_fragments, particles.fragment_voxels) == (1, 1)
    np.testing.assert_array_equal(found[4:], np.where(sample[4:] > 0, 1, 0))
    assert found[0, 2, 2] == 2
    assert found[0, 1, 1] == 0
    assert pores[2, 2, 2] == pores[6, 2, 2] == 1  # both in what is mostly the larger one
    assert particles.boxes[1][0] == slice(0, 3)


def test_phases_painted_outside_the_sample_count_nowhere():
    sample, labels = np.array([[[1, 1, 0]]]), np.array([[[1, 1, 0]]], np.uint8)
    take_phases(np.array([[[2, 0, 3]]]), sample, labels, rows=1)
    np.testing.assert_array_equal(labels, [[[2, 0, 0]]])
