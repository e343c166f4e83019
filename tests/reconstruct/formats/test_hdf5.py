import gc

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats import hdf5_storage
from xanesmap.reconstruct.formats.hdf5 import find_dataset, look_up, open_hdf5, read_attribute, read_scalar, read_vector


@pytest.fixture
def values():
    return np.arange(24, dtype=np.uint16).reshape(2, 3, 4)


def write(path, **datasets):
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            file[name] = value
    return path


def read(path, name="img"):
    with open_hdf5(path) as file:
        return find_dataset(file, name, path=path)[()]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"none\.h5: there is no such file"), open_hdf5(tmp_path / "none.h5"):
        pass


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n"])
def test_what_is_not_hdf5_is_told(tmp_path, content):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.h5: cannot be read as HDF5 .*copy it again"), open_hdf5(path):
        pass


@pytest.mark.parametrize("portion", [0.2, 0.5, 0.95])
def test_a_truncated_file_is_told(tmp_path, portion):
    path = write(tmp_path / "a.h5", img=np.zeros((50, 40, 40)))
    content = path.read_bytes()
    path.write_bytes(content[: int(portion * len(content))])
    with pytest.raises(DataError, match=r"a\.h5: cannot be read as HDF5"), open_hdf5(path):
        pass


def test_a_damaged_chunk_is_told_on_reading(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("img", data=np.arange(4000), chunks=(4000,), compression="gzip")
        chunk = file["img"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    with pytest.raises(DataError, match=r"a\.h5: cannot be read as HDF5"):
        read(path)


def test_a_missing_dataset_is_named_and_the_others_listed(tmp_path):
    path = write(tmp_path / "a.h5", angle=1.0, X_eng=7.1)
    with pytest.raises(DataError, match=r"'img' is missing; the file holds X_eng, angle"):
        read(path)


def test_a_group_is_no_dataset(tmp_path):
    path = write(tmp_path / "a.h5", **{"img/inner": 1.0})
    with pytest.raises(DataError, match="'img' is not a dataset"):
        read(path)


def test_an_external_link_within_the_folder_is_followed(tmp_path, values, monkeypatch):
    write(tmp_path / "raw.h5", img=values)
    path = write(tmp_path / "a.h5", img=h5py.ExternalLink("raw.h5", "/img"))
    np.testing.assert_array_equal(read(path), values)
    monkeypatch.chdir(tmp_path.parent)
    np.testing.assert_array_equal(read(path.relative_to(tmp_path.parent)), values)


def test_an_external_link_out_of_the_folder_is_refused(tmp_path, values):
    secret = write(tmp_path / "elsewhere" / "raw.h5", img=values)
    for target in (str(secret), "../elsewhere/raw.h5"):
        path = write(tmp_path / "scan" / "a.h5", img=h5py.ExternalLink(target, "/img"))
        with pytest.raises(DataError, match="outside the folder of the scan, and is not followed"):
            read(path)


def test_a_soft_link_through_an_external_link_is_refused(tmp_path, values):
    write(tmp_path / "elsewhere" / "raw.h5", img=values)
    path = write(
        tmp_path / "scan" / "a.h5",
        door=h5py.ExternalLink("../elsewhere/raw.h5", "/"),
        img=h5py.SoftLink("/door/img"),
    )
    with pytest.raises(DataError, match="outside the folder of the scan"):
        read(path)


@pytest.mark.parametrize(
    ("target", "words"), [("../elsewhere/raw.h5", "outside the folder"), ("gone.h5", "which does not exist")]
)
def test_a_virtual_dataset_is_refused_where_its_values_are_not_at_hand(tmp_path, values, target, words):
    write(tmp_path / "elsewhere" / "raw.h5", img=values)
    path = write(tmp_path / "scan" / "a.h5")
    layout = h5py.VirtualLayout(shape=values.shape, dtype=values.dtype)
    layout[...] = h5py.VirtualSource(target, "img", shape=values.shape)
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("img", layout)
    with pytest.raises(DataError, match=words):
        read(path)


def test_a_virtual_dataset_within_the_folder_is_read(tmp_path, values):
    write(tmp_path / "raw.h5", img=values)
    path = write(tmp_path / "a.h5")
    layout = h5py.VirtualLayout(shape=values.shape, dtype=values.dtype)
    layout[...] = h5py.VirtualSource("raw.h5", "img", shape=values.shape)
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("img", layout)
    np.testing.assert_array_equal(read(path), values)


def test_raw_external_storage_out_of_the_folder_is_refused(tmp_path):
    raw = tmp_path / "elsewhere.bin"
    raw.write_bytes(bytes(16))
    path = write(tmp_path / "scan" / "a.h5")
    with h5py.File(path, "a") as file:
        file.create_dataset("img", shape=(16,), dtype="u1", external=[(str(raw), 0, 16)])
    with pytest.raises(DataError, match="outside the folder"):
        read(path)


@pytest.mark.parametrize(
    ("stored", "expected"), [(7.1, 7.1), (np.array([7.1]), 7.1), (3, 3), ("20.3nm", "20.3nm"), (b"x", "x")]
)
def test_single_values_are_read_as_numbers_or_text(tmp_path, stored, expected):
    path = write(tmp_path / "a.h5", value=stored)
    with open_hdf5(path) as file:
        assert read_scalar(file, "value", path=path) == expected


@pytest.mark.parametrize("stored", [np.zeros(0), np.zeros(2), h5py.Empty("f8"), "x" * 501, b"x" * 5000])
def test_several_values_or_none_are_refused_where_one_is_expected(tmp_path, stored):
    path = write(tmp_path / "a.h5", value=stored)
    with open_hdf5(path) as file, pytest.raises(DataError, match=r"where one (value )?is expected"):
        read_scalar(file, "value", path=path)


def test_no_file_outside_is_opened_on_the_way_through_a_linked_group(tmp_path, values):
    write(tmp_path / "elsewhere" / "raw.h5", **{"entry/img": values})
    path = write(tmp_path / "scan" / "a.h5", entry=h5py.ExternalLink("../elsewhere/raw.h5", "/entry"))
    with pytest.raises(DataError, match=r"'entry/img' is kept in .*outside the folder of the scan"):
        read(path, "entry/img")


def test_a_link_to_a_file_that_links_out_of_the_folder_is_refused(tmp_path, values):
    write(tmp_path / "elsewhere" / "raw.h5", img=values)
    write(tmp_path / "scan" / "door.h5", room=h5py.ExternalLink("../elsewhere/raw.h5", "/"))
    path = write(tmp_path / "scan" / "a.h5", img=h5py.ExternalLink("door.h5", "/room/img"))
    with pytest.raises(DataError, match="outside the folder of the scan"):
        read(path)


def test_values_behind_several_links_are_found_and_stay_readable(tmp_path, values):
    write(tmp_path / "raw.h5", **{"deep/img": values}, soft=h5py.SoftLink("deep/img"))
    path = write(tmp_path / "a.h5", door=h5py.ExternalLink("raw.h5", "/"), img=h5py.SoftLink("/door/soft"))
    with open_hdf5(path) as file:
        found = find_dataset(file, "img", path=path)
        gc.collect()
        np.testing.assert_array_equal(found[1:], values[1:])


@pytest.mark.parametrize("target", ["/img", "/img/img/img", "/other"])
def test_links_in_circles_are_refused(tmp_path, target):
    path = write(tmp_path / "a.h5", img=h5py.SoftLink(target), other=h5py.ExternalLink("a.h5", "/img"))
    with pytest.raises(DataError, match="'img' is reached through more than 16 links"):
        read(path)


def test_a_virtual_dataset_of_itself_is_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    layout = h5py.VirtualLayout(shape=(4,), dtype="u2")
    layout[...] = h5py.VirtualSource(".", "img", shape=(4,))
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("img", layout)
    with pytest.raises(DataError, match="virtual dataset made of itself"):
        read(path)


def test_values_that_were_never_written_are_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.create_dataset("img", shape=(2**40, 2**20), dtype="u2")
        file.create_dataset("half", shape=(10, 4), dtype="u2", chunks=(1, 4))[:7] = 1
        file.create_dataset("none", shape=(0, 4), dtype="u2")
    with pytest.raises(DataError, match=r"'img' \(1099511627776, 1048576\) was never written"):
        read(path)
    with pytest.raises(DataError, match=r"'half' \(10, 4\) has only 7 of 10 chunks written"):
        read(path, "half")
    assert read(path, "none").size == 0


def test_a_chunk_too_large_to_read_is_refused(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        images = file.create_dataset("img", shape=(1, 2**14, 2**14), dtype="u2", chunks=(1, 2**14, 2**14))
        images.id.write_direct_chunk((0, 0, 0), b"\0")
    with pytest.raises(DataError, match="chunks of 512 MiB, which are read whole"):
        read(path)


@pytest.mark.parametrize(("stored", "expected"), [(7.1, [7.1]), ([[1, 2]], [1, 2]), (np.float32([3, 4]), [3, 4])])
def test_lists_of_numbers_are_read(tmp_path, stored, expected):
    path = write(tmp_path / "a.h5", angle=stored)
    with open_hdf5(path) as file:
        np.testing.assert_array_equal(read_vector(file, "angle", path=path), expected)


@pytest.mark.parametrize("stored", ["0 to 180", np.zeros((2, 2)), np.zeros(3, dtype=complex), h5py.Empty("f8")])
def test_something_else_is_no_list_of_numbers(tmp_path, stored):
    path = write(tmp_path / "a.h5", angle=stored)
    with open_hdf5(path) as file, pytest.raises(DataError, match=r"'angle' has shape .*a list of numbers"):
        read_vector(file, "angle", path=path)


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("keV", "keV"),
        (b"deg ", "deg"),
        (np.array(["um"], dtype="S2"), "um"),
        (3.5, "3.5"),
        (np.zeros(3), None),
        ("x" * 501, None),
    ],
)
def test_attributes_are_read_as_text(tmp_path, stored, text):
    path = write(tmp_path / "a.h5", value=1.0)
    with h5py.File(path, "a") as file:
        file["value"].attrs["units"] = stored
        assert read_attribute(file["value"], "units") == text
        assert read_attribute(file["value"], "axes") is None


def test_a_source_of_many_virtual_datasets_is_checked_once(tmp_path, values, monkeypatch):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["level0"] = values
        for level in range(1, 16):
            file[f"alias{level - 1}"] = file[f"level{level - 1}"]
            layout = h5py.VirtualLayout(shape=values.shape, dtype=values.dtype)
            for part, name in ((slice(0, 1), "level"), (slice(1, None), "alias")):
                layout[part] = h5py.VirtualSource(".", f"{name}{level - 1}", shape=values.shape)[part]
            file.create_virtual_dataset(f"level{level}", layout)
    checks = []
    require = hdf5_storage.require_sources
    monkeypatch.setattr(hdf5_storage, "require_sources", lambda *a, **k: checks.append(a) or require(*a, **k))
    with open_hdf5(path) as file:
        np.testing.assert_array_equal(find_dataset(file, "level15", path=path)[()], values)
    assert len(checks) == 14


def virtual(path, parts, *, shape, maxshape=None):
    """A virtual dataset `made` of parts: (where it goes, source file, shape taken from it)."""
    layout = h5py.VirtualLayout(shape=shape, dtype="u2", maxshape=maxshape)
    for where, file_name, taken in parts:
        layout[where] = h5py.VirtualSource(file_name, "d", shape=taken)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("made", layout, fillvalue=9)


def source(path, n_frames):
    with h5py.File(path, "w") as file:
        file["d"] = np.ones((n_frames, 2, 3), "u2")


def test_a_virtual_dataset_that_its_sources_do_not_fill_is_refused(tmp_path):
    source(tmp_path / "a.h5", 4)
    virtual(tmp_path / "v.h5", [(slice(0, 4), "a.h5", (4, 2, 3))], shape=(6, 2, 3))
    with pytest.raises(DataError, match=r"v.h5: dataset 'made' .* only 24 of its 36 values come from other datasets"):
        read(tmp_path / "v.h5", "made")


def test_interleaved_sources_fill_a_virtual_dataset(tmp_path):
    for name in ("a.h5", "b.h5"):
        source(tmp_path / name, 3)
    parts = [(slice(start, None, 2), name, (3, 2, 3)) for start, name in enumerate(("a.h5", "b.h5"))]
    virtual(tmp_path / "v.h5", parts, shape=(6, 2, 3))
    assert np.all(read(tmp_path / "v.h5", "made") == 1)


@pytest.mark.parametrize("taken", [(4, 2, 3), (5, 2, 3)])
def test_a_source_shorter_than_what_is_taken_from_it_is_named(tmp_path, taken):
    source(tmp_path / "a.h5", 5)
    layout = h5py.VirtualLayout(shape=(4, 2, 3), dtype="u2")
    layout[...] = h5py.VirtualSource("a.h5", "d", shape=taken)[:4]
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_virtual_dataset("made", layout)
    assert np.all(read(tmp_path / "v.h5", "made") == 1)
    source(tmp_path / "a.h5", 3)
    with pytest.raises(DataError, match=r"'made' takes 24 values from 'd' in a.h5, which has shape \(3, 2, 3\)"):
        read(tmp_path / "v.h5", "made")


def unlimited(path, file_name):
    layout = h5py.VirtualLayout(shape=(4, 2, 3), dtype="u2", maxshape=(None, 2, 3))
    taken = h5py.VirtualSource(file_name, "d", shape=(4, 2, 3), maxshape=(None, 2, 3))
    layout[: h5py.h5s.UNLIMITED] = taken[: h5py.h5s.UNLIMITED]
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("made", layout)


def test_an_unlimited_virtual_dataset_is_read(tmp_path):
    source(tmp_path / "a.h5", 4)
    unlimited(tmp_path / "v.h5", "a.h5")
    assert read(tmp_path / "v.h5", "made").shape == (4, 2, 3)


def test_the_shape_of_an_unlimited_virtual_dataset_is_not_asked_for_outside_the_folder(tmp_path):
    (tmp_path / "scan").mkdir()
    source(tmp_path / "a.h5", 4)
    unlimited(tmp_path / "scan" / "v.h5", "../a.h5")
    with open_hdf5(tmp_path / "scan" / "v.h5") as file:
        for find in (look_up, find_dataset):
            with pytest.raises(DataError, match="outside the folder of the scan"):
                find(file, "made", path=tmp_path / "scan" / "v.h5")


def test_a_long_attribute_is_no_unit(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["units"] = np.zeros(5000)
        assert read_attribute(file, "units") is None
