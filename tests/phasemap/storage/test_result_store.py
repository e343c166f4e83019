import csv
import errno
import json
import logging
import math
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ome_zarr_models.v05 import Image, Labels

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage import destination
from xanesmap.phasemap.storage.destination import own_attributes, partial_path, previous_path
from xanesmap.phasemap.storage.layers import LAYERS, MASKED_LAYERS, layer_named
from xanesmap.phasemap.storage.multiscale import chunk_shape, downscaled, level_shapes, shard_shape
from xanesmap.phasemap.storage.result_store import ResultWriter

SHAPE = (13, 9, 11)
PHASES = ("LiFePO4", "FePO4")
ENERGIES = np.array([7100.0, 7112.5, 7120.25, 7150.0])


def make_writer(out, *, shape=SHAPE, slab_rows=4, **options):
    defaults = {
        "phases": PHASES,
        "energies_ev": ENERGIES,
        "pixel_size_um": 0.0203,
        "keep_mu": True,
        "attributes": {},
    }
    return ResultWriter(out, shape=shape, slab_rows=slab_rows, **(defaults | options))


def random_maps(shape=SHAPE, seed=0, n_phases=2):
    rng = np.random.default_rng(seed)
    lengths = {None: (), "phase": (n_phases,), "energy": (ENERGIES.size,)}
    maps = {}
    for layer in LAYERS:
        full = (*lengths[layer.leading], *shape)
        values = rng.normal(size=full) if layer.dtype == "float32" else rng.integers(0, 2, full)
        maps[layer.name] = values.astype(layer.dtype)
    return maps


def slabs(n_rows, slab_rows):
    return [(start, min(start + slab_rows, n_rows)) for start in range(0, n_rows, slab_rows)]


def rows_of(maps, start, stop):
    return {name: values[..., start:stop, :, :] for name, values in maps.items()}


def write_result(out, maps=None, *, slab_rows=4, shape=SHAPE, **options):
    maps = random_maps(shape) if maps is None else maps
    with make_writer(out, slab_rows=slab_rows, shape=shape, **options) as writer:
        for start, stop in slabs(shape[0], slab_rows):
            writer.write_slab(start, stop, **rows_of(maps, start, stop))
        writer.finish()
    return maps


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished result of four slabs, to be read only."""
    out = tmp_path_factory.mktemp("finished") / "r.zarr"
    write_result(out)
    return out


def stored(out, name):
    return zarr.open_array(out / layer_named(name).path / "s0", mode="r")[:]


@pytest.mark.parametrize("slab_rows", [1, 4, 5, 13, 50])
@pytest.mark.parametrize("shape", [SHAPE, (12, 70, 65)])
def test_every_layer_comes_back_bit_for_bit(tmp_path, shape, slab_rows):
    maps = write_result(tmp_path / "r.zarr", random_maps(shape), shape=shape, slab_rows=slab_rows)
    for name, values in maps.items():
        found = stored(tmp_path / "r.zarr", name)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


def test_a_layer_is_found_by_its_name_and_by_its_path(tmp_path):
    maps = random_maps()
    renamed = {layer_named(name).path: values for name, values in maps.items()}
    write_result(tmp_path / "r.zarr", renamed)
    np.testing.assert_array_equal(stored(tmp_path / "r.zarr", "labels/phase"), maps["phase_labels"])


def test_slabs_written_by_many_threads_at_once_do_not_disturb_each_other(tmp_path):
    shape, slab_rows = (24, 20, 70), 3
    maps = random_maps(shape)
    with make_writer(tmp_path / "r.zarr", shape=shape, slab_rows=slab_rows) as writer:
        with ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(writer.write_slab, start, stop, **rows_of(maps, start, stop))
                for start, stop in reversed(slabs(shape[0], slab_rows))
            ]
            for job in jobs:
                job.result()
        writer.finish()
    for name, values in maps.items():
        np.testing.assert_array_equal(stored(tmp_path / "r.zarr", name), values)


@settings(deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 3000)] * 3),
    slab_rows=st.integers(1, 600),
)
def test_no_shard_or_chunk_is_shared_by_two_slabs(shape, slab_rows):
    slab_rows = min(slab_rows, shape[0])
    chunk, shard = chunk_shape(shape, slab_rows), shard_shape(shape, slab_rows)
    assert shard[0] == slab_rows
    assert slab_rows % chunk[0] == 0
    assert all(s % c == 0 and s >= n for s, c, n in zip(shard[1:], chunk[1:], shape[1:], strict=True))
    assert max(chunk[1:]) <= 64


def test_one_file_holds_one_energy_of_one_slab(finished):
    files = [path for path in (finished / "mu/s0/c").rglob("*") if path.is_file()]
    assert len(files) == ENERGIES.size * 4  # 13 rows in slabs of 4


def test_chunks_are_compressed_by_zstd_after_bitshuffling(finished):
    metadata = json.loads((finished / "mu/s0/zarr.json").read_text(encoding="utf-8"))
    codecs = metadata["codecs"][0]["configuration"]["codecs"]
    blosc = next(codec["configuration"] for codec in codecs if codec["name"] == "blosc")
    assert (blosc["cname"], blosc["shuffle"], blosc["typesize"]) == ("zstd", "bitshuffle", 4)
    assert metadata["dimension_names"] == ["energy", "z", "y", "x"]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_image_is_valid_ome_zarr_with_units_and_voxel_size(finished, layer):
    group = zarr.open_group(finished / layer.path, mode="r")
    image = Image.from_zarr(group).attributes.ome.multiscales[0]
    assert [axis.name for axis in image.axes] == list(layer.axes)
    assert [axis.unit for axis in image.axes][-3:] == ["micrometer"] * 3
    assert "channel" not in [axis.type for axis in image.axes]
    scale = image.datasets[0].coordinateTransformations[0].scale
    assert scale[-3:] == [0.0203] * 3
    assert group["s0"].attrs["units"] == layer.units


def test_the_result_itself_opens_as_an_image_of_the_fractions_with_its_labels(finished):
    root = zarr.open_group(finished, mode="r")
    image = Image.from_zarr(root).attributes.ome.multiscales[0]
    assert [dataset.path for dataset in image.datasets] == ["fraction/s0"]
    assert Labels.from_zarr(root["labels"]).label_paths == ["phase", "particle", "pore"]


def test_labels_carry_their_names_and_colours(finished):
    label = zarr.open_group(finished / "labels/phase", mode="r").attrs["ome"]["image-label"]
    names = {item["label-value"]: item["name"] for item in label["properties"]}
    colours = {item["label-value"]: item["rgba"] for item in label["colors"]}
    assert names == {0: "outside", 1: "LiFePO4", 2: "FePO4", 3: "mixed"}
    assert colours[0][3] == 0
    assert colours[1][1] > max(colours[1][0], colours[1][2])  # green
    assert min(colours[2][0], colours[2][1]) > 2 * colours[2][2]  # gold: red and green, little blue
    assert len(set(colours[3][:3])) == 1  # grey


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, st.tuples(*[st.integers(1, 7)] * 3), elements=st.floats(-5, 5, width=32)))
def test_downscaling_by_mean_keeps_the_mean_of_each_block(volume):
    coarse = downscaled(volume, "mean")
    assert coarse.shape == tuple(math.ceil(n / 2) for n in volume.shape)
    corner = volume[:2, :2, :2]
    assert coarse[0, 0, 0] == pytest.approx(corner.mean(dtype=np.float64), abs=1e-5)
    end = volume[tuple(slice((n - 1) // 2 * 2, None) for n in volume.shape)]
    assert coarse[-1, -1, -1] == pytest.approx(end.mean(dtype=np.float64), abs=1e-5)


def test_downscaling_leaves_out_what_is_outside_the_mask():
    volume = np.full((2, 2, 4), np.nan, dtype=np.float32)
    volume[0, 0, 0], volume[1, 1, 1] = 1, 3
    np.testing.assert_array_equal(downscaled(volume, "mean"), [[[2, np.nan]]])


def test_labels_are_downscaled_without_inventing_labels():
    labels = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(downscaled(labels, "nearest").ravel(), [0, 2, 6, 8, 18, 20, 24, 26])


def test_a_large_volume_gets_a_pyramid_at_the_right_places(tmp_path):
    shape = (5, 6, 600)
    maps = write_result(tmp_path / "r.zarr", random_maps(shape), shape=shape, slab_rows=2, pixel_size_um=0.1)
    assert level_shapes(shape) == [shape, (3, 3, 300), (2, 2, 150)]
    for name in ("mu", "amount", "phase_labels"):
        layer = layer_named(name)
        group = zarr.open_group(tmp_path / "r.zarr" / layer.path, mode="r")
        expected = maps[name]
        for level in (1, 2):
            index = [downscaled(v, layer.downscale) for v in expected.reshape(-1, *expected.shape[-3:])]
            expected = np.stack(index).reshape(*expected.shape[:-3], *index[0].shape)
            np.testing.assert_array_equal(group[f"s{level}"][:], expected)
        image = Image.from_zarr(group).attributes.ome.multiscales[0]
        scale, translation = image.datasets[2].coordinateTransformations
        assert scale.scale[-1] == pytest.approx(0.4)
        # The centre of four voxels of 0.1 um lies 0.15 um from the centre of the first.
        assert translation.translation[-1] == pytest.approx(0.15 if layer.downscale == "mean" else 0)


def test_a_small_volume_has_a_single_level():
    assert level_shapes((256, 256, 256)) == [(256, 256, 256)]


def test_float_maps_are_nan_outside_the_mask_and_unchanged_inside(tmp_path):
    maps = random_maps()
    with make_writer(tmp_path / "r.zarr") as writer:
        for start, stop in slabs(SHAPE[0], 4):
            writer.write_slab(start, stop, **rows_of(maps, start, stop))
        for start, stop in slabs(SHAPE[0], 4):
            writer.apply_mask(start, stop)
        writer.finish()
    inside = maps["mask"] > 0
    for name in MASKED_LAYERS:
        np.testing.assert_array_equal(stored(tmp_path / "r.zarr", name), np.where(inside, maps[name], np.nan))
    np.testing.assert_array_equal(stored(tmp_path / "r.zarr", "mu"), maps["mu"])


def test_a_slab_can_be_read_back_while_the_result_is_written(tmp_path):
    maps = random_maps()
    with make_writer(tmp_path / "r.zarr") as writer:
        writer.write_slab(4, 8, **rows_of(maps, 4, 8))
        np.testing.assert_array_equal(writer.read_slab("fraction", 4, 8), maps["fraction"][:, 4:8])
        assert np.isnan(writer.read_slab("amount", 0, 4)).all()
        assert writer.array("amount").shape == SHAPE
        writer.write_slab(0, 13, **maps)
        writer.finish()


def test_mu_and_particles_are_left_out_when_not_kept(tmp_path):
    maps = {name: v for name, v in random_maps().items() if name not in ("mu", "particle_labels", "pore_labels")}
    write_result(tmp_path / "r.zarr", maps, keep_mu=False)
    assert not (tmp_path / "r.zarr/mu").exists()
    labels = zarr.open_group(tmp_path / "r.zarr/labels", mode="r").attrs["ome"]["labels"]
    assert labels == ["phase"]


def test_a_table_is_plain_csv_with_its_header(tmp_path):
    with make_writer(tmp_path / "r.zarr") as writer:
        writer.add_table("phases", ["label", "volume (um^3)"], [["a, b", np.float64(0.25)], ["c", np.int64(3)]])
        writer.write_slab(0, 13, **random_maps())
        writer.finish()
    with (tmp_path / "r.zarr/tables/phases.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["label", "volume (um^3)"], ["a, b", "0.25"], ["c", "3"]]


def test_root_attributes_are_standard_json_and_tell_what_was_given(tmp_path):
    with make_writer(tmp_path / "r.zarr", attributes={"engine": {"name": "fourier"}, "bad": math.nan}) as writer:
        writer.write_slab(0, 13, **random_maps())
        writer.finish({"warnings": ["few flats"], "fit": {"design": np.eye(2)}})

    def refuse(text):
        raise AssertionError(text)

    text = (tmp_path / "r.zarr/zarr.json").read_text(encoding="utf-8")
    attributes = json.loads(text, parse_constant=refuse)["attributes"]["xanesmap"]
    assert attributes["status"] == "finished"
    assert attributes["engine"] == {"name": "fourier"}
    assert attributes["bad"] == "NaN"
    assert attributes["fit"]["design"] == [[1.0, 0.0], [0.0, 1.0]]
    assert attributes["warnings"] == ["few flats"]
    assert attributes["energies_ev"] == ENERGIES.tolist()
    assert attributes["run_time_s"] >= 0
    assert "process" not in attributes


# What goes wrong


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_an_interrupted_run_leaves_the_earlier_result_and_no_rubbish(tmp_path, error):
    out = tmp_path / "r.zarr"
    maps = write_result(out)

    def interrupted():
        with make_writer(out, overwrite=True) as writer:
            writer.write_slab(0, 4, **rows_of(random_maps(seed=1), 0, 4))
            raise error

    with pytest.raises(type(error)):
        interrupted()
    np.testing.assert_array_equal(open_result(out).fraction.values, maps["fraction"])
    assert [path.name for path in tmp_path.iterdir()] == ["r.zarr"]


def test_an_earlier_result_is_replaced_only_when_the_new_one_is_finished(tmp_path):
    out = tmp_path / "r.zarr"
    old, new = write_result(out), random_maps(seed=1)
    with make_writer(out, overwrite=True) as writer:
        writer.write_slab(0, 13, **new)
        np.testing.assert_array_equal(stored(out, "fraction"), old["fraction"])
        writer.finish()
    np.testing.assert_array_equal(stored(out, "fraction"), new["fraction"])
    assert [path.name for path in tmp_path.iterdir()] == ["r.zarr"]


KILLED = """
    import sys, time
    import numpy as np
    from xanesmap.phasemap.storage.result_store import ResultWriter
    out = sys.argv[1]
    with ResultWriter(out, shape=(8, 9, 11), phases=["LiFePO4", "FePO4"], energies_ev=[7100, 7200],
                      pixel_size_um=0.02, slab_rows=4, keep_mu=True, attributes={}, overwrite=True) as writer:
        writer.write_slab(0, 4, mu=np.ones((2, 4, 9, 11), dtype=np.float32))
        print("writing", flush=True)
        time.sleep(60)
"""


def test_a_killed_run_leaves_the_earlier_result_and_its_rest_is_never_shown_as_finished(tmp_path, caplog):
    out = tmp_path / "r.zarr"
    maps = write_result(out)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(out)], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout.readline() == "writing\n"
        with pytest.raises(DataError, match=rf"another run \(process {run.pid} on .*\) is writing"):
            make_writer(out, overwrite=True)
        run.send_signal(signal.SIGKILL)
    assert own_attributes(partial_path(out))["status"] == "running"
    with pytest.raises(DataError, match=r"is not finished \(status 'running'\)"):
        open_result(partial_path(out))
    np.testing.assert_array_equal(open_result(out).mu.values, maps["mu"])

    with caplog.at_level(logging.WARNING):
        new = write_result(out, random_maps(seed=2), overwrite=True)
    assert "left by a run that did not finish" in caplog.text
    np.testing.assert_array_equal(open_result(out).mu.values, new["mu"])
    assert not partial_path(out).exists()


def test_a_result_whose_replacement_was_cut_short_is_put_back(tmp_path, caplog):
    out = tmp_path / "r.zarr"
    maps = write_result(out)
    out.rename(previous_path(out))
    with pytest.raises(DataError, match=r"an interrupted run left it at .*previous'"):
        open_result(out)
    with caplog.at_level(logging.WARNING), pytest.raises(DataError, match="exists already"):
        make_writer(out)
    assert "left the earlier result" in caplog.text
    np.testing.assert_array_equal(stored(out, "amount"), maps["amount"])


def test_an_earlier_result_is_moved_back_when_the_new_one_cannot_be_renamed(tmp_path, monkeypatch):
    out = tmp_path / "r.zarr"
    maps = write_result(out)
    rename = Path.rename

    def refuse_partial(self, target):
        if self.name.endswith(".partial"):
            raise OSError(errno.EACCES, "Permission denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_partial)
    with pytest.raises(DataError, match=r"writing result .* was refused .*Permission denied"):
        write_result(out, random_maps(seed=1), overwrite=True)
    np.testing.assert_array_equal(stored(out, "fraction"), maps["fraction"])
    assert [path.name for path in tmp_path.iterdir()] == ["r.zarr"]


def test_leaving_the_block_without_finish_is_an_error_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(RuntimeError, match=r"was not finished: call finish\(\)"),
        make_writer(tmp_path / "r.zarr"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_result_with_a_slab_missing_cannot_be_finished(tmp_path):
    def incomplete():
        with make_writer(tmp_path / "r.zarr") as writer:
            writer.write_slab(0, 13, **{k: v for k, v in random_maps().items() if k != "amount"})
            writer.write_slab(0, 8, amount=random_maps()["amount"][:8])
            writer.finish()

    with pytest.raises(ValueError, match=r"not complete: .*{'amount': 2}"):
        incomplete()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("start", "stop"), [(1, 4), (0, 3), (4, 14), (4, 4), (-4, 4)])
def test_rows_that_share_a_shard_with_another_slab_are_refused(tmp_path, start, stop):
    with (
        pytest.raises(ValueError, match="no whole slabs of 4 rows of a volume of 13 rows"),
        make_writer(tmp_path / "r.zarr") as writer,
    ):
        writer.write_slab(start, stop)


def test_a_slab_of_the_wrong_shape_is_refused(tmp_path):
    with (
        pytest.raises(ValueError, match=r"amount of this slab has shape \(4, 9, 9\); expected \(4, 9, 11\)"),
        make_writer(tmp_path / "r.zarr") as writer,
    ):
        writer.write_slab(0, 4, amount=np.zeros((4, 9, 9)))


def test_an_unknown_layer_is_refused(tmp_path):
    with pytest.raises(KeyError, match="no layer 'fractions'"), make_writer(tmp_path / "r.zarr") as writer:
        writer.write_slab(0, 4, fractions=np.zeros((4, 9, 11)))


@pytest.mark.parametrize("phases", [(), ("a", "a"), ("a", "mixed")])
def test_phase_names_have_to_be_unique(tmp_path, phases):
    with pytest.raises(ValueError, match="phase names have to be unique"):
        make_writer(tmp_path / "r.zarr", phases=phases)


def test_an_existing_result_is_not_overwritten_unasked(tmp_path):
    out = tmp_path / "r.zarr"
    write_result(out)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(DataError, match=r"r.zarr' exists already; choose another path, or give --overwrite"):
        make_writer(out)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_folder_that_is_no_result_of_ours_is_never_overwritten(tmp_path):
    out = tmp_path / "photos.zarr"
    zarr.create_group(out, zarr_format=3)
    with pytest.raises(DataError, match="not a result of xanesmap and will not be overwritten"):
        make_writer(out, overwrite=True)
    assert (out / "zarr.json").exists()


def test_a_file_at_the_path_is_refused(tmp_path):
    (tmp_path / "r.zarr").write_text("notes", encoding="utf-8")
    with pytest.raises(DataError, match="it is a file; choose another path"):
        make_writer(tmp_path / "r.zarr", overwrite=True)
    assert (tmp_path / "r.zarr").read_text(encoding="utf-8") == "notes"


def test_a_path_without_the_suffix_is_refused_with_a_proposal(tmp_path):
    with pytest.raises(DataError, match=r"has to end in '.zarr', for example '.*result.zarr'"):
        make_writer(tmp_path / "result")


def test_a_path_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"its folder '.*nowhere' does not exist; create the folder"):
        make_writer(tmp_path / "nowhere" / "r.zarr")


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "notes").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"its folder '.*notes' is a file"):
        make_writer(tmp_path / "notes" / "r.zarr")


def test_an_unwritable_folder_is_refused_before_the_work(tmp_path, monkeypatch):
    def read_only(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(destination.tempfile, "mkdtemp", read_only)
    with pytest.raises(DataError, match=r"is not writable \(Read-only file system\); choose another folder"):
        make_writer(tmp_path / "r.zarr")


def test_a_disk_too_small_is_refused_before_the_work_naming_need_and_room(tmp_path, monkeypatch):
    monkeypatch.setattr(destination.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DataError, match=r"may need 0.0186 GB, but 1e-06 GB are free in '.*'; free some space"):
        make_writer(tmp_path / "r.zarr", shape=(64, 64, 64))
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_of_the_size_is_that_of_the_arrays(tmp_path):
    writer = make_writer(tmp_path / "r.zarr")
    assert writer.n_bytes == sum(values.nbytes for values in random_maps().values())


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, r"disk is full while writing result '.*r.zarr' .*may need .* GB, .* GB are free now"),
        (errno.EROFS, r"writing result '.*r.zarr' was refused"),
    ],
)
def test_a_disk_that_fails_during_the_work_is_a_sentence_and_leaves_nothing(tmp_path, monkeypatch, number, text):
    def fail(*_):
        raise OSError(number, "no", "chunk")

    def run():
        with make_writer(tmp_path / "r.zarr") as writer:
            monkeypatch.setattr(zarr.Array, "__setitem__", fail)
            writer.write_slab(0, 13, **random_maps())

    with pytest.raises(DataError, match=text):
        run()
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass_unchanged(tmp_path):
    def run():
        with make_writer(tmp_path / "r.zarr"):
            raise PermissionError(errno.EACCES, "Permission denied", "/data/scan.h5")

    with pytest.raises(PermissionError, match=r"scan\.h5"):
        run()
