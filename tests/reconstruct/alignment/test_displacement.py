import numpy as np

from xanesmap.reconstruct.alignment.displacement import Alignment, without_gauge

ANGLES = np.linspace(0, np.pi, 31, endpoint=False)


def test_an_object_moved_as_a_whole_leaves_nothing():
    moved = np.zeros((4, 31, 2))
    moved[..., 0] = 1.3
    moved[..., 1] = 0.4 + 2.0 * np.cos(ANGLES) - 0.7 * np.sin(ANGLES)
    np.testing.assert_allclose(without_gauge(moved, [ANGLES] * 4), 0, atol=1e-12)


def test_one_energy_moved_against_the_others_is_left():
    moved = np.zeros((4, 31, 2))
    moved[0, :, 1] = np.cos(ANGLES)
    left = without_gauge(moved, [ANGLES] * 4)
    # of the cosine at one of four energies the common part, a quarter, is a motion of the object
    np.testing.assert_allclose(left[0, :, 1], 0.75 * np.cos(ANGLES), atol=1e-12)
    np.testing.assert_allclose(left[1:, :, 1], -0.25 * np.tile(np.cos(ANGLES), (3, 1)), atol=1e-12)


def test_displacement_adds_the_axis_to_the_shift():
    alignment = Alignment(
        shift_px=np.ones((2, 3, 2)),
        magnification=np.ones(2),
        centre_px=np.array([9.5, 11.5]),
        residual_px=np.zeros((2, 3)),
        kept=np.ones((2, 3), bool),
        roll_rad=0.0,
        air_level=np.zeros((2, 3)),
        contrast=np.ones(2),
        pattern=np.zeros((2, 8, 20), np.float32),
    )
    np.testing.assert_allclose(alignment.displacement_px[..., 0], 1)
    np.testing.assert_allclose(alignment.displacement_px[..., 1], [[1] * 3, [3] * 3])


def test_frames_left_out_do_not_enter_the_gauge():
    moved = np.full((2, 31, 2), 0.5)
    moved[1, 4] = np.nan
    left = without_gauge(moved, [ANGLES] * 2)
    assert np.isnan(left[1, 4]).all()
    left[1, 4] = 0
    np.testing.assert_allclose(left, 0, atol=1e-12)
