"""A short run of the fuzz benchmark on synthetic files: read or refused in our words, quickly, in little memory."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile

from xanesmap.reconstruct.formats.tiff_frames import find_frames, find_frames_alike
from xanesmap.reconstruct.formats.tiff_scan import open_tiff_scan
from xanesmap.spectra.reference import load_reference

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
ENERGIES = np.arange(7000.0, 7300.0, 2.0)
MU = 0.4 + 0.5 * (1.0 + np.tanh((ENERGIES - 7120.0) / 2.0))


@pytest.fixture(scope="module")
def try_damaged():
    spec = importlib.util.spec_from_file_location("file_mutations", BENCHMARKS / "file_mutations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.try_damaged


def read_pages(path):
    for frame in find_frames(path):
        frame.read_rows(0, 4)


def tiff(n_pages=4, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, np.ones((n_pages, 32, 40), np.uint16), photometric="minisblack", **options)
    return file.getvalue()


def read_scan(path):
    """Read the scan of a damaged table; its other files are sound."""
    for name, content in SOUND.items():
        if name != path.name:
            path.with_name(name).write_bytes(content)
    for tomogram in open_tiff_scan(path.parent):
        tomogram.read_rows(0, 4)


def read_single_pages(path):
    """Read a folder of single pages, the second of which is damaged."""
    path.with_name("sound.tif").write_bytes(tiff(1))
    frames = find_frames_alike([path.with_name("sound.tif"), path])
    for frame in (*frames, *frames):
        frame.read_rows(0, 4)


def table():
    return "\n".join(["# energy mu", *(f"{e:.2f} {v:.6f}" for e, v in zip(ENERGIES, MU, strict=True))]).encode()


def project():
    arrays = [",".join(f"'{value:.5f}'" for value in values) for values in (ENERGIES, MU)]
    args = "'is_xmu',1,'label','foil','titles',['a [b]'],'bkg_eshift','1.5'"
    lines = ["# Athena project file -- Demeter", "$old_group = 'a';", f"@args = ({args});"]
    return "\n".join([*lines, f"@x = ({arrays[0]});", f"@y = ({arrays[1]});", "[record]"]).encode()


SOUND = {
    "energies.csv": b"name,energy_ev,pixel_size_nm\na.tif,7112.0,32.5\nb.tif,7114.0,32.5\n",
    "angles.csv": b"angle_deg\n0\n20\n40\n60\n80\n100\n120\n140\n160\n",
    "a.tif": tiff(9),
    "b.tif": tiff(9),
}


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("a.tif", tiff(), read_pages),
        ("a.tif", tiff(compression="zlib"), read_pages),
        ("a.tif", tiff(bigtiff=True, tile=(16, 16)), read_pages),
        ("a.tif", tiff(1), read_single_pages),
        ("energies.csv", SOUND["energies.csv"], read_scan),
        ("angles.csv", SOUND["angles.csv"], read_scan),
        ("a.txt", table(), lambda path: load_reference(path, name="x")),
        ("a.prj", project(), lambda path: load_reference(path, name="x")),
    ],
)
def test_damaged_files_are_read_or_refused(tmp_path, try_damaged, name, content, read):
    found = try_damaged(content, tmp_path / name, read, n=100)
    assert_in_our_words(found)
    assert found["read"] > 0 or not name.endswith(".csv")


def assert_in_our_words(found):
    assert [key for key in found if key.startswith("crashed")] == []
    assert found["slow"] == 0
    assert found["peak MB"] <= 500
    assert found["refused"] > 0
