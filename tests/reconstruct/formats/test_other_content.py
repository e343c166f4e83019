import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.other_content import REGISTERED_2D, REGISTERED_3D, describe_content, is_known
from xanesmap.reconstruct.readers import open_scan

STACK = np.ones((5, 4, 6), dtype=np.float32)
FILES = {
    "xanes_scan2_id_1.h5": {"img_xanes": STACK, "img_bkg": STACK, "img_dark": STACK, "X_eng": np.linspace(7.1, 7.2, 5)},
    "32id.h5": {"exchange/data": STACK, "exchange/data_white": STACK, "exchange/energy": np.linspace(7.1, 7.2, 5)},
    "mantis.hdf5": {"exchange/data": STACK.T, "exchange/energy": np.linspace(700, 720, 5)},
    "registered_2d.h5": {REGISTERED_2D: STACK},
    "registered_3d.h5": {REGISTERED_3D: np.ones((5, 3, 4, 4), dtype=np.float32)},
    "recon_scan_1.h5": {"img": STACK, "X_eng": 7.1, "rot_cen": 3.0},
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        with h5py.File(tmp_path / name, "w") as file:
            for dataset, value in content.items():
                file[dataset] = value
    return tmp_path


@pytest.mark.parametrize("name", ["xanes_scan2_id_1.h5", "32id.h5", "mantis.hdf5"])
def test_a_stack_of_images_is_named_with_what_can_be_done_with_it(folder, name):
    words = (
        rf"{name}: a 2-D XANES stack .* 5 .*not a tomography scan\. It has no rotation angles.*'xanesmap run', 'fit'"
    )
    with pytest.raises(DataError, match=words):
        open_scan(folder / name)


def test_a_registered_stack_is_named(folder):
    with pytest.raises(
        DataError, match=r"registered_2d\.h5: 2-D XANES images at 5 energies, registered by TXM-Sandbox"
    ):
        open_scan(folder / "registered_2d.h5")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("registered_3d.h5", "reconstructed volumes at 5 energies, registered by TXM-Sandbox"),
        ("recon_scan_1.h5", r"a volume reconstructed at one energy \(as pyxas writes it\)"),
    ],
)
def test_reconstructed_volumes_are_named(folder, name, words):
    with pytest.raises(
        DataError, match=rf"{words}, not a tomography scan\. 'xanesmap run', 'fit' and 'info' take such volumes"
    ):
        open_scan(folder / name)


def test_a_folder_of_stacks_is_refused_naming_the_first(folder):
    with pytest.raises(DataError, match=r"none of 6 files is a tomography scan; 32id\.h5: a 2-D XANES stack"):
        open_scan(folder)


def test_an_unknown_file_is_described_by_what_it_holds(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for index in range(30):
            file[f"motor_{index:02d}"] = index
    assert not is_known(tmp_path / "a.h5")
    told = describe_content(tmp_path / "a.h5")
    assert told.startswith("not a tomography scan; the file holds motor_00, motor_01")
    assert "motor_19 ..." in told
    assert "motor_20" not in told
