from types import SimpleNamespace

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.scan_alignment import affordable_binning, align_scan, starting_magnification
from xanesmap.phasemap.alignment.spectra import components_of_rows
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.preparation import load_references
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.alignment.displacement import without_gauge
from xanesmap.reconstruct.readers import open_scan

ENERGIES = np.array([7000.0, 7100.0, 7200.0])


def scan_of(sizes_nm=(40.0, 40.0, 40.0), n_rows=64, n_columns=96, n_angles=121):
    tomograms = [SimpleNamespace(pixel_size_nm=size, angles_rad=np.zeros(n_angles)) for size in sizes_nm]
    return SimpleNamespace(tomograms=tomograms, energies_ev=ENERGIES, n_rows=n_rows, n_columns=n_columns)


def settings(**align):
    return make_config({"scan": "scan", "align": align})


def test_recorded_magnification_is_that_of_the_pixel_sizes():
    found = starting_magnification(scan_of((40.0, 40.4, 40.8)), settings(magnification="recorded"))
    np.testing.assert_allclose(found * np.array([40.0, 40.4, 40.8]), found[0] * 40.0)
    assert found.mean() == pytest.approx(1)


def test_nothing_recorded_or_asked_for_is_no_change():
    for scan, method in ((scan_of((40.0, None, 41.0)), "fit"), (scan_of((40.0, 40.4, 40.8)), "none")):
        np.testing.assert_array_equal(starting_magnification(scan, settings(magnification=method)), 1)


def test_zone_plate_magnification_follows_the_lens_law():
    far = starting_magnification(scan_of(), settings(magnification="zone-plate"))
    np.testing.assert_allclose(far * ENERGIES, far[0] * ENERGIES[0])
    # f = 20 mm at 7100 eV and L = 220 mm: magnification 10 there, L E0 / (f0 E) - 1 elsewhere
    near = starting_magnification(scan_of(), settings(magnification="zone-plate", zone_plate_magnification=10.0))
    by_hand = 220 / (20 * ENERGIES / 7100) - 1
    np.testing.assert_allclose(near, by_hand / by_hand.mean())


def test_binning_grows_as_the_budget_shrinks_and_ends_in_a_sentence():
    scan = scan_of(n_rows=1024, n_columns=1024, n_angles=500)
    found = [affordable_binning(scan, memory_bytes=budget) for budget in (10**12, 10**10, 10**9)]
    assert found == sorted(found)
    assert found[0] == 1
    assert found[-1] > 2
    with pytest.raises(DataError, match="Raise --memory, or give --align none"):
        affordable_binning(scan, memory_bytes=10**6)


def test_components_of_rows_span_the_phases():
    rng = np.random.default_rng(0)
    first, second = 1 + rng.random(30), 1 + rng.random(30)
    mixtures = rng.random((2, 50))
    found = components_of_rows(np.stack([first, second], axis=1) @ mixtures)
    for true in (first, second):
        left = true - found @ np.linalg.lstsq(found, true, rcond=None)[0]
        assert np.abs(left).max() < 0.02


def misalignment(scan, **align):
    """Rms over all frames, pixels."""
    config = make_config({"scan": str(scan.folder), "align": align})
    opened, truth = open_scan(scan.folder), scan.truth
    found = align_scan(opened, load_references(config), config, progress=lambda *_: None)
    angles = [np.deg2rad(truth.angles_deg)] * len(truth.energies_ev)
    return np.sqrt(np.nanmean(without_gauge(found.displacement_px - truth.displacement_px, angles) ** 2))


@pytest.mark.parametrize("align", [{"components": "data"}, {"roll": "fit"}])
def test_settings_lead_to_the_same_place(align, small_settings, tmp_path):
    disturbances = {"jitter_px": 0.8, "drift_px": 2.0, "magnification_reference_ev": 7142.0}
    scan = simulate_scan(tmp_path / "scan", seed=2, disturbances=disturbances, **small_settings)
    # a fifth of a pixel of the 1.2 pixels as recorded: particles of three pixels show no better where they are
    assert misalignment(scan, **align) < 0.2


def test_averaged_pixels_cost_less_than_their_size(tmp_path):
    scan = simulate_scan(
        tmp_path / "scan",
        preset="rough",
        seed=1,
        n_rows=49,
        n_columns=81,
        n_angles=50,
        energies_ev=CHOSEN_ENERGIES_EV[::4],
    )
    whole, averaged = misalignment(scan), misalignment(scan, binning=2)
    # of blocks of four pixels as many photons tell half as much about the place, and edges are half as steep
    assert whole < averaged < 4 * whole
