"""`xanesmap spectra`: tables, notes and a picture, or one line that says why not."""

import numpy as np
import pytest
from matplotlib.image import imread

from xanesmap.spectra.reference import bundled_reference


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "lib.nor"
    lfp, fp = bundled_reference("LFP"), bundled_reference("FP")
    mixture = 0.5 * (lfp.values + fp.values)
    columns = np.column_stack([lfp.energies_ev, lfp.values, fp.values, mixture])
    np.savetxt(file, columns, header="energy lithiated delithiated mixture", fmt="%.6f")
    return file


def test_the_bundled_references_are_compared_and_drawn(command, tmp_path):
    code, out, _ = command("spectra", "bundled", "--out", tmp_path / "a.png", "--dpi", 60)
    assert code == 0
    for text in ("LiFePO4", "7120.6", "7130.1, 7158.2", "+1.05 at 7125.5", "Picture:"):
        assert text in out
    picture = imread(tmp_path / "a.png")
    assert picture.shape[1] == pytest.approx(180 / 25.4 * 60, abs=1)
    assert picture[..., :3].std() > 0.02


def test_every_column_of_a_library_is_taken_and_one_when_chosen(command, library, tmp_path):
    code, out, _ = command("spectra", library, "--out", tmp_path / "a.png", "--dpi", 60)
    assert code == 0
    assert "delithiated - mixture" in out
    code, out, _ = command("spectra", f"{library}:mixture", "--out", tmp_path / "b.png", "--dpi", 60)
    assert code == 0
    assert "mixture" in out
    assert "lithiated" not in out.split("Picture")[0]


def test_notes_of_a_conversion_are_printed(command, tmp_path):
    lfp = bundled_reference("LFP")
    file = tmp_path / "kev.csv"
    np.savetxt(file, np.column_stack([lfp.energies_ev / 1000, lfp.values]), delimiter=",", header="energy,norm")
    _, out, _ = command("spectra", file, "--out", tmp_path / "a.png", "--dpi", 60)
    assert "Note: kev: energies converted from keV to eV" in out


def test_what_cannot_be_compared_ends_in_one_line(command, library, tmp_path):
    code, _, err = command("spectra", tmp_path / "none.csv")
    assert code == 2
    assert err.count("\n") == 1
    assert "none.csv" in err
    code, _, err = command("spectra", library, "--out", tmp_path / "a.xyz")
    assert code == 2
    assert "let it end in .png" in err
    (tmp_path / "file").write_text("")
    code, _, err = command("spectra", library, "--out", tmp_path / "file" / "a.png")
    assert code == 2
    assert "cannot be written" in err
