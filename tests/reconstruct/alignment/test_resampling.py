import numpy as np
import pytest
from scipy.ndimage import center_of_mass, gaussian_filter

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.resampling import apply_displacement, rows_needed, undo_displacement
from xanesmap.reconstruct.simulator.optics import spline_coefficients


def blobs(n_angles, n_v, n_u, *, shift=(0.0, 0.0), magnification=1.0):
    """`(angle, v, u)` Gaussian spots, displaced exactly."""
    v, u = np.meshgrid(np.arange(n_v), np.arange(n_u), indexing="ij")
    frames = np.empty((n_angles, n_v, n_u), np.float32)
    for a in range(n_angles):
        spots = [(0.4 * n_v, 0.45 * n_u + a), (0.6 * n_v, 0.6 * n_u - a)]
        placed = [
            [
                (n - 1) / 2 + magnification * (x - (n - 1) / 2) + s
                for x, n, s in zip(spot, (n_v, n_u), shift, strict=True)
            ]
            for spot in spots
        ]
        frames[a] = sum(np.exp(-((v - y) ** 2 + (u - x) ** 2) / (2 * (3 * magnification) ** 2)) for y, x in placed)
    return frames


@pytest.mark.parametrize("shape", [(40, 56), (41, 63)])
@pytest.mark.parametrize("magnification", [1.0, 0.993, 1.02])
def test_displaced_frames_are_brought_back_and_sent_out(shape, magnification):
    shift = (1.37, -2.61)
    still = blobs(3, *shape)
    moved = blobs(3, *shape, shift=shift, magnification=magnification)
    shifts = np.tile(shift, (3, 1))
    undone = undo_displacement(spline_coefficients(moved), shift_px=shifts, magnification=magnification)
    applied = apply_displacement(spline_coefficients(still), shift_px=shifts, magnification=magnification)
    # error of cubic spline interpolation of spots of 3 px: below 1e-3 of their height (Unser 1999)
    np.testing.assert_allclose(undone[:, 6:-6, 6:-6], still[:, 6:-6, 6:-6], atol=1e-3)
    np.testing.assert_allclose(applied[:, 6:-6, 6:-6], moved[:, 6:-6, 6:-6], atol=1e-3)


def test_no_displacement_returns_the_pixels():
    frames = np.random.default_rng(0).normal(size=(2, 17, 20)).astype(np.float32)
    same = undo_displacement(spline_coefficients(frames), shift_px=np.zeros((2, 2)), magnification=1.0)
    np.testing.assert_allclose(same, frames, atol=1e-5)


@pytest.mark.parametrize("rows", [slice(0, 8), slice(20, 31), slice(44, 60)])
def test_a_few_rows_with_their_halo_equal_the_whole(rows):
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(5, 60, 30)).astype(np.float32)
    shifts = rng.normal(scale=3, size=(5, 2))
    whole = undo_displacement(spline_coefficients(frames), shift_px=shifts, magnification=0.99)
    needed = rows_needed(rows, shift_px=shifts, magnification=0.99, n_rows=60, n_columns=30)
    part = undo_displacement(
        spline_coefficients(frames[:, needed]),
        shift_px=shifts,
        magnification=0.99,
        first_row=needed.start,
        n_rows=60,
        rows=rows,
    )
    np.testing.assert_allclose(part, whole[:, rows], atol=3e-4)


def test_shifts_of_other_frames_are_refused():
    with pytest.raises(DataError, match="given for 3 frames"):
        undo_displacement(np.zeros((3, 8, 8), np.float32), shift_px=np.zeros((2, 2)), magnification=1.0)


def test_shifts_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="give finite ones"):
        apply_displacement(np.zeros((1, 8, 8), np.float32), shift_px=np.full((1, 2), np.nan), magnification=1.0)


@pytest.mark.parametrize("rows", [slice(0, 8), slice(20, 31)])
def test_turned_frames_come_back_and_rows_of_them_equal_the_whole(rows):
    rng = np.random.default_rng(2)
    smooth = gaussian_filter(rng.normal(size=(3, 60, 50)), (0, 3, 3)).astype(np.float32)
    shifts, roll = rng.normal(scale=2, size=(3, 2)), np.deg2rad(2.0)
    seen = apply_displacement(spline_coefficients(smooth), shift_px=shifts, magnification=1.01, roll_rad=roll)
    back = undo_displacement(spline_coefficients(seen), shift_px=shifts, magnification=1.01, roll_rad=roll)
    inner = np.s_[:, 10:-10, 10:-10]
    np.testing.assert_allclose(back[inner], smooth[inner], atol=0.01 * smooth.std())
    needed = rows_needed(rows, shift_px=shifts, magnification=1.01, roll_rad=roll, n_rows=60, n_columns=50)
    part = undo_displacement(
        spline_coefficients(seen[:, needed]),
        shift_px=shifts,
        magnification=1.01,
        roll_rad=roll,
        first_row=needed.start,
        n_rows=60,
        rows=rows,
    )
    np.testing.assert_allclose(part, back[:, rows], atol=3e-4)


def test_roll_turns_from_u_towards_v():
    frame = np.zeros((1, 41, 41), np.float32)
    frame[0, 20, 35] = 1.0
    frame = gaussian_filter(frame, (0, 1.5, 1.5))
    seen = apply_displacement(
        spline_coefficients(frame), shift_px=np.zeros((1, 2)), magnification=1.0, roll_rad=np.deg2rad(10)
    )
    v, u = center_of_mass(seen[0])
    assert v - 20 == pytest.approx(15 * np.sin(np.deg2rad(10)), abs=0.02)
    assert u - 20 == pytest.approx(15 * np.cos(np.deg2rad(10)), abs=0.02)
