"""Background columns: what they are, and what they leave of the below-edge slope in a fraction."""

import numpy as np
import pytest

from xanesmap.spectra.absorption import PHASES, attenuation_per_um, normalised_absorption
from xanesmap.spectra.background import background_columns

GRIDS = {
    8: np.array([7095.0, 7105.0, 7121.0, 7125.0, 7128.0, 7132.0, 7139.0, 7190.0]),
    24: np.linspace(7092.0, 7199.0, 24),
    51: np.arange(7092.0, 7193.0, 2.0),
}


@pytest.mark.parametrize(("kind", "n_columns"), [("none", 0), ("constant", 1), ("linear", 2), ("victoreen", 1)])
def test_columns_have_their_number_and_are_about_one(kind, n_columns):
    columns = background_columns(GRIDS[24], kind=kind)
    assert columns.shape == (n_columns, 24)
    assert (np.abs(columns) < 1.03).all()


def test_victoreen_falls_with_the_cube_of_the_energy():
    column = background_columns([7000.0, 14000.0], kind="victoreen")[0]
    assert column[0] / column[1] == pytest.approx(8.0)


def fraction_of_mixture(fraction, energies, *, kind):
    """Noise-free fit to the attenuation of a dense mixture with this fraction of its iron in LiFePO4."""
    shares = {"LiFePO4": fraction, "FePO4": 1.0 - fraction}
    spectrum = sum(PHASES[p].molar_volume_cm3 * s * attenuation_per_um(p, energies) for p, s in shares.items())
    references = [normalised_absorption(phase, energies) for phase in shares]
    columns = np.concatenate([references, background_columns(energies, kind=kind)]).T
    first, second = np.linalg.lstsq(columns, spectrum, rcond=None)[0][:2]
    return first / (first + second)


@pytest.mark.parametrize("n_energies", GRIDS)
@pytest.mark.parametrize(("kind", "bound"), [("victoreen", 4e-4), ("linear", 1.2e-4), ("constant", 6e-3)])
def test_fraction_of_a_real_attenuation_is_off_by_no_more_than_documented(n_energies, kind, bound):
    errors = [fraction_of_mixture(f, GRIDS[n_energies], kind=kind) - f for f in (0.0, 0.3, 0.5, 1.0)]
    assert np.abs(errors).max() < bound


def test_without_a_background_column_the_fraction_is_wrong():
    assert abs(fraction_of_mixture(0.0, GRIDS[51], kind="none")) > 0.1
