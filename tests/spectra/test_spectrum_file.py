"""Columns of a spectrum file: which is the absorption, and how it is formed from intensities."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.spectrum_file import read_spectrum

ENERGIES = np.arange(7000.0, 7300.0, 1.0)
MU = 0.4 + 0.5 * (1.0 + np.tanh((ENERGIES - 7120.0) / 2.0))
I0 = 1e5 + 10.0 * np.arange(ENERGIES.size)
ITRANS = I0 * np.exp(-MU)


def write(path, columns):
    """An XDI file of named columns."""
    header = "\n".join(["XDI/1.0", *(f"Column.{n}: {name}" for n, name in enumerate(columns, start=1))])
    np.savetxt(path, np.transpose(list(columns.values())), header=header, fmt="%.10g")
    return path


def test_transmission_and_fluorescence_are_formed_from_intensities(tmp_path):
    trans = read_spectrum(write(tmp_path / "t.xdi", {"energy eV": ENERGIES, "itrans": ITRANS, "i0": I0}))
    np.testing.assert_allclose(trans.values, MU, atol=1e-6)
    assert (trans.state, trans.notes) == ("raw", ("absorption formed as -ln(itrans / i0)",))
    fluor = read_spectrum(write(tmp_path / "f.xdi", {"energy eV": ENERGIES, "i0": I0, "ifluor counts": MU * I0}))
    np.testing.assert_allclose(fluor.values, MU, rtol=1e-6)
    assert fluor.notes == ("absorption formed as ifluor / i0",)


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({"energy eV": ENERGIES, "i0": I0, "itrans": ITRANS, "mutrans": MU}, "raw"),
        ({"i0": I0, "Energy eV || BL:mono.RBV": ENERGIES, "xmu": MU}, "raw"),
        ({"energy eV": ENERGIES, "mutrans": 3 * MU, "norm": MU}, "normalised"),
        ({"energy eV": ENERGIES, "FeO": MU}, "unknown"),
        ({"energy eV": ENERGIES, "i0": I0, "mu": MU}, "unknown"),
    ],
)
def test_absorption_is_taken_by_name_before_it_is_formed(tmp_path, columns, state):
    spectrum = read_spectrum(write(tmp_path / "a.xdi", columns))
    np.testing.assert_allclose(spectrum.energies_ev, ENERGIES)
    np.testing.assert_allclose(spectrum.values, MU, rtol=1e-6)
    assert spectrum.state == state


def test_a_column_is_chosen_by_name_number_or_ratio(tmp_path):
    path = write(tmp_path / "a.xdi", {"energy eV": ENERGIES, "I0 counts": I0, "Fe_Ka counts": MU * I0, "a/b": 7 * MU})
    np.testing.assert_allclose(read_spectrum(f"{path}:Fe_Ka/I0").values, MU, rtol=1e-6)
    np.testing.assert_allclose(read_spectrum(f"{path}:3").values, MU * I0)
    np.testing.assert_allclose(read_spectrum(f"{path}:a/b").values, 7 * MU, rtol=1e-6)
    for choice in ("It", "Fe_Ka/It", "9", "1"):
        with pytest.raises(DataError, match=r"a\.xdi has no column '.*'; choose one of I0, Fe_Ka, a/b"):
            read_spectrum(f"{path}:{choice}")


def test_intensities_that_are_not_positive_are_refused(tmp_path):
    path = write(tmp_path / "a.xdi", {"energy eV": ENERGIES, "i0": I0 - I0[3], "itrans": ITRANS})
    with pytest.raises(DataError, match=r"a\.xdi: column 'i0' is -30 at row 1 \(4 such rows\)"):
        read_spectrum(path)
