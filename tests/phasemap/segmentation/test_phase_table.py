import numpy as np
import pytest

from xanesmap.phasemap.segmentation.phase_table import PhaseSums

PHASES, NAMES = ("A", "B"), ("A", "B", "mixed")


def table_of(labels, *, unit="1/um", rows=None):
    """Lines of the table by label, for an edge step and errors that are the same everywhere."""
    sums = PhaseSums(PHASES, NAMES, unit=unit)
    one = np.ones(labels.shape)
    rows = rows or labels.shape[0]
    for start in range(0, labels.shape[0], rows):
        part = slice(start, start + rows)
        maps = [(fraction[part], 0.2 * one[part]) for fraction in (labels == 1.0, labels == 2.0)]
        sums.add(labels[part], 0.5 * one[part], 0.1 * one[part], maps)
    header, lines = sums.table(pixel_um=0.1)
    return {str(line[0]): dict(zip(header, line, strict=True)) for line in lines}


def test_a_ball_of_two_halves_has_half_a_share_each_and_the_error_of_the_plane_between(solids):
    labels = solids.ellipsoid((44, 43, 45), (21.3, 21.0, 22.2), 18).astype(np.uint8)
    labels[:, :, 23:] *= 2
    labels[labels > 2] = 0
    found = table_of(labels)["B"]
    share, error = (found[f"share of sample volume{end} (1)"] for end in ("", " error"))
    assert share == pytest.approx(0.5, abs=0.03)
    # the rim is off for both halves alike; a tenth of a voxel all over the disc is left, and faces of the grid are
    # two thirds of an area on average over directions, though of this plane all of it
    total = 4 / 3 * np.pi * 18**3
    assert error == pytest.approx(0.1 * 2 / 3 * np.pi * 18**2 / total, rel=0.1)
    volume = found["volume error (um^3)"]
    assert volume == pytest.approx(0.1 * (2 * np.pi * 18**2 + 2 / 3 * np.pi * 18**2) * 1e-3, rel=0.06)


def test_means_have_the_errors_of_eight_neighbours_that_are_one_value():
    labels = np.zeros((6, 8, 10), np.uint8)
    labels[1:5, 1:6, 2:7] = 1
    found = table_of(labels)["A"]
    assert found["mean edge step (1/um)"] == pytest.approx(0.5)
    assert found["mean edge step error (1/um)"] == pytest.approx(0.1 * np.sqrt(8 / 100))
    assert found["mean fraction of A (1)"] == 1
    assert found["mean fraction of A error (1)"] == pytest.approx(0.2 * np.sqrt(8 / 100))
    assert found["share of sample volume error (1)"] == 0  # all of the sample, wherever its rim lies
    assert np.isnan(table_of(labels)["B"]["mean fraction of A (1)"])


@pytest.mark.parametrize("rows", [1, 4])
def test_heights_of_blocks_do_not_matter(rows):
    labels = np.random.default_rng(0).integers(0, 4, (9, 8, 7)).astype(np.uint8)
    assert table_of(labels, rows=rows) == table_of(labels)


def test_images_have_areas_and_lengths_of_borders():
    labels = np.zeros((1, 30, 30), np.uint8)
    labels[0, 5:25, 5:25] = 1
    found = table_of(labels, unit="1")["A"]
    assert found["pixels"] == 400
    assert found["area (um^2)"] == pytest.approx(4)
    assert found["area error (um^2)"] == pytest.approx(0.1 * np.pi / 4 * 80 * 0.01)
