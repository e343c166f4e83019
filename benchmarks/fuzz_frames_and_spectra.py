"""Read damaged Xradia, TIFF and spectrum files: each must be read or refused in our words, quickly, in little memory.

    python benchmarks/fuzz_frames_and_spectra.py SHARED_DATA [copies of each file, 2000]

SHARED_DATA is the folder with `spectra/` and `tomography/`. Prints one line per kind of file; exit code 1 on a crash, a
copy slower than 2 s, or more than 500 MB.
"""

import gzip
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from file_mutations import try_damaged

from xanesmap.reconstruct.formats.tiff_frames import find_frames, find_frames_alike
from xanesmap.reconstruct.formats.tiff_scan import open_tiff_scan
from xanesmap.reconstruct.formats.xrm_scan import open_xrm_files
from xanesmap.spectra.reference import load_reference

TIFF_OPTIONS = {
    "tiff": {},
    "tiff zlib": {"compression": "zlib"},
    "tiff imagej": {"imagej": True},
    "tiff big": {"bigtiff": True},
    "tiff tiles": {"tile": (16, 16)},
}
ENERGIES = b"name,energy_ev,pixel_size_nm,time_s,binning\na.tif,7112.0,32.5,1.7e9,2\nb.tif,7114.0,32.5,1.7e9,2\n"
ANGLES = b"angle_deg\n0\n20\n40\n60\n80\n100\n120\n140\n160\n"
SPECTRA = (
    "larch_examples/feo_rt1.xdi",
    "larch_examples/fe2o3_rt1.xmu",
    "larch_examples/fe_athena.prj",
    "larch_examples/prj/FeS2.prj",
    "larch_examples/prj/FeFoil_QXAFS_Compare.prj",
    "fe_lfp_fepo4_hxn/csv/Fe3P.csv",
)


def read_xrm(path):
    """Open an Xradia file and read some rows."""
    for tomogram in open_xrm_files([path]):
        tomogram.read_rows(0, min(8, tomogram.n_rows))
        tomogram.read_references()


def read_tiff(path):
    """Read some rows of every page of a TIFF file."""
    for frame in find_frames(path):
        frame.read_rows(0, min(4, frame.shape[0]))


def read_table(path):
    """Open the TIFF scan that a table belongs to, and read some rows."""
    for tomogram in open_tiff_scan(path.parent):
        tomogram.read_rows(0, 4)
        tomogram.read_references()


def read_single_page(path):
    """Open a folder of single pages of which one is damaged, and read some rows twice."""
    frames = find_frames_alike([path.with_name("sound.tif"), path])
    for frame in (*frames, *frames):
        frame.read_rows(0, 4)


def read_spectrum(path):
    """Load a reference spectrum."""
    load_reference(f"{path}:1" if path.suffix == ".prj" else path, name="x")


def tiff_bytes(options, *, n_pages=5):
    """Content of a small TIFF file."""
    frames = np.random.default_rng(0).integers(0, 4000, (n_pages, 48, 50), dtype=np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, frames, photometric="minisblack", **options)
    return file.getvalue()


def write_sound_files(folder):
    """What damaged tables belong to, and what damaged single pages are compared with."""
    for name in ("a.tif", "b.tif"):
        (folder / name).write_bytes(tiff_bytes({}, n_pages=9))
    (folder / "energies.csv").write_bytes(ENERGIES)
    (folder / "angles.csv").write_bytes(ANGLES)


def cases(shared):
    """Name, content, reader and suffix of each kind of file."""
    chips = shared / "tomography" / "tomo_dxchange_xrm"
    yield "txrm", chips / "txrm_test_chip_tomo.txrm", read_xrm, ".txrm"
    yield "xrm", chips / "test_chip00.xrm", read_xrm, ".xrm"
    for name, options in TIFF_OPTIONS.items():
        yield name, tiff_bytes(options), read_tiff, ".tif"
    for name, options in TIFF_OPTIONS.items():
        yield f"{name}, single page", tiff_bytes(options, n_pages=1), read_single_page, ".tif"
    yield "energies.csv", ENERGIES, read_table, "energies.csv"
    yield "angles.csv", ANGLES, read_table, "angles.csv"
    for name in SPECTRA:
        yield name, shared / "spectra" / name, read_spectrum, Path(name).suffix
    packed = shared / "spectra" / "larch_examples" / "prj" / "FeFoil_QXAFS_Compare.prj"
    yield "project in JSON, unpacked", gzip.decompress(packed.read_bytes()), read_spectrum, ".prj"


def main(shared, n):
    """Read `n` damaged copies of each; exit code."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, content, read, suffix in cases(Path(shared)):
            write_sound_files(Path(folder))
            if name.endswith("single page"):
                (Path(folder) / "sound.tif").write_bytes(content)
            content = content if isinstance(content, bytes) else content.read_bytes()
            place = Path(folder) / (suffix if "." in suffix[1:] else f"damaged{suffix}")
            found = try_damaged(content, place, read, n=n)
            failed |= found["slow"] > 0 or found["peak MB"] > 500 or any(key.startswith("crashed") for key in found)
            print(f"{name:45s}", ", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000))
