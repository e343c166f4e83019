import shutil

import h5py
import numpy as np
import pytest
import tifffile

from xanesmap.reconstruct.volumes.opening import REGISTERED
from xanesmap.reconstruct.volumes.recognition import holds_volumes


def put_volume(path):
    with h5py.File(path, "w") as file:
        file["img"], file["X_eng"] = np.ones((2, 3, 4), np.float32), 7.1


def put_registered(path):
    with h5py.File(path, "w") as file:
        file[REGISTERED] = np.ones((2, 2, 3, 4), np.float32)


@pytest.fixture
def tiff_folder(tmp_path):
    """Two energies, one as a file and one as a folder of slices."""
    folder = tmp_path / "tiff"
    (folder / "7120").mkdir(parents=True)
    tifffile.imwrite(folder / "7100.tif", np.ones((2, 3, 4), np.float32), photometric="minisblack")
    tifffile.imwrite(folder / "7120" / "slice_1.tif", np.ones((3, 4), np.float32))
    (folder / "energies.csv").write_text("name,energy_ev\n7100.tif,7100\n7120,7120\n")
    return folder


def test_volumes_are_told_from_scans_and_from_anything_else(tmp_path, small_scan):
    put_volume(tmp_path / "recon_scan_1.h5")
    put_registered(tmp_path / "registered.h5")
    (tmp_path / "broken.h5").write_text("this is no HDF5")
    assert holds_volumes(tmp_path)
    assert holds_volumes(str(tmp_path / "recon_*.h5"))
    assert holds_volumes([tmp_path / "registered.h5"])
    assert not holds_volumes(tmp_path / "broken.h5")
    assert not holds_volumes(tmp_path / "nowhere.h5")
    assert not holds_volumes(small_scan.folder)
    assert not holds_volumes([])


def test_volumes_beside_raw_frames_are_a_scan(tmp_path, small_scan):
    put_volume(tmp_path / "ali_recon_1.h5")
    shutil.copy(small_scan.files[0], tmp_path)
    assert not holds_volumes(tmp_path)
    assert holds_volumes(str(tmp_path / "ali_recon_*.h5"))


def test_a_tiff_series_is_a_scan_where_it_has_angles_or_flats(tiff_folder):
    assert holds_volumes(tiff_folder)
    frame = np.ones((3, 4), np.float32)
    for name in ("angles.csv", "7100_angles.csv", "7120/angles.csv", "flat_1.tif", "7100_flat.tif", "7120/Flat.tif"):
        extra = tiff_folder / name
        extra.write_text("angle_deg\n") if name.endswith("csv") else tifffile.imwrite(extra, frame)
        assert not holds_volumes(tiff_folder), name
        extra.unlink()
    (tiff_folder / "flats").mkdir()
    assert not holds_volumes(tiff_folder)
