"""Chains of TIFF pages that have no end, or break off."""

import struct

import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats import tiff_chain
from xanesmap.reconstruct.formats.tiff_frames import find_frames

IMAGES = np.random.default_rng(0).integers(0, 60000, (5, 31, 40), dtype=np.uint16)


def page_offsets(path):
    with tifffile.TiffFile(path) as file:
        return [page.offset for page in file.pages], file.tiff


def link(path, page, target):
    """Let a page name another as the one behind it."""
    offsets, tiff = page_offsets(path)
    content = bytearray(path.read_bytes())
    (n_tags,) = struct.unpack_from(tiff.tagnoformat, content, offsets[page])
    place = offsets[page] + tiff.tagnosize + n_tags * tiff.tagsize
    struct.pack_into(tiff.offsetformat, content, place, offsets[target])
    path.write_bytes(content)


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"imagej": True}])
@pytest.mark.parametrize(("page", "target"), [(4, 0), (4, 4), (2, 1), (0, 0)])
def test_pages_that_lead_back_to_one_another_are_refused(tmp_path, options, page, target):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES, photometric="minisblack", **options)
    link(path, page, target)
    with pytest.raises(DataError, match=rf"a\.tif: page {page + 1} leads back to page {target + 1}, so that .* no end"):
        find_frames(path)


def test_pages_that_lead_back_late_are_refused_as_well(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((300, 4, 4), np.uint8), photometric="minisblack", metadata=None)
    assert len(find_frames(path)) == 300
    link(path, 299, 250)
    with pytest.raises(DataError, match=r"a\.tif: page 300 leads back to page 251"):
        find_frames(path)


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}])
@pytest.mark.parametrize("page", [0, 3])
@pytest.mark.parametrize("place", ["tags", "next page"])
def test_pages_that_are_not_in_the_file_are_missed(tmp_path, options, page, place):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES, photometric="minisblack", **options)
    offsets, tiff = page_offsets(path)
    content = bytearray(path.read_bytes())
    (n_tags,) = struct.unpack_from(tiff.tagnoformat, content, offsets[page])
    if place == "tags":
        format, where = tiff.tagnoformat, offsets[page]
    else:
        format, where = tiff.offsetformat, offsets[page] + tiff.tagnosize + n_tags * tiff.tagsize
    struct.pack_into(format, content, where, 256 ** struct.calcsize(format) - 1)
    path.write_bytes(content)
    lost = page + 1 if place == "tags" else page + 2
    with pytest.raises(DataError, match=rf"a\.tif: cannot be read as TIFF \(page {lost} is not in the file\)"):
        find_frames(path)


def test_more_pages_than_a_scan_has_frames_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGES, photometric="minisblack")
    monkeypatch.setattr(tiff_chain, "MAX_PAGES", 5)
    assert len(find_frames(path)) == 5
    monkeypatch.setattr(tiff_chain, "MAX_PAGES", 4)
    with pytest.raises(DataError, match=r"a\.tif: has more than 4 pages"):
        find_frames(path)
