import dataclasses

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.correction import (
    DetectorNoise,
    attenuate,
    dead_pixels,
    lasting_saturation,
    saturated_pixels,
)
from xanesmap.reconstruct.scan import Frames

QUIET = DetectorNoise(gain=1.0, read_variance=0.0)
OFFSET = 100.0


def record(rng, light, *, gain=1.0, read_sd=0.0):
    counts = gain * rng.poisson(light) + OFFSET + rng.normal(0.0, read_sd, np.shape(light))
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def noisy_frames(rng, transmission, *, photons, gain=1.0, read_sd=0.0, n_flats=20):
    """Frames of a transmission `(angle, v, u)`."""
    frame = transmission.shape[1:]
    return Frames(
        projections=record(rng, photons * transmission, gain=gain, read_sd=read_sd),
        flats=record(rng, np.full((n_flats, *frame), photons), gain=gain, read_sd=read_sd),
        darks=record(rng, np.zeros((10, *frame)), gain=gain, read_sd=read_sd),
        source="e1.h5",
        datasets=("img_tomo", "img_bkg", "img_dark"),
        first_row=40,
    )


def exact_frames(attenuation, *, light=2000.0):
    """Frames without noise, as floating-point counts."""
    frame = attenuation.shape[1:]
    return Frames(
        projections=OFFSET + light * np.exp(-attenuation),
        flats=np.full((3, *frame), OFFSET + light),
        darks=np.full((2, *frame), OFFSET),
        source="e1.h5",
        datasets=("img_tomo", "img_bkg", "img_dark"),
        first_row=40,
    )


def smooth_attenuation(shape=(24, 5, 31)):
    angle, v, u = np.ogrid[: shape[0], : shape[1], : shape[2]]
    return 1.0 + 0.5 * np.sin(angle / 6 + v) * np.cos(u / 9)


def test_without_noise_the_attenuation_is_minus_the_logarithm_of_transmission():
    expected = smooth_attenuation()
    result = attenuate(exact_frames(expected), noise=DetectorNoise(gain=1e-9, read_variance=0.0), zinger_sigma=None)
    assert result.values.dtype == result.variance.dtype == result.flat_variance.dtype == np.float32
    np.testing.assert_allclose(result.values, expected, atol=2e-6)
    assert (result.n_bad, result.n_zingers, result.notes) == (0, 0, ())


def test_the_input_is_left_alone():
    frames = noisy_frames(np.random.default_rng(0), np.exp(-smooth_attenuation()), photons=2000.0)
    before = frames.projections.copy()
    attenuate(frames, noise=QUIET)
    np.testing.assert_array_equal(frames.projections, before)


@pytest.mark.parametrize("gain", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("photons", [50.0, 100.0, 500.0, 5000.0])
@pytest.mark.parametrize("read_sd", [0.0, 3.0])
def test_scatter_and_mean_of_500_frames_are_those_predicted(gain, photons, read_sd):
    rng = np.random.default_rng(int(photons))
    transmission = np.full((500, 2, 64), photons / 10000)
    frames = noisy_frames(rng, transmission, photons=10000.0, gain=gain, read_sd=read_sd, n_flats=100)
    # Counts are whole numbers: rounding adds 1/12.
    noise = DetectorNoise(gain=gain, read_variance=read_sd**2 + 1 / 12)
    result = attenuate(frames, noise=noise)
    n_pixels = 128
    ratio = result.values.var(axis=0, ddof=1).mean() / result.variance.mean()
    # Standard error of a variance: sqrt(2 / dof); 1 % more for higher orders of the logarithm at 50 photons.
    assert abs(ratio - 1) < 4 * np.sqrt(2 / (499 * n_pixels)) + 0.5 / photons
    error = result.values.mean() - np.log(10000 / photons)
    squared_error = (result.variance.mean() / 500 + result.flat_variance.mean()) / n_pixels
    # The second-order bias removed here would be 1 / (2 photons), 0.01 at 50; third-order terms stay.
    relative_variance = (gain * photons * gain + noise.read_variance) / (gain * photons) ** 2
    assert abs(error) < 4 * np.sqrt(squared_error) + relative_variance**2


def test_the_bias_of_the_logarithm_at_50_photons_is_removed():
    rng = np.random.default_rng(7)
    frames = noisy_frames(rng, np.full((400, 4, 128), 50 / 20000), photons=20000.0, n_flats=200)
    error = attenuate(frames, noise=QUIET).values.mean() - np.log(400)
    # Standard error 0.14 / sqrt(204800) = 0.0003 and 0.00003 of the flats; uncorrected the bias is 0.0102.
    assert abs(error) < 0.0012


def test_the_bias_of_a_faint_flat_is_removed():
    rng = np.random.default_rng(16)
    frames = noisy_frames(rng, np.ones((40, 4, 4096)), photons=100.0, n_flats=1)
    values = attenuate(frames, noise=QUIET, zinger_sigma=None).values
    # Standard error 0.1 / sqrt(16384) = 0.0008; uncorrected the bias is -1 / 200.
    assert abs(values.mean()) < 0.0025


def test_the_flat_variance_is_the_scatter_of_the_mean_over_angles():
    rng = np.random.default_rng(8)
    frames = noisy_frames(rng, np.full((400, 4, 512), 0.5), photons=1000.0, read_sd=5.0, n_flats=4)
    result = attenuate(frames, noise=DetectorNoise(gain=1.0, read_variance=25 + 1 / 12))
    means = result.values.mean(axis=0)
    expected = result.flat_variance.mean() + result.variance.mean() / 400
    assert means.var() / expected == pytest.approx(1.0, abs=4 * np.sqrt(2 / means.size))


def test_the_flat_variance_follows_from_counts_and_darks_by_hand():
    frames = exact_frames(np.full((8, 1, 4), np.log(4.0)), light=1000.0)
    result = attenuate(frames, noise=DetectorNoise(gain=2.0, read_variance=30.0))
    # Flats: (2 * 1000 + 30) / 1000^2 / 3; darks: 30 / 2 * (1/250 - 1/1000)^2.
    np.testing.assert_allclose(result.flat_variance, 2030 / 3e6 + 15 * 9e-6, rtol=1e-5)
    # Projections: 250 counts vary by 530, so 250 * (1 + 530 / 250^2 / 2) = 251.06 go into the logarithm.
    np.testing.assert_allclose(result.variance, (2 * 251.06 + 30) / 251.06**2, rtol=1e-5)


@pytest.mark.parametrize("cut", [1, 2, 3, 6])
def test_the_outcome_does_not_depend_on_how_rows_are_cut(cut):
    rng = np.random.default_rng(9)
    frames = noisy_frames(rng, np.exp(-smooth_attenuation((20, 6, 33))), photons=3000.0)
    frames.projections[rng.random(frames.projections.shape) < 1e-2] = 40000
    frames.flats[3, 2, 7] = 50000
    frames.flats[:, 4, 11] = 90
    whole = attenuate(frames, noise=QUIET)
    for start in range(0, 6, cut):
        rows = slice(start, start + cut)
        stacks = {name: getattr(frames, name)[:, rows] for name in ("projections", "flats", "darks")}
        part = attenuate(dataclasses.replace(frames, **stacks), noise=QUIET)
        np.testing.assert_array_equal(part.values, whole.values[:, rows])
        np.testing.assert_array_equal(part.variance, whole.variance[:, rows])
        np.testing.assert_array_equal(part.flat_variance, whole.flat_variance[rows])


def test_zingers_are_replaced_counted_and_told():
    rng = np.random.default_rng(10)
    frames = noisy_frames(rng, np.exp(-smooth_attenuation()), photons=5000.0)
    clean = attenuate(frames, noise=QUIET)
    frames.projections[7, 2, 13] = 50000
    frames.flats[1, 3, 4] = 65535
    frames.darks[0, 1, 9] = 60000
    result = attenuate(frames, noise=QUIET)
    assert (clean.n_zingers, result.n_zingers) == (0, 3)
    assert [note.split(" ", 1)[0] for note in result.notes] == ["1", "2"]
    assert abs(result.values[7, 2, 13] - smooth_attenuation()[7, 2, 13]) < 0.1
    elsewhere = np.ones(result.values.shape, dtype=bool)
    elsewhere[7, 2, 13] = elsewhere[:, 3, 4] = elsewhere[:, 1, 9] = False
    np.testing.assert_array_equal(result.values[elsewhere], clean.values[elsewhere])
    kept = attenuate(frames, noise=QUIET, zinger_sigma=None)
    assert kept.n_zingers == 0
    assert kept.values[7, 2, 13] < -1


@pytest.mark.parametrize(
    ("stack", "value"),
    [
        ("flats", 100),
        ("flats", 60),
        ("flats", 300),
        ("flats", 65535),
        ("projections", 100),
        ("projections", 65535),
    ],
)
def test_bad_pixels_are_filled_from_neighbours_counted_and_told(stack, value):
    expected = smooth_attenuation()
    rng = np.random.default_rng(11)
    frames = noisy_frames(rng, np.exp(-expected), photons=5000.0)
    getattr(frames, stack)[:, 2, 13] = value
    result = attenuate(frames, noise=QUIET)
    assert result.n_bad == expected.shape[0]
    assert any("filled from neighbours" in note for note in result.notes)
    assert np.isfinite(result.values).all()
    # Neighbours differ by less than 0.06 from column to column; the median of six has a noise of 0.02.
    assert np.abs(result.values[:, 2, 13] - expected[:, 2, 13]).max() < 0.15
    # The variance holds the noise and the disagreement of the neighbours.
    assert (result.variance[:, 2, 13] > result.variance[:, 2, 16].mean()).mean() > 0.9


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e308, -1e30])
@pytest.mark.parametrize(
    ("stack", "dataset", "index"),
    [("projections", "img_tomo", 5), ("flats", "img_bkg", 1), ("darks", "img_dark", 0)],
)
def test_counts_that_are_no_numbers_are_refused_naming_dataset_and_frame(stack, dataset, index, wrong):
    frames = exact_frames(smooth_attenuation())
    getattr(frames, stack)[index, 1, 3] = wrong
    with pytest.raises(DataError, match=rf"e1\.h5: dataset '{dataset}' holds NaN, .* in frame {index} \(1 such"):
        attenuate(frames, noise=QUIET)


def changed(**stacks):
    return dataclasses.replace(
        noisy_frames(np.random.default_rng(12), np.exp(-smooth_attenuation()), photons=5000.0), **stacks
    )


FRAME = (1, 5, 31)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (
            changed(flats=np.ones(FRAME, np.uint16), darks=np.zeros(FRAME, np.uint16)),
            "'img_bkg' holds only ones",
        ),
        (changed(flats=np.zeros(FRAME, np.uint16)), "'img_bkg' holds no light"),
        (changed(flats=np.full(FRAME, 100), darks=np.full(FRAME, 5000)), "'img_bkg' holds no light"),
        (changed(projections=np.full((24, 5, 31), 90)), "no counts over the dark in detector row 40"),
        (
            changed(projections=np.full((24, 5, 31), 65535, np.uint16)),
            "no counts over the dark in detector row 40",
        ),
    ],
)
def test_frames_that_cannot_be_normalised_are_refused_with_a_remedy(frames, words):
    with pytest.raises(DataError, match=rf"e1\.h5: dataset {words}|e1\.h5: .*{words}") as caught:
        attenuate(frames, noise=QUIET)
    assert "\n" not in str(caught.value)
    assert "leave" in str(caught.value) or "Cut" in str(caught.value)


def test_a_row_without_a_working_pixel_is_named():
    frames = changed()
    frames.flats[:, 3] = 100
    with pytest.raises(DataError, match="detector row 43 has no working pixel"):
        attenuate(frames, noise=QUIET)


def test_more_bad_pixels_than_can_be_filled_are_refused():
    frames = changed()
    frames.flats[:, :, 3:6] = 100
    with pytest.raises(DataError, match=r"e1\.h5: 9\.7 % of the pixels of 'img_tomo' in detector rows 40 to 44"):
        attenuate(frames, noise=QUIET)


def test_normalised_projections_with_flats_of_ones_are_accepted():
    expected = smooth_attenuation()
    frames = Frames(projections=np.exp(-expected), flats=np.ones(FRAME), darks=np.zeros(FRAME))
    result = attenuate(frames, noise=DetectorNoise(gain=1e-9, read_variance=0.0), zinger_sigma=None)
    np.testing.assert_allclose(result.values, expected, atol=2e-6)
    np.testing.assert_array_equal(result.flat_variance, 0.0)


def test_dead_pixels_are_told_from_a_field_that_falls_off():
    light = np.outer(np.linspace(0.5, 1, 6), np.exp(-(np.linspace(-2, 2, 60) ** 2))).astype(np.float32) * 1000
    assert not dead_pixels(light).any()
    light[2, 30], light[4, 10] = 0.1 * light[2, 29], -3.0
    np.testing.assert_array_equal(np.argwhere(dead_pixels(light)), [[2, 30], [4, 10]])


def test_saturation_is_the_top_of_an_integer_type():
    np.testing.assert_array_equal(saturated_pixels(np.array([65534, 65535], np.uint16)), [False, True])
    np.testing.assert_array_equal(saturated_pixels(np.array([65535.0, 1e9])), [False, False])


def test_saturation_in_one_frame_of_many_is_a_zinger_not_a_lost_pixel():
    frames = np.zeros((5, 1, 3), np.uint16)
    frames[0, 0, 1] = frames[:3, 0, 2] = 65535
    np.testing.assert_array_equal(lasting_saturation(frames), [[False, False, True]])
    np.testing.assert_array_equal(lasting_saturation(frames[:2]), [[False, True, True]])
