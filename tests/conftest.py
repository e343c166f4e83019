"""Small simulated scans, written once per session; the object is coarse (320 nm pixels) so that its image is strong."""

import shutil

import numpy as np
import pytest

from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.spectra.reference import bundled_reference

SMALL = {
    "n_rows": 24,
    "n_columns": 40,
    "n_angles": 40,
    "energies_ev": (7092.0, 7110.0, 7119.0, 7124.5, 7129.0, 7133.5, 7143.0, 7180.0),
    "pixel_size_nm": 320.0,
    "photons": 2e5,
}


@pytest.fixture(scope="session")
def small_settings():
    """Settings of `simulate_scan` that every small scan shares."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def small_scan(tmp_path_factory):
    """A still scan of 8 energies and 40 angles; 24 x 40 x 40 voxels. Not to be changed: see `scan_copy`."""
    return simulate_scan(tmp_path_factory.mktemp("small") / "scan", seed=1, **SMALL)


@pytest.fixture(scope="session")
def small_result(small_scan, tmp_path_factory):
    """Phase map of the small scan, made in a single slab."""
    out = tmp_path_factory.mktemp("result") / "small.zarr"
    return map_phases(small_scan.folder, out=out, memory="500MB", threads=1)


@pytest.fixture
def scan_copy(small_scan, tmp_path):
    """Folder with the files of the small scan, to be spoiled."""
    folder = tmp_path / "scan"
    folder.mkdir()
    for file in small_scan.files:
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="session")
def reference_files(tmp_path_factory):
    """The two bundled references as csv files, by phase."""
    folder = tmp_path_factory.mktemp("references")
    files = {}
    for phase in ("LiFePO4", "FePO4"):
        reference = bundled_reference(phase)
        files[phase] = folder / f"{phase}.csv"
        columns = np.column_stack([reference.energies_ev, reference.values])
        np.savetxt(files[phase], columns, delimiter=",", header="energy_ev,absorption", fmt="%.10g")
    return files
