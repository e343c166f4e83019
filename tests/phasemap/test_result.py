import json
import logging

import dask.array as da
import numpy as np
import pytest
import zarr

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.storage.layers import LAYERS
from xanesmap.phasemap.storage.result_store import ResultWriter

SHAPE = (10, 7, 9)
ENERGIES = np.array([7100.0, 7112.5, 7120.25])
PIXEL_UM = 0.05


def make_maps(seed=0):
    """A bar of LiFePO4 (z < 4), FePO4 (z < 8) and mixed voxels; the first column in x is outside."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 2, 3], [4, 4, 2])[:, np.newaxis, np.newaxis] * np.ones(SHAPE, dtype=np.uint8)
    labels[:, :, 0] = 0
    first = np.choose(labels, [np.nan, 0.9, 0.2, 0.5]) + rng.normal(0, 0.01, SHAPE)
    return {
        "fraction": np.stack([first, 1 - first]),
        "fraction_sigma": np.where(labels > 0, 0.01, np.nan) * np.ones((2, *SHAPE)),
        "amount": rng.uniform(0.5, 1.5, size=SHAPE),
        "amount_sigma": rng.normal(size=SHAPE),
        "residual": rng.normal(size=SHAPE),
        "mask": labels > 0,
        "mu": rng.normal(size=(ENERGIES.size, *SHAPE)),
        "phase_labels": labels,
    }


def write(path, maps=None, *, attributes=None, keep_mu=True):
    maps = make_maps() if maps is None else maps
    with ResultWriter(
        path,
        shape=SHAPE,
        phases=["LiFePO4", "FePO4"],
        energies_ev=ENERGIES,
        pixel_size_um=PIXEL_UM,
        slab_rows=4,
        keep_mu=keep_mu,
        attributes=attributes or {},
    ) as writer:
        writer.write_slab(0, SHAPE[0], **maps)
        writer.finish()
    return path


@pytest.fixture
def result(tmp_path):
    return open_result(write(tmp_path / "r.zarr", attributes={"warnings": ["few flats"]}))


def edit_root(path, change):
    root = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    change(root["attributes"]["xanesmap"])
    (path / "zarr.json").write_text(json.dumps(root), encoding="utf-8")


def test_maps_carry_coordinates_and_units(result):
    assert result.fraction.dims == ("phase", "z", "y", "x")
    assert result.fraction.sel(phase="FePO4").shape == SHAPE
    assert result.mu.dims == ("energy", "z", "y", "x")
    np.testing.assert_array_equal(result.mu.energy, ENERGIES)
    assert result.mu.energy.attrs["units"] == "eV"
    assert result.amount.attrs["units"] == "1/um"
    assert result.mu.attrs == {"units": "1/um", "long_name": "linear attenuation coefficient"}
    for axis, n in zip("zyx", SHAPE, strict=True):
        np.testing.assert_allclose(result.amount[axis], np.arange(n) * PIXEL_UM)
        assert result.amount[axis].attrs["units"] == "um"


def test_every_map_is_what_was_written(tmp_path):
    maps = make_maps()
    result = open_result(write(tmp_path / "r.zarr", maps))
    for layer in LAYERS:
        if layer.name in maps:
            expected = maps[layer.name].astype(layer.dtype)
            np.testing.assert_array_equal(getattr(result, layer.name).values, expected)


def test_facts_of_the_run_are_at_hand(result, tmp_path):
    assert result.path == tmp_path / "r.zarr"
    assert result.phases == ("LiFePO4", "FePO4")
    assert result.label_names == ("LiFePO4", "FePO4", "mixed")
    assert result.pixel_size_um == PIXEL_UM
    assert result.shape == SHAPE
    assert result.warnings == ("few flats",)
    assert result.attributes["status"] == "finished"
    assert result.particle_labels is None


def test_opening_reads_no_voxel(tmp_path, monkeypatch):
    write(tmp_path / "r.zarr")

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(zarr.Array, "__getitem__", refuse)
    result = open_result(tmp_path / "r.zarr")
    assert isinstance(result.mu.data, da.Array)
    assert "LiFePO4" in repr(result)
    with pytest.raises(AssertionError):
        result.amount.compute()


def test_two_results_at_one_path_are_not_mistaken_for_each_other_by_dask(tmp_path):
    first = open_result(write(tmp_path / "r.zarr"))
    name = first.amount.data.name
    edit_root(tmp_path / "r.zarr", lambda attributes: attributes.update(note="second"))
    assert open_result(tmp_path / "r.zarr").amount.data.name != name


def test_a_spectrum_is_that_of_its_voxel(result):
    np.testing.assert_array_equal(result.spectrum(9, 3, 4), result.mu.values[:, 9, 3, 4])


@pytest.mark.parametrize("voxel", [(10, 0, 0), (0, 7, 0), (0, 0, -1)])
def test_a_voxel_outside_the_volume_is_refused(result, voxel):
    with pytest.raises(DataError, match=r"lies outside the volume \(10, 7, 9\)"):
        result.spectrum(*voxel)


def test_a_spectrum_needs_mu(tmp_path):
    maps = {name: values for name, values in make_maps().items() if name != "mu"}
    result = open_result(write(tmp_path / "r.zarr", maps, keep_mu=False))
    assert result.mu is None
    with pytest.raises(DataError, match="holds no mu; it was not kept"):
        result.spectrum(0, 0, 0)


def test_volumes_are_voxel_counts_times_the_voxel(result):
    voxel = PIXEL_UM**3
    expected = {"LiFePO4": 4 * 7 * 8 * voxel, "FePO4": 4 * 7 * 8 * voxel, "mixed": 2 * 7 * 8 * voxel}
    assert result.phase_volumes_um3() == pytest.approx(expected)


def test_the_summary_is_the_mean_of_each_label_with_its_standard_error(tmp_path):
    maps = make_maps()
    rows = open_result(write(tmp_path / "r.zarr", maps)).summary().rows
    for value, row in enumerate(rows, start=1):
        inside = maps["phase_labels"] == value
        assert row.voxels == inside.sum()
        assert row.volume_um3 == pytest.approx(inside.sum() * PIXEL_UM**3)
        atoms = maps["amount"][inside]
        assert row.mean_fraction == pytest.approx((maps["fraction"][:, inside] @ atoms) / atoms.sum(), abs=1e-6)
        assert sum(row.mean_fraction) == pytest.approx(1, abs=1e-6)
        # N independent voxels of sigma 0.01 and equal amounts: 0.01 / sqrt(N); unequal ones count for fewer voxels
        effective = atoms.sum() ** 2 / (atoms**2).sum()
        assert row.standard_error == pytest.approx((0.01 / effective**0.5,) * 2, rel=1e-5)


def test_the_standard_error_covers_the_scatter_of_independent_voxels(tmp_path):
    deviations = []
    for seed in range(12):
        rows = open_result(write(tmp_path / f"{seed}.zarr", make_maps(seed))).summary().rows
        truths = (0.9, 0.2, 0.5)
        deviations += [
            (row.mean_fraction[0] - truth) / row.standard_error[0] for row, truth in zip(rows, truths, strict=True)
        ]
    # The standard deviation of 36 normal numbers is 1 within 1 / sqrt(72) = 0.12: four of those.
    assert np.std(deviations) == pytest.approx(1, abs=0.48)


def test_an_empty_label_has_no_mean(tmp_path):
    maps = make_maps()
    maps["phase_labels"] = np.zeros(SHAPE)
    rows = open_result(write(tmp_path / "r.zarr", maps)).summary().rows
    assert [row.voxels for row in rows] == [0, 0, 0]
    assert np.isnan(rows[0].mean_fraction).all()


def test_the_summary_makes_a_table_with_units(result):
    header, rows = result.summary().table()
    assert header[:3] == ["label", "voxels", "volume (um^3)"]
    assert [len(row) for row in rows] == [len(header)] * 3


def test_blocks_cover_the_volume_once(result):
    seen = np.zeros(SHAPE, dtype=int)
    for block in result.blocks(rows=3, columns=4):
        seen[block] += 1
    assert (seen == 1).all()


def test_the_text_of_a_result_says_what_it_is(result):
    text = repr(result)
    assert "10 x 7 x 9 voxels (z, y, x) of 0.05 um: 0.5 x 0.35 x 0.45 um" in text
    assert "3 from 7100.0 to 7120.2 eV (mu kept)" in text
    assert "warnings  1" in text


# What goes wrong


def test_a_missing_result_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"'.*none.zarr' does not exist; give the folder that 'xanesmap run"):
        open_result(tmp_path / "none.zarr")


def test_a_result_still_being_written_is_a_sentence(tmp_path, caplog):
    (tmp_path / "r.zarr.partial").mkdir()
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(DataError, match="does not exist yet; a run is writing it"),
    ):
        open_result(tmp_path / "r.zarr")


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.write_text("x"), zarr.create_group])
def test_what_is_not_a_result_of_ours_is_a_sentence(tmp_path, make):
    make(tmp_path / "other.zarr")
    with pytest.raises(DataError, match="is not a result of xanesmap"):
        open_result(tmp_path / "other.zarr")


@pytest.mark.parametrize("status", ["running", "failed", None])
def test_a_result_that_is_not_finished_is_refused(tmp_path, status):
    path = write(tmp_path / "r.zarr")
    edit_root(path, lambda attributes: attributes.update(status=status))
    with pytest.raises(DataError, match=rf"is not finished \(status '{status}'\)"):
        open_result(path)


@pytest.mark.parametrize("version", [2, 99, None, "x"])
def test_a_result_of_a_newer_format_is_refused(tmp_path, version):
    path = write(tmp_path / "r.zarr")
    edit_root(path, lambda attributes: attributes.update(format_version=version))
    with pytest.raises(DataError, match=rf"has store format {version}; this xanesmap reads up to 1"):
        open_result(path)


def test_a_result_with_a_layer_missing_is_called_damaged(tmp_path):
    path = write(tmp_path / "r.zarr")
    (path / "amount").rename(tmp_path / "lost")
    with pytest.raises(DataError, match=r"result '.*r.zarr' is damaged: .*make it again"):
        open_result(path)


def test_a_result_without_its_energies_is_called_damaged(tmp_path):
    path = write(tmp_path / "r.zarr")
    edit_root(path, lambda attributes: attributes.pop("energies_ev"))
    with pytest.raises(DataError, match="is damaged: 'energies_ev'"):
        open_result(path)


def test_a_result_cannot_be_changed_by_accident(result):
    assert isinstance(result, PhaseMap)
    with pytest.raises(AttributeError, match="cannot assign"):
        result.pixel_size_um = 1.0
    with pytest.raises(TypeError, match="does not support item assignment"):
        result.attributes["status"] = "failed"
