"""Error bars through the whole pipeline: intervals of one sigma hold the truth as often as they say.

The truth is the mean over each voxel, in all voxels of the mask: rims and the fronts between core and shell included.
"""

import numpy as np
import pytest
from scipy.stats import norm

from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.simulation import simulate_scan

SCANS = {
    "5000 photons": {"seed": 1, "photons": 5e3},
    "20000 photons": {"seed": 2, "photons": 2e4, "n_columns": 97, "n_rows": 65},
    "80000 photons": {"seed": 3, "photons": 8e4, "n_columns": 83, "n_rows": 50, "n_angles": 101},
}
LOWEST, HIGHEST = 0.66, 0.70


@pytest.fixture(
    scope="module",
    params=["5000 photons", pytest.param("20000 photons", marks=pytest.mark.slow), "80000 photons"],
)
def errors(request, tmp_path_factory):
    """Errors of the first fraction, their standard deviations, those of counting alone, and where fronts are."""
    folder = tmp_path_factory.mktemp("coverage")
    scan = simulate_scan(folder / "scan", **SCANS[request.param])
    result = map_phases(
        scan.folder, out=folder / "r.zarr", keep_mu=False, reconstruct={"engine": "fourier"}, align={"method": "none"}
    )
    known = (result.mask.values > 0) & scan.truth.mask
    numbers = [number for number, kind in enumerate(scan.truth.kinds, start=1) if kind == "core-shell"]
    return (
        (result.fraction.values[0] - scan.truth.fraction[0])[known],
        result.fraction_sigma.values[0][known],
        result.fraction_sigma_counting.values[0][known],
        np.isin(scan.truth.particle, numbers)[known],
    )


def counting_error(n_voxels):
    """Standard error of the share of `n_voxels` whose error is below one sigma.

    Voxels of a slice share noise, of which the spectrum is a ramp up to half a cycle per pixel: the squares of its
    correlations add up to 1.43. Whether a normal error is below one sigma is correlated by
    (2 phi(1)^2 / (p (1 - p))) = 0.54 of the square of that of the errors (Mehler's expansion, second order).
    """
    p = 2 * norm.cdf(1) - 1
    shared = 2 * norm.pdf(1) ** 2 / (p * (1 - p))
    return np.sqrt(p * (1 - p) * (1 + shared * 0.43) / n_voxels)


def assert_held(error, sigma):
    share, margin = np.mean(np.abs(error) < sigma), 2 * counting_error(error.size)
    assert margin < 0.016
    assert LOWEST - margin < share < HIGHEST + margin


def test_one_sigma_holds_the_truth_in_two_voxels_of_three(errors):
    error, sigma, _, _ = errors
    assert error.size > 9000
    assert_held(error, sigma)
    assert 0.94 < np.mean(np.abs(error) < 2 * sigma) < 0.965


def test_so_it_does_in_cores_and_shells_and_in_homogeneous_particles(errors):
    error, sigma, _, has_front = errors
    assert_held(error[has_front], sigma[has_front])
    assert_held(error[~has_front], sigma[~has_front])


def test_the_part_of_counting_is_smaller_and_the_same_away_from_fronts(errors):
    _, sigma, counting, has_front = errors
    assert np.all(counting <= sigma * (1 + 1e-6))
    assert np.median((sigma / counting)[~has_front]) < 1.001
    assert np.mean(sigma[has_front] ** 2 - counting[has_front] ** 2) == pytest.approx(0.032**2, rel=0.2)
