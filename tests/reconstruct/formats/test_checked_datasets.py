import os
import threading

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats import checked_datasets
from xanesmap.reconstruct.formats.checked_datasets import CheckedDatasets
from xanesmap.reconstruct.formats.hdf5 import find_on_trail, open_hdf5
from xanesmap.reconstruct.formats.hdf5_links import file_state

VALUES = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "scan").mkdir()
    path = tmp_path / "scan" / "a.h5"
    with h5py.File(path, "w") as file:
        file["deep/img"] = VALUES
    return path


@pytest.fixture
def checks(monkeypatch):
    """Names that were looked for with care, in order."""
    asked = []

    def find(file, name, trail):
        asked.append(name)
        return find_on_trail(file, name, trail)

    monkeypatch.setattr(checked_datasets, "find_on_trail", find)
    return asked


def find(checked, path, name="deep/img"):
    with open_hdf5(path) as file:
        return checked.find(file, name, path=path)[()]


def test_an_unchanged_file_is_checked_once(path, checks):
    checked = CheckedDatasets()
    for _ in range(3):
        np.testing.assert_array_equal(find(checked, path), VALUES)
    assert checks == ["deep/img"]


def test_a_file_that_was_written_to_is_checked_again(path, checks):
    checked = CheckedDatasets()
    find(checked, path)
    with h5py.File(path, "a") as file:
        file["deep/img"][0] = 7
    assert np.all(find(checked, path)[0] == 7)
    find(checked, path)
    assert checks == ["deep/img"] * 2


def test_another_file_of_the_same_size_and_time_is_checked_again(path, checks):
    checked = CheckedDatasets()
    find(checked, path)
    times = path.stat()
    other = path.with_name("b.h5")
    other.write_bytes(path.read_bytes())
    other.replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    find(checked, path)
    assert checks == ["deep/img"] * 2


@pytest.mark.parametrize("part", ["deep", "deep/img"])
def test_a_link_out_of_the_folder_put_in_later_is_refused(path, part):
    outside = path.parent.parent / "outside.h5"
    outside.write_bytes(path.read_bytes())
    checked = CheckedDatasets()
    find(checked, path)
    with h5py.File(path, "a") as file:
        del file[part]
        file[part] = h5py.ExternalLink("../outside.h5", f"/{part}")
    with pytest.raises(DataError, match=r"'deep/img' is kept in .*outside the folder of the scan"):
        find(checked, path)


def test_chunks_lost_later_are_noticed(path):
    checked = CheckedDatasets()
    find(checked, path)
    with h5py.File(path, "a") as file:
        del file["deep/img"]
        file.create_dataset("deep/img", shape=VALUES.shape, dtype=VALUES.dtype, chunks=(1, 3, 4))[0] = 1
    with pytest.raises(DataError, match="only 1 of 2 chunks written"):
        find(checked, path)


def test_a_link_into_another_file_is_followed_with_care_once(path, checks):
    with h5py.File(path.with_name("b.h5"), "w") as file:
        file["raw"] = h5py.ExternalLink(path.name, "/deep")
    checked = CheckedDatasets()
    for _ in range(3):
        np.testing.assert_array_equal(find(checked, path.with_name("b.h5"), "raw/img"), VALUES)
    assert checks == ["raw/img"]
    path.unlink()
    with pytest.raises(DataError, match="which does not exist"):
        find(checked, path.with_name("b.h5"), "raw/img")


def chain(path):
    """A file `c.h5` whose dataset is reached through `b.h5`."""
    with h5py.File(path.with_name("b.h5"), "w") as file:
        file["room"] = h5py.ExternalLink(path.name, "/deep")
    with h5py.File(path.with_name("c.h5"), "w") as file:
        file["raw"] = h5py.ExternalLink("b.h5", "/room")
    return path.with_name("c.h5")


@pytest.mark.parametrize("name", ["a.h5", "b.h5", "c.h5"])
def test_every_file_crossed_is_watched_for_links_put_in_later(path, name):
    start = chain(path)
    outside = path.parent.parent / "outside.h5"
    outside.write_bytes(path.read_bytes())
    checked = CheckedDatasets()
    find(checked, start, "raw/img")
    part = {"a.h5": "deep", "b.h5": "room", "c.h5": "raw"}[name]
    with h5py.File(path.with_name(name), "a") as file:
        del file[part]
        file[part] = h5py.ExternalLink("../outside.h5", "/deep")
    with pytest.raises(DataError, match=r"'raw/img' is kept in .*outside the folder of the scan"):
        find(checked, start, "raw/img")


def test_a_crossed_file_that_becomes_a_link_out_of_the_folder_is_refused(path):
    start = chain(path)
    outside = path.parent.parent / "outside.h5"
    checked = CheckedDatasets()
    find(checked, start, "raw/img")
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(DataError, match=r"'raw/img' is kept in .*outside the folder of the scan"):
        find(checked, start, "raw/img")


def test_a_virtual_dataset_is_checked_again_when_a_source_changes(path, checks):
    layout = h5py.VirtualLayout(shape=VALUES.shape, dtype=VALUES.dtype)
    layout[...] = h5py.VirtualSource(path.name, "deep/img", shape=VALUES.shape)
    with h5py.File(path.with_name("b.h5"), "w") as file:
        file.create_virtual_dataset("made", layout)
    checked = CheckedDatasets()
    for _ in range(2):
        np.testing.assert_array_equal(find(checked, path.with_name("b.h5"), "made"), VALUES)
    assert checks == ["made"]
    path.unlink()
    with pytest.raises(DataError, match="which does not exist"):
        find(checked, path.with_name("b.h5"), "made")


def test_values_in_a_raw_file_are_checked_each_time(path, checks, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.with_name("raw.bin").write_bytes(bytes([1, 2, 3, 4]))
    with h5py.File(path, "a") as file:
        file.create_dataset("raw", shape=(4,), dtype="u1", external=[("raw.bin", 0, 4)])
    checked = CheckedDatasets()
    for _ in range(2):
        assert find(checked, path, "raw").tolist() == [1, 2, 3, 4]
    assert checks == ["raw", "raw"]


def test_where_the_system_tells_no_state_every_reading_is_checked(path, checks, monkeypatch):
    monkeypatch.setattr(checked_datasets, "file_state", lambda file: None)
    checked = CheckedDatasets()
    find(checked, path)
    find(checked, path)
    assert checks == ["deep/img"] * 2


def test_threads_share_what_was_checked(path):
    checked, read = CheckedDatasets(), []
    threads = [threading.Thread(target=lambda: read.append(find(checked, path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 8
    assert all(np.array_equal(values, VALUES) for values in read)


def test_the_state_is_that_of_the_open_file(path):
    with open_hdf5(path) as file:
        state = file_state(file)
        path.replace(path.with_name("b.h5"))
        path.write_bytes(b"another")
        assert file_state(file)[:3] == state[:3]
