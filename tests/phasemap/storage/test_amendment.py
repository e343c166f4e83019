import json
import os

import numpy as np
import pytest
import zarr

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage import amendment
from xanesmap.phasemap.storage.amendment import Amendment, read_table
from xanesmap.phasemap.storage.destination import partial_path, previous_path
from xanesmap.phasemap.storage.layers import layer_named
from xanesmap.phasemap.storage.result_store import ResultWriter

SHAPE = (5, 6, 7)


@pytest.fixture
def result(tmp_path):
    """A finished result with one table."""
    path = tmp_path / "a.zarr"
    writer = ResultWriter(
        path,
        shape=SHAPE,
        phases=("LiFePO4", "FePO4"),
        energies_ev=[7100.0, 7150.0],
        pixel_size_um=0.1,
        slab_rows=2,
        keep_mu=True,
        attributes={"warnings": ["kept"]},
    )
    with writer:
        for start in range(0, SHAPE[0], 2):
            stop = min(start + 2, SHAPE[0])
            rows = (stop - start, *SHAPE[1:])
            two, one = np.full((2, *rows), 0.5, np.float32), np.ones(rows, np.float32)
            writer.write_slab(
                start,
                stop,
                fraction=two,
                fraction_sigma=two,
                mu=two,
                amount=one,
                amount_sigma=one,
                residual=one,
                mask=one.astype(np.uint8),
                phase_labels=one.astype(np.uint8),
            )
        writer.add_table("phases", ["phase"], [["old"]])
        writer.add_table("other", ["a (um)"], [[1.5]])
        writer.finish()
    return path


def contents(path):
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def amend(path, **settings):
    """Replace the phase labels, the table of phases and a surface."""
    with Amendment(path) as change:
        change.replace_labels(layer_named("phase_labels"), np.full(SHAPE, 2, np.uint8))
        change.replace_labels(layer_named("particle_labels"), np.full(SHAPE, 7, np.int32))
        change.add_table("phases", ["phase", "volume (um^3)"], [["new", np.float64(1 / 3)]])
        change.add_surface("front", {"vertices": (np.ones((3, 3), np.float32), "um"), "faces": (np.zeros((0, 3)), "1")})
        change.finish({"segmentation": {"method": "threshold"}, **settings})


def spoil(path):
    """Fail in the middle of a change."""
    with Amendment(path) as change:
        change.replace_labels(layer_named("phase_labels"), np.zeros(SHAPE, np.uint8))
        change.add_table("phases", ["phase"], [["half done"]])
        change.remove("tables/other.csv")
        change.remove("mu")
        raise ZeroDivisionError


def test_labels_tables_and_surfaces_are_replaced_and_the_rest_stays(result):
    mu = open_result(result).mu.values
    amend(result)
    changed = open_result(result)
    assert (changed.phase_labels.values == 2).all()
    assert (changed.particle_labels.values == 7).all()
    np.testing.assert_array_equal(changed.mu.values, mu)
    assert changed.warnings == ("kept",)
    assert changed.attributes["segmentation"] == {"method": "threshold"}
    assert changed.attributes["status"] == "finished"
    assert "process" not in changed.attributes
    assert read_table(result, "phases") == {"phase": ["new"], "volume (um^3)": ["0.333333"]}
    assert read_table(result, "other") == {"a (um)": ["1.5"]}
    assert read_table(result, "none") == {}
    surface = zarr.open_group(result / "surfaces" / "front", mode="r")
    assert surface["vertices"].attrs["units"] == "um"
    assert surface["faces"].shape == (0, 3)
    labels = json.loads((result / "labels" / "zarr.json").read_text())["attributes"]["ome"]["labels"]
    assert labels == ["particle", "phase"]
    assert not partial_path(result).exists()
    assert not previous_path(result).exists()


def test_a_result_can_be_amended_again(result):
    amend(result)
    amend(result, label_threshold=0.8)
    assert open_result(result).attributes["label_threshold"] == 0.8


def test_a_failure_leaves_the_result_as_it_was(result):
    before = contents(result)
    with pytest.raises(ZeroDivisionError):
        spoil(result)
    assert contents(result) == before
    assert not partial_path(result).exists()
    with pytest.raises(RuntimeError, match=r"call finish\(\)"), Amendment(result):
        pass
    assert contents(result) == before


def test_arrays_that_stay_are_not_copied(result):
    before = {
        file: file.stat().st_ino for file in (result / "mu").rglob("*") if file.is_file() and file.name != "zarr.json"
    }
    assert before
    amend(result)
    assert {file: file.stat().st_ino for file in before} == before


def test_without_hard_links_files_are_copied(result, monkeypatch):
    link = os.link

    def refuse(source, target):
        if ".partial" not in str(source):  # zarr itself writes with links
            raise OSError
        link(source, target)

    monkeypatch.setattr(amendment.os, "link", refuse)
    mu = open_result(result).mu.values
    amend(result)
    np.testing.assert_array_equal(open_result(result).mu.values, mu)


def test_a_folder_that_is_no_result_is_refused(tmp_path):
    folder = tmp_path / "b.zarr"
    folder.mkdir()
    (folder / "file").write_text("mine")
    with pytest.raises(DataError, match="not a result of xanesmap"):
        Amendment(folder)
