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

from xanesmap.reconstruct.tiff_frames import find_frames
from xanesmap.reconstruct.tiff_scan import open_tiff_scan
from xanesmap.reconstruct.xrm_scan import open_xrm_files
from xanesmap.spectra.reference import load_reference

TIFF_OPTIONS = {
    "tiff": {},
    "tiff zlib": {"compression": "zlib"},
    "tiff imagej": {"imagej": True},
    "tiff big": {"bigtiff": True},
    "tiff tiles": {"tile": (16, 16)},
}
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
    """Open the TIFF scan that a table belongs to."""
    open_tiff_scan(path.parent)


def read_spectrum(path):
    """Load a reference spectrum."""
    load_reference(f"{path}:1" if path.suffix == ".prj" else path, name="x")


def tiff_bytes(options):
    """Content of a small TIFF file."""
    frames = np.random.default_rng(0).integers(0, 4000, (5, 48, 50), dtype=np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, frames, photometric="minisblack", **options)
    return file.getvalue()


def cases(shared):
    """Name, content, reader and suffix of each kind of file."""
    chips = shared / "tomography" / "tomo_dxchange_xrm"
    yield "txrm", chips / "txrm_test_chip_tomo.txrm", read_xrm, ".txrm"
    yield "xrm", chips / "test_chip00.xrm", read_xrm, ".xrm"
    for name, options in TIFF_OPTIONS.items():
        yield name, tiff_bytes(options), read_tiff, ".tif"
    yield "energies.csv", b"name,energy_ev\na.tif,7112.0\nb.tif,7114.0\n", read_table, "energies.csv"
    for name in SPECTRA:
        yield name, shared / "spectra" / name, read_spectrum, Path(name).suffix
    packed = shared / "spectra" / "larch_examples" / "prj" / "FeFoil_QXAFS_Compare.prj"
    yield "project in JSON, unpacked", gzip.decompress(packed.read_bytes()), read_spectrum, ".prj"


def main(shared, n):
    """Read `n` damaged copies of each; exit code."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, content, read, suffix in cases(Path(shared)):
            content = content if isinstance(content, bytes) else content.read_bytes()
            place = Path(folder) / (suffix if "." in suffix[1:] else f"damaged{suffix}")
            found = try_damaged(content, place, read, n=n)
            failed |= found["slow"] > 0 or found["peak MB"] > 500 or any(key.startswith("crashed") for key in found)
            print(f"{name:45s}", ", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000))
