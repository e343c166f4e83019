"""A result that was normalised before its fit shows its spectra as they were fitted."""

import numpy as np
import pytest

from xanesmap.phasemap.pipeline import map_phases
from xanesmap.viewers.drawing.label_spectra import as_fitted, fit_spectrum, label_spectra
from xanesmap.viewers.figures import spectra_figure


@pytest.fixture(scope="module")
def normalised(small_scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("normalised") / "r.zarr"
    spectra = {"normalisation": "constant", "pre_edge_ev": [7090, 7112], "energy_offset_ev": 0}
    return map_phases(small_scan.folder, out=out, spectra=spectra, align={"method": "none"})


def test_spectra_are_zero_before_the_edge_and_fitted_without_background(normalised):
    spectra = as_fitted(normalised, label_spectra(normalised))
    fit = fit_spectrum(normalised, spectra[0].mean)
    assert np.abs(spectra[0].mean[:2]).max() < 0.2 * spectra[0].mean.max()
    assert fit.columns == ("LiFePO4", "FePO4")
    assert fit.r_factor < 1e-3
    assert fit.fractions[0] == pytest.approx(
        float(np.nanmean(normalised.fraction[0].values[normalised.phase_labels.values == 1])), abs=0.05
    )
    assert spectra_figure(normalised) is not None


def test_fractions_agree_with_those_of_a_background(normalised, small_result):
    both = (normalised.mask.values > 0) & (small_result.mask.values > 0)
    difference = (normalised.fraction.values[0] - small_result.fraction.values[0])[both]
    assert abs(np.median(difference)) < 0.02


def test_without_a_normalisation_spectra_are_as_they_are(small_result):
    spectra = label_spectra(small_result)
    for one, other in zip(spectra, as_fitted(small_result, spectra), strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)


def test_a_line_per_voxel_without_a_pre_edge_for_it_ends_in_one_line(refused, small_scan, tmp_path):
    words = ("run", small_scan.folder, "--normalisation", "line", "--out", tmp_path / "r.zarr")
    refused(*words, named=["1 energies over 0 eV", "'constant'"])
    assert not (tmp_path / "r.zarr").exists()
