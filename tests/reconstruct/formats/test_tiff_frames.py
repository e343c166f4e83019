"""Pages of TIFF files: rows read lazily from every flavour, and damaged files refused."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_frames import find_frames, find_frames_alike, find_tiffs

IMAGES = np.random.default_rng(0).integers(0, 60000, (5, 31, 40), dtype=np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize(
    ("options", "is_lazy"),
    [
        ({}, True),
        ({"byteorder": ">"}, True),
        ({"bigtiff": True}, True),
        ({"rowsperstrip": 4}, True),
        ({"compression": "zlib"}, False),
        ({"tile": (16, 16)}, False),
    ],
)
def test_rows_of_every_flavour_are_those_written(tmp_path, dtype, options, is_lazy):
    images = IMAGES.astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, images, photometric="minisblack", **options)
    frames = find_frames(path)
    assert len(frames) == 5
    for frame, image in zip(frames, images, strict=True):
        assert (frame.place.found[1] is not None) == is_lazy
        rows = frame.read_rows(3, 20)
        np.testing.assert_array_equal(rows, image[3:20])
        assert rows.dtype == np.dtype(dtype)


def test_a_stack_of_imagej_is_found_whole(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES, imagej=True)
    np.testing.assert_array_equal(np.stack([frame.read_rows(0, 31) for frame in find_frames(path)]), IMAGES)


def test_single_pages_in_many_files_are_opened_when_they_are_read(tmp_path):
    paths = [tmp_path / f"{i}.tif" for i in range(5)]
    for path, image in zip(paths, IMAGES, strict=True):
        tifffile.imwrite(path, image)
    frames = find_frames_alike(paths)
    np.testing.assert_array_equal(np.stack([frame.read_rows(5, 9) for frame in frames]), IMAGES[:, 5:9])
    tifffile.imwrite(paths[3], IMAGES[3, :, :20])
    with pytest.raises(DataError, match=r"3\.tif: page 1 has 31 x 20 pixels of uint16; 31 x 40 pixels of uint16"):
        frames[3].read_rows(0, 1)
    tifffile.imwrite(paths[2], IMAGES[4], description="not alike")
    np.testing.assert_array_equal(frames[2].read_rows(5, 9), IMAGES[4, 5:9])
    paths[4].write_bytes(b"")
    with pytest.raises(DataError, match=r"4\.tif: cannot be read as TIFF"):
        frames[4].read_rows(0, 1)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def truncated_page(path):
    tifffile.imwrite(path, IMAGES[0])
    truncated(path)


def not_tiff(path):
    path.write_text("moved to tape")


def colour(path):
    tifffile.imwrite(path, np.zeros((8, 9, 3), np.uint8), photometric="rgb")


def complex_numbers(path):
    tifffile.imwrite(path, np.zeros((8, 9), np.complex64))


def two_sizes(path):
    with tifffile.TiffWriter(path) as file:
        file.write(IMAGES[0])
        file.write(IMAGES[0, :10])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, r"a\.tif: cannot be read as TIFF"),
        (truncated_page, r"a\.tif: ends within page 1 of 1"),
        (not_tiff, r"a\.tif: cannot be read as TIFF"),
        (colour, r"a\.tif: its image has shape \(8, 9, 3\) of uint8; grey-scale"),
        (complex_numbers, r"of complex64; grey-scale"),
        (two_sizes, r"page 2 has shape \(10, 40\) of uint16, page 1 \(31, 40\)"),
        (lambda path: path.unlink(), "cannot be read as TIFF"),
    ],
)
def test_files_that_hold_no_frames_are_refused(tmp_path, spoil, words):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES, photometric="minisblack")
    spoil(path)
    with pytest.raises(DataError, match=words):
        find_frames(path)


def test_a_file_that_shrinks_or_goes_after_it_was_opened_is_told(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES[0])
    (frame,) = find_frames(path)
    truncated(path)
    with pytest.raises(DataError, match="ends within page 1"):
        frame.read_rows(0, 31)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.tif: cannot be read \(No such file"):
        frame.read_rows(0, 31)


def test_hidden_files_and_folders_are_no_frames(tmp_path):
    for name in ("b.TIFF", "a.tif", "._a.tif", "c.csv"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.tif").mkdir()
    assert {path.name for path in find_tiffs(tmp_path)} == {"a.tif", "b.TIFF"}


def test_remarks_of_tifffile_do_not_reach_the_terminal(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES[0])
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff\xff\xff\x7f" + content[8:])
    code = f"""
from pathlib import Path
from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_frames import find_frames
try:
    find_frames(Path({str(path)!r}))
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "cannot be read as TIFF" in done.stdout
    assert done.stderr == ""


def test_a_single_page_beyond_the_end_of_its_file_is_refused(tmp_path):
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for path, image in zip(paths, IMAGES, strict=False):
        tifffile.imwrite(path, image, bigtiff=True)
    first, second = find_frames_alike(paths)
    with tifffile.TiffFile(paths[1], mode="r+") as file:
        file.pages[0].tags["StripOffsets"].overwrite(2**62)
    np.testing.assert_array_equal(first.read_rows(0, 31), IMAGES[0])
    with pytest.raises(DataError, match=r"b\.tif: ends within page 1"):
        second.read_rows(0, 1)
