from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.preparation import engine_of, load_references, prepare_job
from xanesmap.phasemap.mapping.slab import NOISE_ROWS, map_slab, plan_noise_of_scan
from xanesmap.phasemap.progress import no_progress
from xanesmap.reconstruct.readers import open_scan

MAPS = ("mu", "fraction", "fraction_sigma", "amount", "amount_sigma", "residual")


@pytest.fixture(scope="module")
def job(small_scan):
    config = make_config({"scan": str(small_scan.folder)})
    scan = open_scan(small_scan.folder)
    return prepare_job(scan, load_references(config), engine_of(config, threads=1), config, progress=no_progress)


@pytest.fixture(scope="module")
def whole(job):
    return map_slab(job, start=0, stop=24, step_done=lambda stage: None)


def test_maps_of_a_slab_have_its_rows(whole):
    assert whole.mu.shape == (8, 24, 40, 40)
    assert whole.fraction.shape == whole.fraction_sigma.shape == (2, 24, 40, 40)
    assert whole.amount.shape == whole.amount_sigma.shape == whole.residual.shape == (24, 40, 40)
    assert all(getattr(whole, name).dtype == np.float32 for name in MAPS)


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (8, 16), (20, 24)])
def test_rows_come_out_the_same_in_whatever_slab_they_are(start, stop, job, whole):
    assert start % NOISE_ROWS == 0
    part = map_slab(job, start=start, stop=stop, step_done=lambda stage: None)
    for name in MAPS:
        expected = getattr(whole, name)[..., start:stop, :, :]
        np.testing.assert_allclose(getattr(part, name), expected, rtol=1e-4, atol=1e-6, err_msg=name)


def test_error_bars_hardly_change_in_a_slab_that_cuts_a_group_of_rows(job, whole):
    part = map_slab(job, start=10, stop=13, step_done=lambda stage: None)
    np.testing.assert_allclose(part.mu, whole.mu[:, 10:13], rtol=1e-4, atol=1e-6)
    # a repaired pixel counts for more in a group of fewer rows
    ratio = part.amount_sigma / whole.amount_sigma[10:13]
    assert np.median(ratio) == pytest.approx(1, abs=0.01)
    assert np.percentile(ratio, 5) > 0.8
    assert np.percentile(ratio, 95) < 1.25


def test_attenuation_is_per_micrometre(job, whole, small_scan):
    interior = small_scan.truth.interior("LiFePO4", erosion=1)
    after_edge = whole.mu[-1] - whole.mu[0]
    expected = small_scan.truth.amount[interior].mean()
    # the background falls from the first to the last energy by a few percent of the step
    assert after_edge[interior].mean() == pytest.approx(expected, rel=0.1)


def test_scatter_of_the_air_is_what_the_error_bars_say(whole, small_scan):
    distance = np.hypot(*np.meshgrid(np.arange(40) - 19.5, np.arange(40) - 19.5))
    air = (small_scan.truth.occupancy.sum(axis=0) < 1e-3) & (distance < 17)
    pull = (whole.amount / whole.amount_sigma)[air]
    # streaks of 40 angles come on top of the counting noise
    assert 0.8 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 3


def test_a_step_is_told_for_every_energy_and_for_the_fit(job):
    told = []
    map_slab(job, start=0, stop=4, step_done=told.append)
    assert told == ["Reconstruct and fit"] * 9


def test_fractions_sum_to_one_where_there_is_something(whole):
    full = whole.amount > 5 * whole.amount_sigma
    np.testing.assert_allclose(whole.fraction.sum(axis=0)[full], 1, atol=1e-5)


def test_the_constraint_reaches_the_fit(job):
    limited = map_slab(replace(job, constraint="non-negative"), start=0, stop=4, step_done=lambda stage: None)
    assert np.nanmin(limited.fraction) >= 0
    assert np.nanmax(limited.fraction) <= 1 + 1e-6


def test_energies_with_the_same_angles_share_a_plan_of_noise():
    angles = np.linspace(0, np.pi, 20, endpoint=False)
    shifted, other = angles + 1e-3, angles + 0.1
    tomograms = [SimpleNamespace(angles_rad=a) for a in (angles, shifted, other, angles[:-1], other)]
    scan = SimpleNamespace(tomograms=tomograms, n_columns=24)
    plans = plan_noise_of_scan(scan, filter_name="ramlak")
    assert plans[0] is plans[1]
    assert plans[2] is plans[4]
    assert len({id(plan) for plan in plans}) == 3
