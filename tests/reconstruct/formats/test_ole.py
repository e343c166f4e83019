"""OLE containers: streams, fragmented or not, and what is said about damaged ones."""

import struct

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.ole import find_extent, has_stream, is_ole, open_ole, read_bytes, read_values

LARGE = np.random.default_rng(1).integers(0, 256, 20_011, dtype=np.uint8).tobytes()
OTHER = np.random.default_rng(2).integers(0, 256, 9_000, dtype=np.uint8).tobytes()
STREAMS = {"A/Large": LARGE, "A/Other": OTHER, "B/Numbers": np.arange(5, dtype="<f4").tobytes() + b"xy", "B/Empty": b""}


def read_pieces(path, pieces):
    with path.open("rb") as file:
        return b"".join((file.seek(offset), file.read(length))[1] for offset, length in pieces)


@pytest.mark.parametrize("fragment_seed", [None, 0, 7])
def test_any_bytes_of_a_stream_are_found_without_reading_it(tmp_path, write_ole, fragment_seed):
    path = write_ole(tmp_path / "a", STREAMS, fragment_seed=fragment_seed)
    with open_ole(path) as container:
        extents = {name: find_extent(container, name, path=path) for name in ("A/Large", "A/Other")}
    assert (len(extents["A/Large"].runs) > 1) == (fragment_seed is not None)
    rng = np.random.default_rng(3)
    for name, extent in extents.items():
        content = STREAMS[name]
        assert extent.n_bytes == len(content) == extent.runs[:, 1].sum()
        assert read_pieces(path, extent.pieces(0, len(content))) == content
        for start, stop in np.sort(rng.integers(0, len(content), (50, 2)), axis=1):
            assert read_pieces(path, extent.pieces(start, stop)) == content[start:stop]


def test_values_are_numbers_of_the_type_asked_for(tmp_path, write_ole):
    path = write_ole(tmp_path / "a", STREAMS)
    with open_ole(path) as container:
        np.testing.assert_array_equal(read_values(container, "B/Numbers", "<f4"), np.arange(5))
        assert read_values(container, "B/Nothing", "<f4").size == 0
        assert read_bytes(container, "B/Empty") == b""
        assert has_stream(container, "b/numbers")
        assert not has_stream(container, "B/Numbers/More")
        for name in ("B/Numbers", "C/None"):
            with pytest.raises(DataError, match=f"stream '{name}' is (22 bytes long|missing); an image is expected"):
                find_extent(container, name, path=path)


def test_a_stream_that_is_not_all_in_the_file_is_refused(tmp_path, write_ole):
    path = write_ole(tmp_path / "a", STREAMS)
    with open_ole(path) as container:
        container.fat[2] = 0xFFFFFFFE
        with pytest.raises(DataError, match=r"a: stream 'A/Large' of 20011 bytes is not all in the file"):
            find_extent(container, "A/Large", path=path)
        for back_to in (0, 1, 2):  # would give some bytes twice
            container.fat[2] = back_to
            with pytest.raises(DataError, match=r"a: stream 'A/Large' of 20011 bytes is not all in the file"):
                find_extent(container, "A/Large", path=path)


def write_words(path, **words):
    """Overwrite unsigned 32-bit numbers of a file; names are `at_` and the place."""
    content = bytearray(path.read_bytes())
    for place, word in words.items():
        struct.pack_into("<I", content, int(place.removeprefix("at_")), word)
    path.write_bytes(content)


def word_at(path, place):
    return struct.unpack_from("<I", path.read_bytes(), place)[0]


def test_a_small_stream_whose_sectors_lead_back_to_one_another_does_not_hang(tmp_path, write_ole):
    path = write_ole(tmp_path / "a", STREAMS)
    mini_fat, table = word_at(path, 0x3C), 512 * (1 + word_at(path, 0x4C))
    write_words(path, **{f"at_{table + 4 * mini_fat}": mini_fat, "at_64": 0x7FFFFFFF})
    with pytest.raises(DataError, match=r"a: .*a stream of \d+ bytes in a file of \d+"), open_ole(path) as container:
        read_bytes(container, "B/Numbers")


def test_a_table_of_sectors_that_leads_back_to_itself_does_not_hang(tmp_path, write_ole):
    path = write_ole(tmp_path / "a", STREAMS)
    n_fat = 109 + 127 * 10_000_000
    write_words(path, at_44=n_fat, at_68=0, at_72=10_000_000, **{f"at_{512 + 508}": 0, "at_512": 0xFFFFFFFF})
    with pytest.raises(DataError, match=rf"a: .*a table of {n_fat} sectors where \d+ would do"), open_ole(path):
        pass


def test_a_container_is_told_by_its_first_bytes(tmp_path, write_ole):
    assert is_ole(write_ole(tmp_path / "a.txt", STREAMS))
    (tmp_path / "b.xrm").write_text("moved to tape")
    assert not is_ole(tmp_path / "b.xrm")
    assert not is_ole(tmp_path / "none")
    assert not is_ole(tmp_path)


def test_damaged_containers_are_refused_in_our_words(tmp_path, write_ole):
    whole = write_ole(tmp_path / "a", STREAMS).read_bytes()
    (tmp_path / "short").write_bytes(whole[:700])
    (tmp_path / "text").write_text("moved to tape")
    for name in ("short", "text"):
        with pytest.raises(DataError, match=rf"{name}: cannot be read as an OLE container"), open_ole(tmp_path / name):
            pass
    with pytest.raises(DataError, match="there is no such file"), open_ole(tmp_path / "none"):
        pass
