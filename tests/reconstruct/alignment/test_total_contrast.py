"""The total spectrum: a fixed combination of the object's spectra, blind to the lamp."""

import numpy as np

from xanesmap.reconstruct.alignment.total_contrast import total_contrast


def frames(spectra, *, seed=0, noise=0.0, n=(20, 24, 40), turning=1.0):
    """`(energy, angle, v, u)` of two blobs of different spectra, `(energy, 2)`."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[: n[1], : n[2]]
    turn = np.cos(np.pi * np.arange(n[0]) / n[0])[:, None, None] * turning
    first = np.exp(-0.5 * (((v - 10) / 4) ** 2 + ((u - 20 + 6 * turn) / 5) ** 2))
    second = np.exp(-0.5 * ((v - 14) ** 2 + (u - 20 - 9 * turn) ** 2) / 16)
    image = np.tensordot(np.asarray(spectra), np.stack([first, second]), 1)
    return (image + noise * rng.standard_normal(image.shape)).astype(np.float32)


SPECTRA = np.column_stack([[0.2, 0.3, 1.2, 1.0, 0.9], [0.2, 0.2, 0.8, 1.4, 1.0]])


def test_it_is_one_combination_of_the_spectra_in_the_object():
    found = total_contrast(frames(SPECTRA))
    weights, *_ = np.linalg.lstsq(SPECTRA, found, rcond=None)
    np.testing.assert_allclose(SPECTRA @ weights, found, rtol=1e-5)
    assert (weights > 0).all()
    assert found.mean() == 1 or abs(found.mean() - 1) < 1e-5


def test_the_lamp_does_not_count():
    still = frames(SPECTRA)
    lamp = np.random.default_rng(1).normal(0, 0.3, still.shape[:2]).astype(np.float32)
    np.testing.assert_allclose(total_contrast(still + lamp[:, :, None, None]), total_contrast(still), rtol=1e-4)


def test_what_is_fixed_in_the_detector_does_not_count():
    still = frames(SPECTRA)
    pattern = np.random.default_rng(2).normal(0, 0.1, (5, 1, *still.shape[2:])).astype(np.float32)
    # only through the mean of all energies, to which the pattern belongs as well
    np.testing.assert_allclose(total_contrast(still + pattern), total_contrast(still), atol=0.004)


def test_an_object_that_does_not_move_with_the_angle_is_weighed_all_the_same():
    found = total_contrast(frames(SPECTRA, turning=0.0))
    weights, *_ = np.linalg.lstsq(SPECTRA, found, rcond=None)
    np.testing.assert_allclose(SPECTRA @ weights, found, rtol=1e-5)
    assert (weights > 0).all()


def test_noise_averages_out_and_a_pixel_of_motion_hardly_counts():
    noisy = total_contrast(frames(SPECTRA, noise=0.05))
    # 0.05 over the root of 20 frames of about 100 pixels, of which a third of the height moves: 0.003, four times
    np.testing.assert_allclose(noisy, total_contrast(frames(SPECTRA)), atol=0.012)
    moved = frames(SPECTRA)
    moved[2] = np.roll(moved[2], 1, axis=-1)
    np.testing.assert_allclose(total_contrast(moved), total_contrast(frames(SPECTRA)), rtol=0.03)


def test_frames_that_do_not_correspond_or_show_nothing_give_zeros():
    unequal = [frames(SPECTRA)[0], frames(SPECTRA, n=(19, 24, 40))[1]]
    assert (total_contrast(unequal) == 0).all()
    assert (total_contrast(np.zeros((3, 4, 5, 6), np.float32)) == 0).all()
