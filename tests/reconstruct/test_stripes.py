import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.stripes import remove_stripes


@pytest.fixture
def values():
    """`(angle, v, u)` attenuation of two turning round particles, another in each row."""
    theta = np.linspace(0, np.pi, 181)[:, None, None]
    row = np.arange(3)[None, :, None]
    u = np.arange(200) - 99.5
    path = np.zeros((181, 3, 200))
    for x, y, radius in ((40.0, 10.0, 25.0), (-30.0, -35.0, 30.0)):
        distance = (u - (x + 5 * row) * np.cos(theta) + y * np.sin(theta)) / radius
        path += 0.6 * np.sqrt(np.maximum(1 - distance**2, 0))
    return path.astype(np.float32)


def column_error(measured, truth):
    """Root mean square over columns of the mean error over angles: what makes rings."""
    return np.sqrt(np.mean((measured - truth).mean(axis=0) ** 2))


def test_no_method_returns_the_input(values):
    assert remove_stripes(values, method="none") is values


def test_sorting_removes_most_of_the_stripes_and_little_else(values):
    stripes = np.random.default_rng(0).normal(0.0, 0.05, (1, 3, 200)).astype(np.float32)
    striped = values + stripes
    before = striped.copy()
    cleaned = remove_stripes(striped, method="sorting")
    assert cleaned.dtype == np.float32
    assert cleaned.shape == values.shape
    np.testing.assert_array_equal(striped, before)
    assert column_error(cleaned, values) < 0.5 * column_error(striped, values)
    assert np.abs(remove_stripes(values, method="sorting") - values).mean() < 0.01


def test_all_mends_a_dead_column_better_than_sorting(values):
    noise = np.random.default_rng(1).normal(0.0, 0.01, values.shape).astype(np.float32)
    dead = values + noise
    dead[:, 1, 60] = 2.0
    error = {
        method: np.abs(remove_stripes(dead, method=method) - values)[:, 1, 60].mean()
        for method in ("none", "sorting", "all")
    }
    assert error["all"] < 0.2 * error["sorting"]
    assert error["sorting"] < error["none"]


@pytest.mark.parametrize("method", ["sorting", "all"])
def test_each_detector_row_is_cleaned_by_itself(values, method):
    together = remove_stripes(values, method=method)
    alone = remove_stripes(values[:, 1:2], method=method)
    np.testing.assert_array_equal(together[:, 1:2], alone)


@pytest.mark.parametrize("n_columns", [16, 33, 64])
def test_narrow_frames_are_cleaned(values, n_columns):
    cleaned = remove_stripes(values[..., :n_columns], method="sorting")
    assert np.isfinite(cleaned).all()


def test_too_narrow_frames_are_refused():
    with pytest.raises(DataError, match="'sorting' asked of frames with 15 columns"):
        remove_stripes(np.zeros((20, 1, 15), dtype=np.float32), method="sorting")
