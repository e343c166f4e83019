"""Features of references and what tells two of them apart, against the measured numbers."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.comparison import compare_references, spectrum_features
from xanesmap.spectra.reference import Reference, bundled_reference

LFP, FP = bundled_reference("LFP"), bundled_reference("FP")


def test_features_of_the_phases_are_those_measured():
    # SCIENCE.md 2.2, of the analytic model: half-heights 4.94 eV apart, white lines 7127.40/1.683 and 7132.29/1.539
    lfp, fp = spectrum_features(LFP), spectrum_features(FP)
    assert lfp.half_height_ev == pytest.approx(7120.58, abs=0.1)
    assert fp.half_height_ev - lfp.half_height_ev == pytest.approx(4.94, abs=0.1)
    assert (lfp.white_line_ev, lfp.white_line_height) == pytest.approx((7127.4, 1.683), abs=0.06)
    assert (fp.white_line_ev, fp.white_line_height) == pytest.approx((7132.29, 1.539), abs=0.06)


def test_the_phases_cross_and_differ_where_they_were_measured_to():
    found = compare_references(LFP, FP)
    assert found.isosbestic_ev[:2] == pytest.approx((7130.14, 7158.23), abs=0.1)
    assert (found.largest_ev, found.largest_difference) == pytest.approx((7125.46, 1.05), abs=0.2)
    assert (found.smallest_ev, found.smallest_difference) == pytest.approx((7138.5, -0.40), abs=0.6)
    assert found.correlation == pytest.approx(0.785, abs=0.01)


def test_the_mean_square_difference_gives_the_error_of_a_fraction():
    # 51 energies over 7092-7192 eV: sum of squares 4.59; the flat pre-edge is left out of the mean
    found = compare_references(LFP, FP)
    first, last = found.range_ev
    assert found.mean_square_difference * (last - first) / 2 == pytest.approx(4.59, rel=0.05)


def test_exchanging_the_two_exchanges_the_signs():
    one, other = compare_references(LFP, FP), compare_references(FP, LFP)
    assert one.largest_difference == pytest.approx(-other.smallest_difference)
    assert one.isosbestic_ev == pytest.approx(other.isosbestic_ev)
    assert compare_references(LFP, LFP).isosbestic_ev == ()


def test_spectra_of_different_edges_are_not_compared():
    moved = Reference(name="other", source="test", energies_ev=LFP.energies_ev + 1221, values=LFP.values)
    with pytest.raises(DataError, match="too little in common"):
        compare_references(LFP, moved)


def test_a_spectrum_that_begins_above_one_half_has_no_half_height():
    late = LFP.energies_ev > 7122
    cut = Reference(name="cut", source="test", energies_ev=LFP.energies_ev[late], values=LFP.values[late])
    found = spectrum_features(cut)
    assert np.isnan(found.half_height_ev)
    assert found.white_line_ev == pytest.approx(7127.4, abs=0.1)
