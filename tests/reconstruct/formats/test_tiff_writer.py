"""Scans written as TIFF files come back as they were."""

import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_scan import is_tiff_scan, open_tiff_scan
from xanesmap.reconstruct.formats.tiff_writer import write_tiff
from xanesmap.reconstruct.readers import open_scan

ENERGIES = (7100.0, 7112.0, 7130.5)
ANGLES = np.linspace(0.0, 180.0, 11)


@pytest.fixture
def source(tmp_path):
    """A scan of single frames to write again; three flats, as a colour image has three planes."""
    rng = np.random.default_rng(0)
    for energy in ENERGIES:
        for kind, n in (("projection", 11), ("flat", 3), ("dark", 4)):
            (tmp_path / "in" / f"{energy}").mkdir(parents=True, exist_ok=True)
            for i in range(n):
                frame = rng.integers(0, 4000, (6, 8), dtype=np.uint16)
                tifffile.imwrite(tmp_path / "in" / f"{energy}" / f"{kind}_{i}.tif", frame)
    lines = [f"{energy},{energy!r},32.5,2" for energy in ENERGIES]
    (tmp_path / "in" / "energies.csv").write_text("\n".join(["name,energy_ev,pixel_size_nm,binning", *lines]))
    (tmp_path / "in" / "angles.csv").write_text("angle_deg\n" + "\n".join(map(str, ANGLES)))
    return open_tiff_scan(tmp_path / "in")


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_written_comes_back(tmp_path, source, times):
    out = tmp_path / "out"
    out.mkdir()
    for _ in range(times):  # a second time replaces the first
        for i, tomogram in enumerate(source):
            write_tiff(out / f"tomo_{i + 1:04d}.tif", tomogram)
    assert is_tiff_scan(out)
    scan = open_scan(out)
    np.testing.assert_array_equal(scan.energies_ev, ENERGIES)
    assert (scan.pixel_size_nm, scan.notes) == (32.5, ())
    for written, original in zip(scan.tomograms, source, strict=True):
        np.testing.assert_allclose(written.angles_rad, original.angles_rad)
        assert (written.time_s, written.binning) == (original.time_s, 2)
        frames, expected = written.read_rows(1, 5), original.read_rows(1, 5)
        for name in ("projections", "flats", "darks"):
            np.testing.assert_array_equal(getattr(frames, name), getattr(expected, name))


def test_writing_where_nothing_can_be_written_is_refused(tmp_path, source):
    with pytest.raises(DataError, match=r"none/a\.tif: cannot be written"):
        write_tiff(tmp_path / "none" / "a.tif", source[0])
