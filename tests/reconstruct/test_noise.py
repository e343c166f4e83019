import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.noise import estimate_noise, estimate_noise_from_projections
from xanesmap.reconstruct.scan import Frames


def record(rng, light, *, gain, read_sd, offset=100.0):
    counts = gain * rng.poisson(light) + offset + rng.normal(0.0, read_sd, np.shape(light))
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def references(rng, *, n_flats, gain, read_sd=3.0, photons=3000.0, flicker=0.0, shape=(96, 128)):
    field = photons * (1 + 0.3 * np.cos(np.linspace(0, 9, shape[1]))) * np.ones(shape)
    lamp = 1 + flicker * rng.standard_normal((n_flats, 1, 1))
    flats = record(rng, field * lamp, gain=gain, read_sd=read_sd)
    darks = record(rng, np.zeros((10, *shape)), gain=gain, read_sd=read_sd)
    return flats, darks


@pytest.mark.parametrize("gain", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("n_flats", [5, 12, 30])
def test_photon_transfer_recovers_gain_and_read_noise(gain, n_flats):
    rng = np.random.default_rng(n_flats)
    noise = estimate_noise(*references(rng, n_flats=n_flats, gain=gain))
    # 12288 pixels, n - 1 degrees of freedom each: standard error of the gain sqrt(2 / dof) is 0.6 % or less.
    assert noise.gain == pytest.approx(gain, rel=0.03)
    # Rounding to whole counts adds 1/12 to the read variance of 9.
    assert noise.read_variance == pytest.approx(9 + 1 / 12, rel=0.03)


def test_three_flats_are_enough_and_unbiased():
    gains = [estimate_noise(*references(np.random.default_rng(seed), n_flats=3, gain=2.0)).gain for seed in range(8)]
    # Standard error per estimate sqrt(2 / (2 * 12288)) = 0.9 %, of the mean of eight 0.32 %.
    assert np.mean(gains) == pytest.approx(2.0, rel=0.012)


def test_read_noise_is_not_taken_for_photon_noise():
    flats, darks = references(np.random.default_rng(14), n_flats=20, gain=1.0, photons=50.0, read_sd=6.0)
    # The read variance, 36, is two thirds of the photons' own 50.
    assert estimate_noise(flats, darks).gain == pytest.approx(1.0, rel=0.03)


def test_lamp_flicker_is_not_taken_for_photon_noise():
    noise = estimate_noise(*references(np.random.default_rng(1), n_flats=10, gain=1.0, flicker=0.05))
    assert noise.gain == pytest.approx(1.0, rel=0.03)


def test_zingers_and_hot_pixels_leave_the_estimate_alone():
    rng = np.random.default_rng(2)
    flats, darks = references(rng, n_flats=10, gain=1.0)
    flats[rng.random(flats.shape) < 1e-4] = 60000
    hot = rng.random(darks.shape[1:]) < 5e-4
    darks[:, hot] = rng.integers(100, 60000, (darks.shape[0], np.count_nonzero(hot)))
    noise = estimate_noise(flats, darks)
    assert noise.gain == pytest.approx(1.0, rel=0.03)
    assert noise.read_variance == pytest.approx(9 + 1 / 12, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 512), (7, 101), (33, 64)])
def test_few_rows_do(shape):
    gains = [
        estimate_noise(*references(np.random.default_rng(s), n_flats=20, gain=1.0, shape=shape)).gain for s in range(9)
    ]
    error = np.sqrt(2 / (19 * np.prod(shape) * 9))
    assert abs(np.mean(gains) - 1.0) < 4 * error + 0.002


def test_a_single_dark_leaves_the_read_noise_in_the_gain():
    flats, darks = references(np.random.default_rng(3), n_flats=10, gain=1.0, photons=1e4)
    noise = estimate_noise(flats, darks[:1])
    assert noise.read_variance == 0.0
    assert noise.gain == pytest.approx(1.0, rel=0.03)


def test_too_few_or_lifeless_flats_give_none():
    flats, darks = references(np.random.default_rng(4), n_flats=4, gain=1.0)
    assert estimate_noise(flats[:2], darks) is None
    assert estimate_noise(np.repeat(flats[:1], 5, axis=0), darks[:1]) is None
    assert estimate_noise(np.zeros_like(flats), darks) is None
    assert estimate_noise(np.ones((5, 8, 8)), np.zeros((1, 8, 8))) is None


def projected(rng, *, gain, n_flats, flicker=0.0, n_angles=60, shape=(8, 96), photons=4000.0, read_sd=3.0):
    """Raw frames of a slowly turning smooth sample."""
    u = np.arange(shape[1])[None, :]
    track = 48 + 20 * np.cos(np.linspace(0, np.pi, n_angles))[:, None]
    path = 0.8 * np.exp(-(((u - track) / 12) ** 2))[:, None, :]  # (angle, 1, u)
    lamp = 1 + flicker * rng.standard_normal((n_angles, 1, 1))
    light = photons * lamp * np.exp(-path) * np.ones((1, shape[0], 1))
    flats, darks = references(rng, n_flats=n_flats, gain=gain, read_sd=read_sd, photons=photons, shape=shape)
    field = 1 + 0.3 * np.cos(np.linspace(0, 9, shape[1]))
    return Frames(projections=record(rng, light * field, gain=gain, read_sd=read_sd), flats=flats, darks=darks)


@pytest.mark.parametrize("gain", [0.5, 2.0])
@pytest.mark.parametrize("n_flats", [1, 2])
def test_projections_alone_give_the_gain(gain, n_flats):
    frames = projected(np.random.default_rng(5), gain=gain, n_flats=n_flats, flicker=0.02)
    noise = estimate_noise_from_projections(frames)
    # The median of 11520 squared differences has a standard error of 2 %.
    assert noise.gain == pytest.approx(gain, rel=0.08)


def test_read_noise_of_the_projections_is_not_taken_for_photon_noise():
    frames = projected(np.random.default_rng(15), gain=1.0, n_flats=2, photons=100.0, read_sd=8.0)
    assert estimate_noise_from_projections(frames).gain == pytest.approx(1.0, rel=0.15)


def test_normalised_projections_without_flats_give_their_own_noise():
    rng = np.random.default_rng(6)
    transmission = rng.poisson(2000.0, (40, 6, 64)) / 2000.0
    frames = Frames(projections=transmission, flats=np.ones((1, 6, 64)), darks=np.zeros((1, 6, 64)))
    assert estimate_noise_from_projections(frames).gain == pytest.approx(1 / 2000, rel=0.1)


def test_projections_without_noise_are_refused():
    frames = Frames(
        projections=np.full((10, 4, 8), 500.0),
        flats=np.full((1, 4, 8), 1000.0),
        darks=np.zeros((1, 4, 8)),
        source="a.h5",
    )
    with pytest.raises(DataError, match=r"a\.h5: dataset 'projections' shows no noise"):
        estimate_noise_from_projections(frames)


@pytest.mark.parametrize("absurd", [np.inf, -np.inf, np.nan, 1e308, -1e308, 1e19])
@pytest.mark.parametrize("which", [0, 1])
def test_counts_that_no_detector_delivers_give_none_and_no_warning(absurd, which):
    stacks = [frames.astype(np.float64) for frames in references(np.random.default_rng(3), n_flats=5, gain=1.0)]
    stacks[which][:, 5:50] = absurd
    assert estimate_noise(*stacks) is None


@pytest.mark.parametrize("absurd", [np.inf, 1e308, np.nan])
@pytest.mark.parametrize("which", ["projections", "flats", "darks"])
def test_projections_that_no_detector_delivers_are_refused_without_a_warning(absurd, which):
    rng = np.random.default_rng(4)
    stacks = {name: rng.poisson(900.0, (4, 6, 8)).astype(np.float64) for name in ("projections", "flats", "darks")}
    stacks[which][:] = absurd
    with pytest.raises(DataError, match="shows no noise"):
        estimate_noise_from_projections(Frames(**stacks))
