import csv

import numpy as np
import pytest
from scipy.stats import chi2

from xanesmap.phasemap.mapping.masking import sample_mask
from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.viewers.drawing.flat_morphology_figure import flat_morphology_figure
from xanesmap.viewers.drawing.morphology_figures import save_morphology_figures

PIXEL_UM, NOISE = 0.05, 0.05
ELLIPSES = 8


@pytest.fixture
def write_image(write_result):
    """Writes a finished result of optical depth, (y, x)."""

    def write(path, amount, first, *, mask=None, seed=0):
        measured = amount + NOISE * np.random.default_rng([seed, 1]).normal(size=amount.shape)
        mask = sample_mask(measured[None], threshold=0.5, smoothing_px=1.0) if mask is None else mask[None]
        how = {"noise": NOISE, "amount_sigma": NOISE, "pixel_um": PIXEL_UM, "unit": "1", "seed": seed}
        return write_result(path, mask, first, amount=measured, **how)

    return write


def depth_of_ellipse(shape, centre, axes, turn):
    y, x = (grid - c for grid, c in zip(np.indices(shape), centre, strict=True))
    along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    radius = np.hypot(along / axes[0], across / axes[1])
    slope = np.hypot(along / axes[0] ** 2, across / axes[1] ** 2) / np.maximum(radius, 1e-9)
    return (1 - radius) / np.where(radius > 1e-9, slope, 1 / axes[1])


def table(path, name="particles"):
    return {key: np.array(values) for key, values in read_table(path, name).items()}


def test_areas_perimeters_and_axes_of_ellipses_are_right_within_their_errors(write_image, tmp_path):
    pulls = []
    for seed in range(ELLIPSES):
        rng = np.random.default_rng(seed)
        axes = rng.uniform(14, 24), rng.uniform(8, 13)
        depth = depth_of_ellipse((70, 71), 34.5 + rng.uniform(-1, 1, 2), axes, rng.uniform(0, np.pi))
        path = write_image(tmp_path / f"{seed}.zarr", np.clip(depth + 0.5, 0, 1), np.ones(depth.shape), seed=seed)
        segment_phases(path)
        found = table(path)
        a, b = axes
        h = ((a - b) / (a + b)) ** 2
        truth = {
            "area": (np.pi * a * b * PIXEL_UM**2, "um^2"),
            # Ramanujan (1914), good to 1e-5 here
            "perimeter": (np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))) * PIXEL_UM, "um"),
            "semi-axis a": (a * PIXEL_UM, "um"),
            "semi-axis b": (b * PIXEL_UM, "um"),
        }
        for name, (value, unit) in truth.items():
            measured, error = (float(found[f"{name}{end} ({unit})"][0]) for end in ("", " error"))
            pulls.append((name, (measured - value) / error))
    squares = {name: sum(value**2 for one, value in pulls if one == name) for name in truth}
    # Errors hold how far the threshold is off, which is known here, so they are upper bounds: by chance they are
    # exceeded so far in one of a hundred such tests.
    highest = chi2.ppf(1 - 0.01 / len(squares), ELLIPSES)
    assert {name: square for name, square in squares.items() if square > highest} == {}


def test_touching_particles_of_an_image_are_split_in_its_plane_and_their_pores_closed(write_image, tmp_path):
    shape = (60, 90)
    one, other = (depth_of_ellipse(shape, (30, x), (14, 14), 0) for x in (30, 57))
    hole = depth_of_ellipse(shape, (30, 28), (3, 3), 0)
    mask = ((one > 0) | (other > 0)) & (hole < 0)
    path = write_image(tmp_path / "a.zarr", mask.astype(float), np.where(one > 0, 1.0, 0.0), mask=mask)
    result = segment_phases(path, lines={"l": ((0, 1.5, 0.5), (0, 1.5, 4.0))}, boxes={"b": ((0, 1, 1), (0, 2, 2))})
    found = table(path)
    assert found["index"].tolist() == ["1", "2"]
    assert found["neighbours"].tolist() == ["2", "1"]
    assert found["cut by field (0 or 1)"].tolist() == ["0", "0"]
    assert (result.pore_labels.values[0][hole > 0] > 0).all()
    fraction = found["mean fraction of LiFePO4 (1)"].astype(float)
    assert sorted(np.round(fraction, 1).tolist()) == [0.0, 1.0]
    facts = result.attributes["segmentation"]
    assert any("overlap along the beam" in text for text in facts["warnings"])
    for file in (path / "tables").glob("*.csv"):
        with file.open(newline="") as lines:
            assert not [title for title in next(csv.reader(lines)) if "um^3" in title or "volume" in title]
    assert len(read_table(path, "lines")["line"]) > 0
    figure = flat_morphology_figure(result)
    fraction, labels = figure.axes[:2]
    assert [text.get_text() for text in labels.texts] == ["1", "2", "b"]
    # two outlines and that of the pore
    assert [len(axes.lines) for axes in (labels, fraction)] == [3, 4]
    assert [file.name for file in save_morphology_figures(result, tmp_path / "figures")] == ["particles.png"]


@pytest.mark.parametrize("pixels", [0, 1])
def test_no_sample_and_one_pixel_are_said_in_words(write_image, tmp_path, pixels):
    mask = np.zeros((20, 21), bool)
    mask[5, 5] = pixels == 1
    result = segment_phases(write_image(tmp_path / "a.zarr", mask.astype(float), mask * 1.0, mask=mask))
    warnings = " ".join(result.attributes["segmentation"]["warnings"])
    assert ("mask is empty" in warnings) == (pixels == 0)
    assert ("no particles" in warnings) is True
    assert read_table(result.path, "particles")["index"] == []
    assert "no particles" in flat_morphology_figure(result).texts[1].get_text()
