"""2-D stacks through the commands, as users meet them."""

import h5py
import numpy as np
import pytest

from xanesmap.phasemap.result import open_result
from xanesmap.viewers.figures import spectra_figure


@pytest.fixture
def stack(make_volumes, tmp_path):
    """An FXI stack of known composition with an edge step of optical depth of 0.3."""
    known = make_volumes((1, 41, 52), n_energies=9)
    path = tmp_path / "xanes_scan2_id_1.h5"
    with h5py.File(path, "w") as file:
        file["img_xanes"] = np.exp(-5 * np.nan_to_num(known.mu[:, 0]))
        file["X_eng"], file["Pixel Size"] = known.energies_ev / 1000, "40nm"
    return path


def test_info_describes_a_stack(command, stack):
    outcome = command("info", stack)
    assert outcome.code == 0, outcome.err
    for words in ("1 x 41 x 52", "Fe K edge", "optical depth of 2-D images", "overlap along the beam", "Ready for"):
        assert words in outcome.out


@pytest.mark.parametrize("name", ["run", "fit"])
def test_commands_map_a_stack_and_say_what_its_amounts_are(name, command, stack, tmp_path):
    outcome = command(name, stack, "--out", tmp_path / "r.zarr")
    assert outcome.code == 0, outcome.err
    assert "overlap along the beam" in outcome.out
    result = open_result(tmp_path / "r.zarr")
    assert result.amount.attrs["units"] == "1"
    assert np.nanmedian(result.amount) == pytest.approx(0.3, rel=0.05)
    labels = {axes.get_ylabel() for axes in spectra_figure(result).axes}
    assert "optical depth" in labels
    assert "µ (1/µm)" not in labels


def test_a_broken_stack_is_refused_in_a_sentence(command, stack, tmp_path):
    with h5py.File(stack, "r+") as file:
        del file["img_xanes"]
        file["img_xanes"] = np.ones((9, 3, 41, 52), np.float32)
    for arguments in (("info", stack), ("run", stack, "--out", tmp_path / "x.zarr")):
        outcome = command(*arguments)
        assert outcome.code == 2
        assert "Traceback" not in outcome.err
        assert "(9, 3, 41, 52); (energy, row, column) is expected" in " ".join(outcome.err.split())
    assert not (tmp_path / "x.zarr").exists()
