import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.frame_stack import stack_frames
from xanesmap.reconstruct.simulator.optics import spline_coefficients


def frames(seed, n_angles=9, shape=(20, 24)):
    v, u = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    ball = np.exp(-((v - 9) ** 2 + (u - 11) ** 2) / 10)
    return (ball + np.random.default_rng(seed).normal(scale=0.01, size=(n_angles, *shape)) + 0.3).astype(np.float32)


def angles(n):
    return np.linspace(0, np.pi, n, endpoint=False)


def test_frames_on_disk_are_those_in_memory(tmp_path):
    given = [frames(0), frames(1, 11)]
    held = stack_frames(given, [angles(9), angles(11)])
    kept = stack_frames(iter(given), [angles(9), angles(11)], scratch=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    for one, other in zip(held.coefficients, kept.coefficients, strict=True):
        np.testing.assert_array_equal(one, other)


def test_air_is_taken_off_and_told():
    stack = stack_frames([frames(0)], [angles(9)])
    np.testing.assert_allclose(stack.air_levels[0], 0.3, atol=0.005)
    levelled = frames(0) - stack.air_levels[0][:, None, None]
    np.testing.assert_allclose(stack.coefficients[0], spline_coefficients(levelled), atol=1e-6)
    np.testing.assert_allclose(stack.profiles[0], levelled.sum(axis=2), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(stack.centres_of_mass[0], [[9, 11]] * 9, atol=0.15)


def test_energies_with_the_same_angles_are_grouped():
    stack = stack_frames([frames(0), frames(1, 11), frames(2)], [angles(9), angles(11), angles(9)])
    assert stack.groups == ((0, 2), (1,))


def test_frames_of_another_size_are_refused():
    with pytest.raises(DataError, match="energy number 2 have the shape"):
        stack_frames([frames(0), frames(1, shape=(20, 25))], [angles(9)] * 2)


def test_too_few_angles_are_refused_before_anything_is_read():
    def never():
        raise AssertionError
        yield

    with pytest.raises(DataError, match="a tomogram of 7 angles; it needs 8"):
        stack_frames(never(), [angles(9), angles(7)])
