import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from xanesmap.phasemap.truth_registration import moved_truth, position_of_object


def test_a_motion_of_the_object_is_read_off_the_displacements(small_scan):
    truth = small_scan.truth
    angles = np.deg2rad(truth.angles_deg)
    found = truth.displacement_px.copy()
    # the object 0.7 voxels further down, 0.4 along x and -0.6 along y: its frames need no displacement for that
    found[..., 0] -= 0.7
    found[..., 1] -= 0.4 * np.cos(angles) + 0.6 * np.sin(angles)
    found[2, 5] = np.nan
    np.testing.assert_allclose(position_of_object(found, truth), [0.7, -0.6, 0.4], atol=1e-9)


def test_the_truth_moves_as_told(small_scan):
    truth = small_scan.truth
    moved = moved_truth(truth, np.array([1.25, -0.5, 0.75]))
    change = np.array(center_of_mass(moved.amount)) - center_of_mass(truth.amount)
    np.testing.assert_allclose(change, [1.25, -0.5, 0.75], atol=0.05)
    assert moved.amount.sum() == pytest.approx(truth.amount.sum(), rel=0.02)
    inside = moved.interior("LiFePO4") & moved.mask
    np.testing.assert_allclose(moved.fraction[0][inside], 1.0, atol=1e-5)


def test_no_motion_changes_nothing(small_scan):
    truth = small_scan.truth
    same = moved_truth(truth, np.zeros(3))
    np.testing.assert_array_equal(same.particle, truth.particle)
    np.testing.assert_array_equal(same.mask, truth.mask)
    np.testing.assert_allclose(same.fraction[:, truth.mask], truth.fraction[:, truth.mask], atol=1e-6)
