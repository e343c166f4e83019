"""OLE containers: streams, fragmented or not, and what is said about damaged ones."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.ole import find_extent, has_stream, is_ole, open_ole, read_bytes, read_values

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
        container.fat[2] = 1
        loop = find_extent(container, "A/Large", path=path)
    assert loop.runs[:, 1].sum() == len(LARGE)  # a chain that turns back on itself ends where the stream does


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
