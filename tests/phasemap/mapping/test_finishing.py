import csv

import numpy as np
import pytest

from xanesmap.phasemap.config import PhaseConfig
from xanesmap.phasemap.mapping.finishing import finish_maps
from xanesmap.phasemap.mapping.resolution_error import resolution_loss
from xanesmap.phasemap.progress import no_progress
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.result_store import ResultWriter

SHAPE = (22, 30, 34)
STEP = 0.2
PHASES = ("LiFePO4", "FePO4")


def ball(centre, radius):
    axes = np.meshgrid(*(np.arange(n) - c for n, c in zip(SHAPE, centre, strict=True)), indexing="ij")
    return np.clip(radius - np.sqrt(sum(axis**2 for axis in axes)) + 0.5, 0, 1)


def make_maps(*, noise=0.02, seed=0):
    """A ball of LiFePO4, a ball of FePO4 and a ball that is half and half, side by side in x, in noise."""
    rng = np.random.default_rng(seed)
    balls = [ball((10.5, 15, x), 5.2) for x in (5.5, 17, 28)]
    amount = STEP * sum(balls) + noise * STEP * rng.standard_normal(SHAPE)
    first = np.select([np.arange(SHAPE[2]) < 11, np.arange(SHAPE[2]) < 23], [1.0, 0.0], 0.5)
    fraction = np.broadcast_to(first, SHAPE) + 0.02 * rng.standard_normal(SHAPE)
    maps = {
        "fraction": np.stack([fraction, 1 - fraction]),
        "fraction_sigma": np.full((2, *SHAPE), 0.02),
        "amount": amount,
        "amount_sigma": np.full(SHAPE, noise * STEP),
        "residual": rng.random(SHAPE),
    }
    return {name: values.astype(np.float32) for name, values in maps.items()}


def finish(path, maps, *, slab_rows=SHAPE[0], config=None, loss=None, progress=no_progress):
    with ResultWriter(
        path,
        shape=SHAPE,
        phases=PHASES,
        energies_ev=[7100.0, 7120.0, 7150.0],
        pixel_size_um=0.05,
        slab_rows=slab_rows,
        keep_mu=False,
        attributes={},
    ) as writer:
        writer.write_slab(0, SHAPE[0], **maps)
        threshold = finish_maps(writer, config or PhaseConfig(), loss=loss, progress=progress)
        writer.finish()
    return open_result(path), threshold


def read_table(result):
    with (result.path / "tables" / "phases.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_counts_volume_share_and_means_of_every_phase(tmp_path):
    result, _ = finish(tmp_path / "r.zarr", make_maps())
    labels, fraction = result.phase_labels.values, result.fraction.values
    rows = read_table(result)
    assert [row["phase"] for row in rows] == ["LiFePO4", "FePO4", "mixed"]
    for label, row in enumerate(rows, start=1):
        inside = labels == label
        count = int(row["voxels"])
        assert count == inside.sum() > 200
        assert float(row["volume (um^3)"]) == pytest.approx(count * 0.05**3)
        assert float(row["mean edge step (1/um)"]) == pytest.approx(result.amount.values[inside].mean(), rel=1e-5)
        atoms = result.amount.values[inside]
        for phase, name in enumerate(("LiFePO4", "FePO4")):
            of_atoms = (fraction[phase][inside] * atoms).sum() / atoms.sum()
            assert float(row[f"mean fraction of {name} (1)"]) == pytest.approx(of_atoms, abs=1e-5)
        assert float(row["mean edge step error (1/um)"]) == pytest.approx(
            np.sqrt(8 * (result.amount_sigma.values[inside].astype(float) ** 2).sum()) / count, rel=1e-4
        )
        noise = 0.02 * np.sqrt(8 * (atoms.astype(float) ** 2).sum()) / atoms.sum()
        assert float(row["mean fraction of FePO4 error (1)"]) == pytest.approx(noise, rel=0.01)
        radius = np.cbrt(3 * count / (4 * np.pi))
        place = 0.1 * 4 * np.pi * radius**2 * 0.05**3  # a tenth of a voxel all around a ball
        assert float(row["volume error (um^3)"]) == pytest.approx(place, rel=0.15)
    assert sum(float(row["share of sample volume (1)"]) for row in rows) == pytest.approx(1)
    assert [float(row["mean fraction of LiFePO4 (1)"]) for row in rows] == pytest.approx([1, 0, 0.5], abs=0.005)


def test_three_equal_balls_take_a_third_of_the_volume_each(tmp_path):
    result, threshold = finish(tmp_path / "r.zarr", make_maps())
    assert threshold == pytest.approx(STEP / 2, rel=0.1)
    shares = [float(row["share of sample volume (1)"]) for row in read_table(result)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)


@pytest.mark.parametrize("slab_rows", [5])
def test_slabs_give_the_mask_labels_and_table_of_the_whole(slab_rows, tmp_path):
    maps = make_maps(noise=0.2)
    whole, threshold = finish(tmp_path / "whole.zarr", maps)
    cut, same = finish(tmp_path / "cut.zarr", maps, slab_rows=slab_rows)
    assert same == threshold
    np.testing.assert_array_equal(cut.mask, whole.mask)
    np.testing.assert_array_equal(cut.phase_labels, whole.phase_labels)
    np.testing.assert_array_equal(cut.fraction, whole.fraction)
    for row, expected in zip(read_table(cut), read_table(whole), strict=True):
        assert row.pop("phase") == expected.pop("phase")
        assert [float(cell) for cell in row.values()] == pytest.approx([float(cell) for cell in expected.values()])


def test_a_voxel_without_a_fraction_is_outside(tmp_path):
    maps = make_maps()
    maps["fraction"][:, 10, 15, 5] = np.nan
    result, _ = finish(tmp_path / "r.zarr", maps)
    assert result.mask.values[10, 15, 5] == 0
    assert result.mask.values[10, 15, 6] == 1
    assert np.isnan(result.amount.values[10, 15, 5])


def test_the_threshold_of_the_user_is_taken_as_it_is(tmp_path):
    result, threshold = finish(
        tmp_path / "r.zarr", make_maps(), config=PhaseConfig(mask_threshold_per_um=0.9 * STEP, mask_smoothing_px=0)
    )
    assert threshold == 0.9 * STEP
    assert result.amount.values[result.mask.values > 0].min() > 0.9 * STEP


def test_the_threshold_between_pure_and_mixed_is_that_of_the_configuration(tmp_path):
    result, _ = finish(tmp_path / "r.zarr", make_maps(), config=PhaseConfig(pure_threshold=1.0))
    counts = [int(row["voxels"]) for row in read_table(result)]
    # half of the noisy voxels of a pure ball reach 1
    assert counts[0] + counts[1] < 0.45 * sum(counts)


def test_noise_alone_leaves_everything_empty(tmp_path):
    maps = make_maps()
    maps["amount"] = np.random.default_rng(1).normal(0, 0.02, SHAPE).astype(np.float32)
    result, threshold = finish(tmp_path / "r.zarr", maps, slab_rows=8)
    assert threshold is None
    assert not result.mask.values.any()
    assert not result.phase_labels.values.any()
    assert np.isnan(result.fraction.values).all()
    rows = read_table(result)
    assert [row["voxels"] for row in rows] == ["0", "0", "0"]
    assert {row["mean fraction of LiFePO4 (1)"] for row in rows} == {"nan"}


def test_progress_counts_the_slabs(tmp_path):
    steps = []
    finish(tmp_path / "r.zarr", make_maps(), slab_rows=8, progress=lambda *step: steps.append(step))
    assert steps == [("Mask and phases", n, 3) for n in (1, 2, 3)]


@pytest.mark.parametrize("frames", ["as recorded", "interpolated"])
def test_error_bars_widen_at_fronts_whatever_the_height_of_the_slabs(tmp_path, frames):
    maps = make_maps()
    maps["fraction_sigma_counting"] = maps.pop("fraction_sigma")
    # a front through the middle of the first ball
    maps["fraction"][:, :, :15, :11] = maps["fraction"][::-1, :, :15, :11]
    loss = resolution_loss("ramlak", frames=frames)
    whole, _ = finish(tmp_path / "whole.zarr", maps, loss=loss)
    parts, _ = finish(tmp_path / "parts.zarr", maps, slab_rows=4, loss=loss)
    np.testing.assert_allclose(parts.fraction_sigma, whole.fraction_sigma, rtol=1e-5)
    counting, sigma = whole.fraction_sigma_counting.values, whole.fraction_sigma.values
    inside = whole.mask.values > 0
    assert np.array_equal(np.isfinite(counting[0]), inside)
    assert np.all(sigma[:, inside] >= counting[:, inside])
    assert sigma[0, 11, 14, 5] > 2 * counting[0, 11, 14, 5]
    assert np.median((sigma / counting)[0, :, :, 15:][inside[:, :, 15:]]) < 1.02
