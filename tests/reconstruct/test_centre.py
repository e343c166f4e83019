import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.centre import (
    centre_by_mass,
    centre_by_symmetry,
    find_centre,
    given_centre,
    object_window,
)
from xanesmap.reconstruct.relative_centre import find_centres

ANGLES = np.linspace(0, np.pi, 121, endpoint=False)


def stack(discs, n_u, centre, *, angles=ANGLES, rows=24, noise=0.007, seed=0):
    """`(angle, v, u)` projections of the same discs in the middle rows, with white noise."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(scale=noise, size=(len(angles), rows, n_u)).astype(np.float32)
    frames[:, 4:-4] += 0.006 * discs.sinogram(angles, n_u, centre)[:, None, :]
    return frames


@pytest.mark.parametrize("n_u", [80, 97])
@pytest.mark.parametrize("offset", [-3.7, 0.0, 2.25])
@pytest.mark.parametrize("seed", [0, 1])
def test_centre_of_mass_finds_the_axis_to_a_tenth_of_a_pixel(n_u, offset, seed, asymmetric_discs):
    centre = (n_u - 1) / 2 + offset
    estimate = find_centre(stack(asymmetric_discs(n_u), n_u, centre, seed=seed), ANGLES)
    assert estimate.method == "mass"
    assert estimate.centre == pytest.approx(centre, abs=0.1)


def test_error_of_the_centre_covers_the_truth(asymmetric_discs):
    n_u, centre = 80, 41.0
    pulls = []
    for seed in range(40):
        estimate = find_centre(stack(asymmetric_discs(n_u), n_u, centre, rows=16, noise=0.02, seed=seed), ANGLES)
        pulls.append((estimate.centre - centre) / estimate.sigma)
    # the width of 40 pulls is known to 11 %
    assert np.std(pulls) == pytest.approx(1, abs=0.35)


def test_frames_that_jumped_do_not_pull_the_centre(asymmetric_discs):
    n_u, centre = 80, 40.3
    frames = stack(asymmetric_discs(n_u), n_u, centre)
    frames[::12] = np.roll(frames[::12], 6, axis=-1)
    assert find_centre(frames, ANGLES).centre == pytest.approx(centre, abs=0.25)


def test_missing_wedge_and_half_as_many_angles_still_give_the_axis(asymmetric_discs):
    angles = np.deg2rad(np.arange(-65, 66, 2.0))
    frames = stack(asymmetric_discs(80), 80, 38.2, angles=angles)
    assert find_centre(frames, angles).centre == pytest.approx(38.2, abs=0.15)


def test_lamp_that_flickers_does_not_move_the_centre(asymmetric_discs):
    frames = stack(asymmetric_discs(80), 80, 41.4)
    frames += np.random.default_rng(3).normal(scale=0.02, size=(len(ANGLES), 1, 1)).astype(np.float32)
    window = object_window(stack(asymmetric_discs(80), 80, 41.4))
    estimate = centre_by_mass(frames, ANGLES, columns=window[1])
    assert estimate.centre == pytest.approx(41.4, abs=0.1)


def test_object_cut_by_the_field_is_centred_by_symmetry(asymmetric_discs):
    n_u, wide = 96, 200
    centre = 49.0
    # wider than the detector: cut the middle out of a wide one
    frames = stack(asymmetric_discs(wide), wide, centre + 52, rows=16, noise=0.002)[..., 52 : 52 + n_u]
    estimate = find_centre(frames, ANGLES)
    assert estimate.method == "symmetry"
    assert estimate.centre == pytest.approx(centre, abs=2 * estimate.sigma)


def test_symmetry_needs_most_of_a_half_turn():
    angles = np.deg2rad(np.arange(0, 100, 2.0))
    with pytest.raises(DataError, match=r"angles span 98 degrees only.*Give --centre"):
        centre_by_symmetry(np.ones((50, 2, 32), np.float32), angles)


def test_noise_alone_is_refused():
    frames = np.random.default_rng(0).normal(scale=0.01, size=(30, 16, 64)).astype(np.float32)
    with pytest.raises(DataError, match=r"No object stands out of the noise"):
        find_centre(frames, ANGLES[:30])


def test_given_centre_is_taken_as_it_is():
    assert (given_centre(33).centre, given_centre(33).method) == (33.0, "given")


def two_component_scan(make_discs, n_u, centres, *, noise, seed=0):
    """Energies across an edge at which the contrast of two objects crosses over."""
    rng = np.random.default_rng(seed)
    spectra = np.array([[0.4, 0.4, 0.5, 1.6, 1.3, 1.0], [0.4, 0.4, 0.42, 0.7, 1.2, 1.4]])
    first, second = make_discs(n_u), make_discs(n_u)
    first.discs, second.discs = first.discs[:1], first.discs[1:]
    scan = []
    for energy, centre in enumerate(centres):
        lines = sum(
            0.004 * spectra[k, energy] * discs.sinogram(ANGLES, n_u, centre) for k, discs in enumerate((first, second))
        )
        scan.append((lines[:, None] + rng.normal(scale=noise, size=(len(ANGLES), 20, n_u))).astype(np.float32))
    return scan, np.linalg.pinv(spectra.T)


@pytest.mark.parametrize("n_u", [80, 81])
def test_energies_are_centred_together_far_below_the_noise_of_one(n_u, asymmetric_discs):
    centres = (n_u - 1) / 2 + np.array([1.2, -0.7, 0.3, -1.4, 0.9, 0.1])
    scan, unmixing = two_component_scan(asymmetric_discs, n_u, centres, noise=0.01)
    together = find_centres(scan, [ANGLES] * 6, unmixing=unmixing)
    alone = [find_centre(frames, ANGLES) for frames in scan]
    error = np.array([estimate.centre for estimate in together]) - centres
    assert np.abs(error).max() < 0.05
    assert np.std(error) < 0.5 * np.std([a.centre - c for a, c in zip(alone, centres, strict=True)])


def test_energies_with_unlike_angles_are_centred_one_by_one(asymmetric_discs):
    centres = 40 + np.array([1.0, -1.0])
    frames = [
        stack(asymmetric_discs(80), 80, c, angles=a) for c, a in zip(centres, (ANGLES, ANGLES[:100]), strict=True)
    ]
    found = find_centres(frames, [ANGLES, ANGLES[:100]], unmixing=np.ones((1, 2)))
    np.testing.assert_allclose([estimate.centre for estimate in found], centres, atol=0.12)
