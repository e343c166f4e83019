import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.reconstruct.alignment.binning import bin_frames, unbin_alignment
from xanesmap.reconstruct.alignment.displacement import Alignment


def alignment(n_v, n_u, *, shift, magnification, centre):
    return Alignment(
        shift_px=np.full((1, 3, 2), shift, float),
        magnification=np.array([magnification]),
        roll_rad=0.0,
        centre_px=np.array([centre], float),
        residual_px=np.full((1, 3), 0.02),
        kept=np.ones((1, 3), bool),
        air_level=np.zeros((1, 3)),
        pattern=np.ones((1, n_v, n_u), np.float32),
        contrast=np.ones(1),
    )


def place(found, point, shape):
    """Where a point (v, u) of the undisturbed image appears."""
    middle = (np.array(shape) - 1) / 2
    return middle + found.magnification[0] * (np.asarray(point) - middle) + found.displacement_px[0, 0]


def test_blocks_are_averaged_and_the_rest_left_out():
    frames = np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)
    binned = bin_frames(frames, binning=2)
    assert binned.shape == (2, 2, 3)
    np.testing.assert_allclose(binned[0, 0, 0], frames[0, :2, :2].mean())
    np.testing.assert_allclose(binned[1, 1, 2], frames[1, 2:4, 4:6].mean())
    assert bin_frames(frames, binning=1) is frames


@given(
    binning=st.integers(1, 5),
    rest=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    magnification=st.floats(0.95, 1.05),
    shift=st.floats(-3, 3),
    centre=st.floats(5, 12),
)
def test_a_point_appears_at_the_same_place_of_the_detector(binning, rest, magnification, shift, centre):
    n_v, n_u = 12, 18
    rows, columns = n_v * binning + rest[0] % binning, n_u * binning + rest[1] % binning
    coarse = alignment(n_v, n_u, shift=shift, magnification=magnification, centre=centre)
    fine = unbin_alignment(coarse, binning=binning, n_rows=rows, n_columns=columns)
    assert fine.pattern.shape == (1, rows, columns)

    def in_pixels(block):
        return binning * np.asarray(block) + (binning - 1) / 2

    # along v a point of the object keeps its row; along u it keeps its distance from the axis, the middle of a detector
    point = np.array([3.0, 11.0])
    from_axis = binning * (point[1] - (n_u - 1) / 2)
    same = np.array([in_pixels(point[0]), (columns - 1) / 2 + from_axis])
    expected = in_pixels(place(coarse, point, (n_v, n_u)))
    np.testing.assert_allclose(place(fine, same, (rows, columns)), expected, atol=1e-9)


def test_errors_grow_with_the_pixels():
    fine = unbin_alignment(
        alignment(8, 8, shift=1.0, magnification=1.0, centre=3.5), binning=4, n_rows=32, n_columns=32
    )
    assert fine.residual_px[0, 0] == pytest.approx(0.08)
    np.testing.assert_allclose(fine.shift_px, 4.0)
