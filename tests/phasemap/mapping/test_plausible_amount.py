import numpy as np
import pytest

from xanesmap.phasemap.mapping.plausible_amount import doubt_about_amount, pure_edge_step_per_um

FE = np.linspace(7050.0, 7200.0, 30)


def test_edge_step_of_iron_is_that_of_the_tables():
    # 7.87 g/cm^3 times the jump of 347 cm^2/g (Elam) at the K edge
    assert pure_edge_step_per_um("Fe K", 7112.0) == pytest.approx(0.272, rel=0.02)


def test_more_iron_than_iron_is_doubted_and_less_is_not():
    assert doubt_about_amount(0.06, FE) is None
    assert doubt_about_amount(0.27, FE) is None
    assert "exceeds that of pure Fe, 0.27 1/um" in doubt_about_amount(0.6, FE)
    assert doubt_about_amount(0.6, np.array([7300.0, 7310.0])) is None
