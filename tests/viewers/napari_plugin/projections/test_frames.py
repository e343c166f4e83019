import time

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.correction import attenuate, estimate_noise
from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.napari_plugin.projections import frames as module
from xanesmap.viewers.napari_plugin.projections.frames import Projections, energy_label, shown_limits


@pytest.fixture(scope="module")
def scan(small_scan):
    return open_scan(small_scan.folder)


@pytest.fixture
def projections(scan):
    return Projections(scan)


def test_attenuation_is_that_of_a_run_where_nothing_was_repaired(scan, projections):
    frames = scan.tomograms[3].read_rows(0, scan.n_rows)
    full = attenuate(frames, noise=estimate_noise(frames.flats, frames.darks))
    for angle in (0, 7, 39):
        difference = projections.frame(3, angle) - full.values[angle]
        # counting statistics of dark pixels and zingers are all that differs
        assert np.median(np.abs(difference)) < 1e-4
        assert np.mean(np.abs(difference) > 1e-3) < 0.01


def test_counts_are_those_of_the_file(scan, projections):
    np.testing.assert_array_equal(projections.frame(2, 5, shown="counts"), scan.tomograms[2].read_projection(5))


def test_attenuation_is_the_logarithm_of_transmission(projections):
    np.testing.assert_allclose(
        projections.frame(1, 4), -np.log(projections.frame(1, 4, shown="transmission")), atol=1e-6
    )


@pytest.mark.parametrize("shown", ["attenuation", "transmission", "counts"])
def test_a_sinogram_is_a_row_of_every_frame(scan, projections, shown):
    sinogram = projections.sinogram(4, 9, shown=shown)
    assert sinogram.shape == (projections.n_angles(4), scan.n_columns)
    for angle in (0, 11):
        np.testing.assert_allclose(sinogram[angle], projections.frame(4, angle, shown=shown)[9], rtol=1e-5, atol=1e-6)


def test_the_mean_over_energies_is_one_at_the_angle_asked_for(projections):
    mean = projections.mean_over_energies(projections.angle_deg(0, 6), shown="attenuation")
    frames = [projections.frame(energy, 6) for energy in range(projections.n_energies)]
    np.testing.assert_allclose(mean, np.mean(frames, axis=0), atol=1e-5)


def test_a_mean_tells_how_far_it_is_before_each_frame(projections):
    told = []
    projections.mean_over_energies(0, shown="counts", progress=lambda *step: told.append(step))
    assert told == [("Read frames", energy, projections.n_energies) for energy in range(projections.n_energies)]


def test_the_nearest_angle_is_found_by_its_degrees(projections):
    for angle in (0, 13, 39):
        assert projections.nearest_angle(2, projections.angle_deg(2, angle) + 0.4) == angle


def test_dead_pixels_look_like_their_neighbours(scan):
    projections = Projections(scan)
    reference = projections._reference(0)
    reference.dead[10, 12:14] = True
    reference.light[10, 12:14] = 0
    frame = projections.frame(0, 0)
    assert np.isfinite(frame).all()
    around = frame[9:12, 11:15]
    assert around.min() <= frame[10, 12] <= around.max()


def test_only_the_references_that_fit_are_kept(scan, monkeypatch):
    projections = Projections(scan)
    size = sum(getattr(projections._reference(0), name).nbytes for name in ("dark", "light", "dead"))
    monkeypatch.setattr(module, "REFERENCE_BYTES", 3 * size)
    for energy in range(projections.n_energies):
        projections.frame(energy, 0)
    assert list(projections._references) == [5, 6, 7]


def test_a_step_reads_one_frame_once_its_references_are_known(scan, projections, monkeypatch):
    tomogram = type(scan.tomograms[0])
    projections.frame(0, 0)
    read = []
    monkeypatch.setattr(tomogram, "read_references", lambda self: pytest.fail("read again"))
    original = tomogram.read_projection
    monkeypatch.setattr(tomogram, "read_projection", lambda self, index: read.append(index) or original(self, index))
    began = time.perf_counter()
    for angle in range(20):
        projections.frame(0, angle)
    assert read == list(range(20))
    assert (time.perf_counter() - began) / 20 < 0.3


def test_rows_that_are_not_there_are_told(projections):
    with pytest.raises(DataError, match="rows 500 to 501 asked of a detector"):
        projections.sinogram(0, 500)


def test_an_energy_is_told_with_its_distance_from_the_edge(scan):
    assert energy_label(scan, 7) == "7180.00 eV (Fe K +68 eV)"
    assert energy_label(scan, 0) == "7092.00 eV (Fe K -20 eV)"


def test_limits_leave_out_hot_pixels_and_hold_for_flat_images():
    image = np.ones((50, 50), np.float32)
    image[0, 0] = 1e6
    low, high = shown_limits(image)
    assert low == 1
    assert 1 < high < 2
    assert shown_limits(np.full((3, 3), np.nan)) == (0, 1)
