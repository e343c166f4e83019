import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.tied_background import tie_background

ENERGIES = np.linspace(-1, 1, 30)
REFERENCES = np.stack([1 / (1 + np.exp(-(ENERGIES - shift) / 0.05)) for shift in (0.0, 0.2)])
BACKGROUND = np.stack([np.ones_like(ENERGIES), ENERGIES])


def test_background_per_amount_is_found_from_the_total():
    per_amount = 0.4 * BACKGROUND[0] - 0.1 * BACKGROUND[1]
    totals = 3 * (REFERENCES[0] + per_amount) + 2 * (REFERENCES[1] + per_amount)
    np.testing.assert_allclose(tie_background(totals, REFERENCES, BACKGROUND), REFERENCES + per_amount, atol=1e-10)


def test_without_background_columns_the_references_are_returned():
    tied = tie_background(REFERENCES.sum(axis=0), REFERENCES, np.empty((0, len(ENERGIES))))
    np.testing.assert_allclose(tied, REFERENCES, atol=1e-12)


def test_a_total_that_falls_at_the_edge_is_refused():
    with pytest.raises(DataError, match="does not rise at the edge"):
        tie_background(-REFERENCES.sum(axis=0), REFERENCES, BACKGROUND)
