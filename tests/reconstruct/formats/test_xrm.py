"""Xradia files: energies, angles, pixel size and frames from their own metadata."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.xrm import is_xrm, open_xrm

SHARED = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data" / "tomography" / "tomo_dxchange_xrm"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared Xradia files are not on this machine")

IMAGES = np.random.default_rng(0).integers(0, 4000, (9, 48, 50), dtype=np.uint16)
ANGLES = np.linspace(-60, 60, 9)


@needs_shared
@pytest.mark.parametrize(
    ("name", "energy_ev", "n_images", "shape", "pixel_nm", "has_reference"),
    [
        ("test_chip00.xrm", 7191.05, 1, (512, 512), 77.89, True),
        ("test_chip01.xrm", 7191.05, 1, (512, 512), 77.89, True),
        ("txrm_test_chip_tomo.txrm", 9200.02, 7, (256, 256), 155.79, False),
    ],
)
def test_real_files_give_what_their_provenance_says(name, energy_ev, n_images, shape, pixel_nm, has_reference):
    file = open_xrm(SHARED / name)
    assert is_xrm(SHARED / name)
    assert len(file.frames) == n_images
    # The energy stream of the .txrm holds that of the first image only, and zeros.
    assert [frame.energy_ev for frame in file.frames] == pytest.approx([energy_ev] * n_images, abs=0.01)
    assert all(frame.shape == shape and frame.dtype == np.uint16 for frame in file.frames)
    assert file.pixel_size_nm == pytest.approx(pixel_nm, abs=0.01)
    assert (file.reference is not None) == has_reference
    assert file.notes == ()
    assert 1.4469e9 < file.time_s < 1.4472e9  # 8 and 9 November 2015
    assert file.binning == 2048 // shape[0]


@needs_shared
def test_real_angles_are_in_degrees_and_real_images_show_the_beam():
    file = open_xrm(SHARED / "txrm_test_chip_tomo.txrm")
    np.testing.assert_allclose([frame.angle_deg for frame in file.frames], np.arange(-45, 46, 15), atol=0.02)
    images = np.stack([frame.read_rows(0, 256) for frame in file.frames])
    centre, corner = images[:, 100:156, 100:156].mean(), images[:, :8, :8].mean()
    assert centre > 5 * corner  # a round field of view: lit in the middle, dark in the corners


@pytest.mark.parametrize("fragment_seed", [None, 0])
@pytest.mark.parametrize("dtype", ["<u2", "<f4"])
def test_rows_are_those_written_however_the_container_keeps_them(tmp_path, write_xrm, dtype, fragment_seed):
    images = IMAGES.astype(dtype)
    path = write_xrm(tmp_path / "a.txrm", images, angles=ANGLES, reference=images[0] + 1, fragment_seed=fragment_seed)
    file = open_xrm(path)
    for frame, image, angle in zip(file.frames, images, ANGLES, strict=True):
        np.testing.assert_array_equal(frame.read_rows(0, 48), image)
        np.testing.assert_array_equal(frame.read_rows(17, 40), image[17:40])
        assert frame.read_rows(47, 48).dtype == np.dtype(dtype).newbyteorder("=")
        assert frame.angle_deg == pytest.approx(angle, abs=1e-4)
    np.testing.assert_array_equal(file.reference.read_rows(3, 4), images[0, 3:4] + 1)
    assert file.pixel_size_nm == pytest.approx(32.5)
    assert file.time_s == 1446983888.0


def test_more_than_a_hundred_images_are_found(tmp_path, write_xrm):
    images = np.arange(203, dtype=np.uint16)[:, None, None] * np.ones((1, 50, 50), np.uint16)
    file = open_xrm(write_xrm(tmp_path / "a.txrm", images, angles=np.linspace(0, 180, 203)))
    assert [int(frame.read_rows(0, 1)[0, 0]) for frame in file.frames] == list(range(203))


@pytest.mark.parametrize(
    ("energies", "expected", "noted"),
    [
        ((7112.0,), [7112.0] * 9, 0),
        ((7112.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), [7112.0] * 9, 0),
        ((7.112,), [7112.0] * 9, 1),
        (np.arange(7100.0, 7109.0), list(np.arange(7100.0, 7109.0)), 0),
        ((0, 7112.0), [7112.0] * 9, 0),
        ((), [np.nan] * 9, 0),
        ((0.0, np.nan), [np.nan] * 9, 0),
    ],
)
def test_energies_are_per_image_or_that_of_the_first(tmp_path, write_xrm, energies, expected, noted):
    file = open_xrm(write_xrm(tmp_path / "a.txrm", IMAGES, angles=ANGLES, energies=energies))
    np.testing.assert_allclose([frame.energy_ev for frame in file.frames], expected, atol=1e-3)
    assert len(file.notes) == noted


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"ImageInfo/ImageWidth": None}, r"a\.txrm: not an Xradia image; the container holds ImageData1, ImageInfo"),
        ({"ImageInfo/ImageHeight": struct.pack("<i", 0)}, r"images of 0 x 50 pixels of data type 5"),
        ({"ImageInfo/ImageHeight": struct.pack("<i", 49)}, r"has 4800 bytes, and 49 x 50 pixels of uint16 take 4900"),
        ({"ImageInfo/ImageWidth": struct.pack("<i", 2**31 - 1)}, "has 4800 bytes, and 48 x 2147483647 pixels"),
        ({"ImageInfo/DataType": struct.pack("<i", 7)}, "of data type 7; a size and data type 5"),
        ({"ImageInfo/DataType": b"xy"}, "of data type None"),
        (
            {"ImageInfo/NoOfImages": struct.pack("<i", 10**9), "ImageInfo/ImagesTaken": struct.pack("<i", 10**9)},
            "holds 9 images where 'ImageInfo/NoOfImages' records 1000000000",
        ),
        ({"ImageInfo/NoOfImages": b"", "ImageInfo/ImagesTaken": b""}, "holds 0 images where .* records None"),
        ({"ImageData1/Image4": None}, "holds 3 images where 'ImageInfo/NoOfImages' records 9"),
        ({"ImageData1/Image4": b"short"}, "stream 'ImageData1/Image4' is 5 bytes long; an image is expected"),
        (
            {"ImageInfo/Energy": struct.pack("<f", 71.12)},
            r"'ImageInfo/Energy' is 71\.12; a photon energy of 2 to 30 keV",
        ),
    ],
)
def test_metadata_that_cannot_be_are_refused(tmp_path, write_xrm, extra, words):
    path = write_xrm(tmp_path / "a.txrm", IMAGES, angles=ANGLES, extra=extra)
    with pytest.raises(DataError, match=words) as caught:
        open_xrm(path)
    assert "OLE container" not in str(caught.value)  # said once, not wrapped


def test_a_missing_pixel_size_is_told(tmp_path, write_xrm):
    file = open_xrm(
        write_xrm(tmp_path / "a.xrm", IMAGES[:1], extra={"ImageInfo/PixelSize": None, "ImageInfo/Date": b"?"})
    )
    assert file.pixel_size_nm is None
    assert file.time_s is None
    assert file.notes == ("No usable 'ImageInfo/PixelSize' is recorded.",)


def test_a_file_that_shrinks_or_goes_after_it_was_opened_is_told(tmp_path, write_xrm):
    path = write_xrm(tmp_path / "a.xrm", IMAGES[:1])
    frame = open_xrm(path).frames[0]
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"a\.xrm: became shorter"):
        frame.read_rows(0, 48)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.xrm: cannot be read \(No such file"):
        frame.read_rows(0, 48)


def test_a_mosaic_is_refused(tmp_path, write_xrm):
    tiles = {f"ImageInfo/Mosiac{name}": struct.pack("<i", n) for name, n in (("Mode", 1), ("Columns", 3), ("Rows", 2))}
    path = write_xrm(tmp_path / "a.xrm", np.ones((6, 48, 50), "u2"), extra=tiles)
    with pytest.raises(DataError, match=r"a\.xrm: a mosaic of 3 x 2 images"):
        open_xrm(path)
