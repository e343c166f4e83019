import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from xanesmap.reconstruct.alignment.shell_correlation import fourier_shell_correlation, information_threshold

SHAPE = (40, 72, 56)  # sides that differ
VOXEL_UM = 0.08


def coloured(seed, amplitude, shape=SHAPE):
    """Random volume whose Fourier amplitude is a function of frequency in 1/voxel."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    axes = np.ix_(*[np.fft.fftfreq(n) for n in shape[:-1]], np.fft.rfftfreq(shape[-1]))
    frequency = np.sqrt(sum(f**2 for f in axes))
    return scipy.fft.irfftn(scipy.fft.rfftn(noise) * amplitude(frequency), shape)


def white(seed, shape=SHAPE):
    return coloured(seed, np.ones_like, shape)


def blurred(frequency, sigma=1.5):
    """Amplitude of a Gaussian of standard deviation `sigma` voxels, raised so that low frequencies stand out."""
    return 30 * np.exp(-2 * (np.pi * frequency * sigma) ** 2)


def test_known_signal_to_noise_gives_its_correlation():
    signal = coloured(0, blurred)
    found = fourier_shell_correlation(signal + white(1), signal + white(2), voxel_um=VOXEL_UM, window=np.ones(SHAPE))
    snr = blurred(found.frequency_per_um * VOXEL_UM) ** 2
    expected = snr / (1 + snr)
    # five standard errors, and the change of the expectation within a shell
    tolerance = 5 * (1 - expected**2) / np.sqrt(found.n_voxels) + 0.03
    np.testing.assert_array_less(np.abs(found.correlation - expected), tolerance)


def test_a_volume_agrees_with_itself_entirely():
    volume = coloured(0, blurred)
    found = fourier_shell_correlation(volume, 3 * volume + 1, voxel_um=VOXEL_UM)
    np.testing.assert_allclose(found.correlation, 1, atol=1e-4)
    assert found.resolution_um is None
    assert found.resolution_one_seventh_um is None
    assert found.finest_um == pytest.approx(2 * VOXEL_UM)


@pytest.mark.parametrize("seed", range(4))
def test_noise_does_not_agree(seed):
    found = fourier_shell_correlation(white(seed), white(seed + 100), voxel_um=VOXEL_UM, window=np.ones(SHAPE))
    np.testing.assert_array_less(np.abs(found.correlation), 4.5 / np.sqrt(found.n_voxels))
    assert found.resolution_um == np.inf


def test_a_window_and_an_offset_do_not_make_noise_agree():
    # an offset of 50 standard deviations, cut by the window, would dominate both halves if it were left in
    found = fourier_shell_correlation(white(1) + 50, white(2) + 50, voxel_um=VOXEL_UM)
    assert np.abs(found.correlation[found.n_voxels > 1000]).max() < 0.15


def test_a_slab_cut_out_of_an_object_does_not_show_detail_that_is_not_there():
    tall = (64, 64, 64)
    signal = 50 * coloured(0, lambda f: np.exp(-2 * (np.pi * f * 3.0) ** 2), tall)
    halves = [(signal + white(seed, tall))[20:32] for seed in (1, 2)]
    found = fourier_shell_correlation(*halves, voxel_um=1.0)
    beyond = found.frequency_per_um > 0.35  # there the signal is below 1e-8 of the noise
    np.testing.assert_array_less(found.correlation[beyond], found.half_bit[beyond])


@pytest.mark.parametrize("sigma", [1.2, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_resolution_of_a_blurred_object_is_where_theory_has_it(sigma, seed):
    signal = coloured(seed, lambda f: blurred(f, sigma))
    found = fourier_shell_correlation(
        signal + white(seed + 10), signal + white(seed + 20), voxel_um=VOXEL_UM, window=np.ones(SHAPE)
    )
    snr = blurred(found.frequency_per_um * VOXEL_UM, sigma) ** 2
    below = np.argmax(snr / (1 + snr) < found.half_bit)
    expected = np.interp(
        0, (found.half_bit - snr / (1 + snr))[[below - 1, below]], found.frequency_per_um[[below - 1, below]]
    )
    assert 1 / found.resolution_um == pytest.approx(expected, abs=1 / (max(SHAPE) * VOXEL_UM))
    # 1/7 is the milder criterion, since in shells of many voxels half a bit stands at 0.17
    assert found.resolution_one_seventh_um <= found.resolution_um + 1e-9


def test_thresholds_have_the_published_values():
    assert information_threshold(np.array([1e12]), bits=0.5) == pytest.approx(0.1716, abs=1e-4)
    assert information_threshold(np.array([1e12]), bits=1.0) == pytest.approx(1 / 3, abs=1e-4)
    n = 50.0
    published = (0.2071 + 1.9102 / np.sqrt(n)) / (1.2071 + 0.9102 / np.sqrt(n))
    assert information_threshold(np.array([n]), bits=0.5) == pytest.approx(published, abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 13), st.integers(4, 17), st.integers(4, 17)),
    gain=st.floats(0.1, 10),
    seed=st.integers(0, 1000),
)
def test_correlation_is_symmetric_bounded_and_without_scale(shape, gain, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, *shape))
    one = fourier_shell_correlation(first, second, voxel_um=1.0)
    other = fourier_shell_correlation(second, gain * first, voxel_um=1.0)
    np.testing.assert_allclose(one.correlation, other.correlation, atol=1e-4)
    assert np.abs(one.correlation).max() <= 1 + 1e-5


def test_an_empty_half_has_nothing_in_common():
    found = fourier_shell_correlation(np.zeros((4, 8, 8)), white(0, (4, 8, 8)), voxel_um=1.0)
    np.testing.assert_array_equal(found.correlation, 0)
    assert found.resolution_um == np.inf
