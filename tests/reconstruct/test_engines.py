"""One contract for every engine: whatever is installed must mean the same by a sinogram."""

import importlib.util

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.engines import make_engine

HAS_TOMOPY = importlib.util.find_spec("tomopy") is not None
needs_tomopy = pytest.mark.skipif(not HAS_TOMOPY, reason="TomoPy is not installed (conda-forge only)")
ENGINES = ["fourier", pytest.param("tomopy", marks=needs_tomopy)]
SIZES = [64, 96, 97, 129]


def half_turn(n_angles):
    return np.linspace(0, np.pi, n_angles, endpoint=False)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("offset", [0.0, 2.3, -4.5])
@pytest.mark.parametrize("name", ENGINES)
def test_discs_come_back_at_their_place_and_value(name, n, offset, asymmetric_discs):
    phantom, angles = asymmetric_discs(n), half_turn(2 * n)
    centre = (n - 1) / 2 + offset
    image = make_engine(name).reconstruct(phantom.sinogram(angles, n, centre)[None], angles, centre=centre)[0]
    for index, (_, _, _, value) in enumerate(phantom.discs):
        assert image[phantom.inside(n, index, margin=2)].mean() == pytest.approx(value, rel=0.01)
    assert image[phantom.inside(n, None, margin=2)].mean() == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize("n", [64, 65])
@pytest.mark.parametrize("name", ENGINES)
def test_spot_lands_on_its_pixel_within_a_hundredth(name, n):
    angles, x, y = half_turn(2 * n), 7.0, -4.0
    centre = (n - 1) / 2 + 1.25
    columns = np.arange(n) - (centre + x * np.cos(angles) - y * np.sin(angles))[:, None]
    image = make_engine(name).reconstruct(np.exp(-(columns**2) / 8)[None], angles, centre=centre)[0]
    rows, cols = np.mgrid[:n, :n] - (n - 1) / 2
    near = np.hypot(cols - x, rows - y) < 8
    weight = image[near] - np.median(image)
    assert np.average(cols[near], weights=weight) == pytest.approx(x, abs=0.01)
    assert np.average(rows[near], weights=weight) == pytest.approx(y, abs=0.01)


@pytest.mark.parametrize("name", ENGINES)
def test_slice_keeps_the_mass_of_its_projections(name, asymmetric_discs):
    n, angles = 96, half_turn(150)
    sinogram = asymmetric_discs(n).sinogram(angles, n, 47.5)
    image = make_engine(name).reconstruct(sinogram[None], angles, centre=47.5)[0]
    assert image.sum() == pytest.approx(sinogram.sum(axis=1).mean(), rel=0.005)


@pytest.mark.parametrize("name", ENGINES)
def test_reconstruction_is_linear(name):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 3, 40, 48)).astype(np.float32)
    angles, engine = half_turn(40), make_engine(name)
    both = engine.reconstruct(2 * a - 3 * b, angles, centre=23.0)
    apart = 2 * engine.reconstruct(a, angles, centre=23.0) - 3 * engine.reconstruct(b, angles, centre=23.0)
    np.testing.assert_allclose(both, apart, atol=2e-4 * np.abs(apart).max())


@pytest.mark.parametrize("n_slices", [1, 2, 5, 17])
@pytest.mark.parametrize("name", ENGINES)
def test_slices_do_not_influence_each_other(name, n_slices):
    rng = np.random.default_rng(2)
    sinograms = rng.normal(size=(n_slices, 30, 32)).astype(np.float32)
    angles, engine = half_turn(30), make_engine(name)
    together = engine.reconstruct(sinograms, angles, centre=15.5)
    alone = engine.reconstruct(sinograms[-1:], angles, centre=15.5)
    np.testing.assert_allclose(together[-1], alone[0], atol=2e-4 * np.abs(alone).max())


@pytest.mark.parametrize("name", ENGINES)
def test_turning_the_angles_turns_the_slice(name, asymmetric_discs):
    n, angles, centre = 65, half_turn(130), 32.0
    engine, sinogram = make_engine(name), asymmetric_discs(65).sinogram(half_turn(130), n, centre)
    straight = engine.reconstruct(sinogram[None], angles, centre=centre)[0]
    turned = engine.reconstruct(sinogram[None], angles + np.pi / 2, centre=centre)[0]
    inside = np.hypot(*(np.mgrid[:n, :n] - (n - 1) / 2)) < 0.45 * n
    # u = centre + X cos t - Y sin t: a quarter turn more at the same u puts what was at (X, Y) to (Y, -X)
    np.testing.assert_allclose(turned[inside], np.rot90(straight)[inside], atol=0.03)


@pytest.mark.parametrize("n", [48, 49])
@pytest.mark.parametrize("name", ENGINES)
def test_projection_is_the_line_integral(name, n):
    angles, centre = np.array([0.0, 0.3, 1.1, 2.0, 3.0]), (n - 1) / 2 - 1.7
    rows, cols = np.mgrid[:n, :n] - (n - 1) / 2
    spots = np.stack([np.exp(-((cols - 6) ** 2 + (rows + 3) ** 2) / 8), np.exp(-(cols**2 + (rows - 5) ** 2) / 8)])
    expected = []
    for x, y in ((6, -3), (0, 5)):
        distance = np.arange(n) - (centre + x * np.cos(angles) - y * np.sin(angles))[:, None]
        expected.append(np.sqrt(8 * np.pi) * np.exp(-(distance**2) / 8))
    projected = make_engine(name).project(spots.astype(np.float32), angles, centre=centre)
    np.testing.assert_allclose(projected, expected, atol=2e-3)


@pytest.mark.parametrize("name", ENGINES)
def test_uneven_and_repeated_angles_are_weighted_by_their_arc(name, asymmetric_discs):
    n = 64
    rng = np.random.default_rng(3)
    angles = np.sort(np.concatenate([half_turn(180), half_turn(60)[:30]])) + rng.uniform(0, 0.004, 210)
    phantom = asymmetric_discs(n)
    image = make_engine(name).reconstruct(phantom.sinogram(angles, n, 31.5)[None], angles, centre=31.5)[0]
    for index, (_, _, _, value) in enumerate(phantom.discs):
        assert image[phantom.inside(n, index, margin=2)].mean() == pytest.approx(value, rel=0.01)


@needs_tomopy
@pytest.mark.parametrize("n", [96, 97, 128])
def test_engines_agree_within_one_percent(n, asymmetric_discs):
    phantom, angles, centre = asymmetric_discs(n), half_turn(2 * n), (n - 1) / 2 + 1.4
    sinogram = phantom.sinogram(angles, n, centre)[None]
    ours, theirs = (make_engine(name).reconstruct(sinogram, angles, centre=centre)[0] for name in ("fourier", "tomopy"))
    for index, (_, _, _, value) in enumerate(phantom.discs):
        core = phantom.inside(n, index, margin=2)
        assert theirs[core].mean() == pytest.approx(ours[core].mean(), rel=0.01), value


def test_unknown_engine_is_refused_by_name():
    with pytest.raises(DataError, match=r"Engine 'astra' is not known. Use auto, fourier or tomopy"):
        make_engine("astra")


@pytest.mark.skipif(HAS_TOMOPY, reason="TomoPy is installed")
def test_missing_tomopy_says_where_to_get_it():
    with pytest.raises(DataError, match=r"not installed here. Install it from conda-forge"):
        make_engine("tomopy")


@pytest.mark.skipif(HAS_TOMOPY, reason="TomoPy is installed")
def test_auto_takes_the_fourier_engine_without_tomopy():
    assert make_engine("auto").name == "fourier"


@pytest.mark.parametrize("name", ENGINES)
def test_wrong_number_of_angles_is_refused(name):
    with pytest.raises(DataError, match=r"with 7 angles; got an array of shape \(1, 8, 16\)"):
        make_engine(name).reconstruct(np.zeros((1, 8, 16), np.float32), half_turn(7), centre=7.5)
