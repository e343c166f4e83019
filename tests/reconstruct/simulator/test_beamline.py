import numpy as np
import pytest
from pydantic import ValidationError

from xanesmap.errors import DataError
from xanesmap.reconstruct.simulator.beamline import (
    Beamline,
    expose_tomogram,
    image_phases,
    optical_depth,
    project_phases,
    set_up,
)
from xanesmap.reconstruct.simulator.disturbances import Disturbances, draw_disturbances
from xanesmap.reconstruct.simulator.phantom import make_phantom

ANGLES = np.linspace(0.0, np.pi, 24, endpoint=False)


def fine_positions(n, supersampling):
    return (np.arange(n * supersampling) + 0.5) / supersampling - 0.5


def radius_from(centre, shape, supersampling):
    z, y, x = np.meshgrid(*(fine_positions(n, supersampling) for n in shape), indexing="ij")
    return np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)


def image_still(lines):
    return image_phases(lines, shift_px=np.zeros((ANGLES.size, 2)), magnification=1.0)


def centre_of_mass(images):
    v, u = np.indices(images.shape[-2:])
    mass = images.sum(axis=(-2, -1))
    return (images * v).sum(axis=(-2, -1)) / mass, (images * u).sum(axis=(-2, -1)) / mass


def instrument_with(shape, *, n_angles, seed=0, n_energies=1, beamline=None, **sizes):
    beamline = beamline or Beamline()
    disturbances = Disturbances(**sizes)
    drawn = draw_disturbances(
        disturbances,
        energies_ev=7100.0 + np.arange(n_energies),
        angles_rad=np.arange(n_angles, dtype=float),
        n_columns=shape[1],
        n_flats=beamline.n_flats,
        seed=seed,
    )
    return set_up(beamline, disturbances, drawn, shape=shape, seed=seed)


def expose_air(shape=(40, 50), *, n_angles=20, energy_index=0, depth=0.0, **settings):
    instrument = instrument_with(shape, n_angles=n_angles, n_energies=energy_index + 1, **settings)
    frames = expose_tomogram(
        np.full((n_angles, *shape), depth, np.float32), instrument=instrument, energy_index=energy_index
    )
    return instrument, frames


def transmission(frames):
    dark = frames.darks.mean(axis=0)
    return (frames.projections - dark) / (frames.flats.mean(axis=0) - dark)


@pytest.mark.parametrize(("n", "supersampling"), [(41, 2), (41, 3), (40, 2)])
def test_transmission_through_the_middle_of_a_sphere_is_beer_lamberts(n, supersampling):
    radius_px, pixel_um, mu_per_um = 11.4, 0.08, 0.8
    middle = (n - 1) / 2
    distance = radius_px - radius_from((middle,) * 3, (n, n, n), supersampling)
    sphere = np.clip(0.5 + distance * supersampling, 0, 1).astype(np.float32)
    lines = project_phases(sphere[None], ANGLES, supersampling=supersampling, pixel_size_um=pixel_um)
    depth = optical_depth(image_still(lines), np.array([mu_per_um]))
    pixel = int(middle)

    # mean chord over one pixel: 2 R (1 - <r^2> / 2 R^2); <r^2> = 1/6 about its middle, 2/3 about a corner
    mean_square = 1 / 6 if n % 2 else 2 / 3
    chord_um = 2 * radius_px * (1 - mean_square / (2 * radius_px**2)) * pixel_um
    np.testing.assert_allclose(depth[:, pixel, pixel], mu_per_um * chord_um, rtol=3e-3)


def test_two_phases_add_their_optical_depths():
    images = np.array([[[[2.0]]], [[[3.0]]]], np.float32)

    np.testing.assert_allclose(optical_depth(images, np.array([0.1, 0.2])), 0.8, rtol=1e-6)


@pytest.mark.parametrize("shape", [(24, 33, 33), (20, 40, 40)])
def test_every_projection_holds_the_mass_of_the_object(shape):
    phantom = make_phantom(shape=shape, seed=1)
    lines = project_phases(phantom.fine, ANGLES, supersampling=2, pixel_size_um=0.5)
    mass = image_still(lines).sum(axis=(2, 3))  # (phase, angle)

    np.testing.assert_allclose(mass, 0.5 * phantom.occupancy.sum(axis=(1, 2, 3))[:, None] * np.ones(24), rtol=1e-4)


@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("supersampling", [1, 2, 3])
def test_a_spot_is_seen_where_the_house_geometry_puts_it(n, supersampling):
    z, y, x = 9.3, 25.2, 12.4
    spot = np.exp(-(radius_from((z, y, x), (20, n, n), supersampling) ** 2) / (2 * 1.5**2))
    lines = project_phases(spot[None].astype(np.float32), ANGLES, supersampling=supersampling, pixel_size_um=1.0)
    v, u = centre_of_mass(image_still(lines)[0])
    middle = (n - 1) / 2

    np.testing.assert_allclose(v, z, atol=2e-3)
    np.testing.assert_allclose(u, middle + (x - middle) * np.cos(ANGLES) - (y - middle) * np.sin(ANGLES), atol=5e-3)


def test_shifts_centre_and_magnification_move_the_image_as_told():
    n, shifts = 48, np.random.default_rng(0).uniform(-3, 3, (24, 2))
    spot = np.exp(-(radius_from((11.0, 27.5, 17.0), (24, n, n), 2) ** 2) / (2 * 1.5**2))
    lines = project_phases(spot[None].astype(np.float32), ANGLES, supersampling=2, pixel_size_um=1.0)
    still = np.stack(centre_of_mass(image_still(lines)[0]), axis=1)
    moved = np.stack(centre_of_mass(image_phases(lines, shift_px=shifts, magnification=0.97)[0]), axis=1)
    middle = np.array([11.5, 23.5])

    np.testing.assert_allclose(moved, middle + 0.97 * (still - middle) + shifts, atol=5e-3)


def test_slices_must_be_square():
    with pytest.raises(DataError, match=r"24 x 32 fine voxels.*as deep as it is wide"):
        project_phases(np.zeros((1, 8, 24, 32), np.float32), ANGLES, supersampling=2, pixel_size_um=1.0)


def test_frames_are_sixteen_bit_and_of_the_numbers_asked_for():
    _, frames = expose_air(n_angles=7, beamline=Beamline(n_flats=4, n_darks=3))

    assert (frames.projections.shape, frames.flats.shape, frames.darks.shape) == (
        (7, 40, 50),
        (4, 40, 50),
        (3, 40, 50),
    )
    assert {frames.projections.dtype, frames.flats.dtype, frames.darks.dtype} == {np.dtype(np.uint16)}


@pytest.mark.parametrize("photons", [500.0, 2e4])
def test_variance_over_mean_of_the_counts_is_the_gain(photons):
    beamline = Beamline(photons=photons, gain_adu_per_photon=1.5, read_noise_adu=4.0, n_flats=300)
    _, frames = expose_air((30, 30), n_angles=2, beamline=beamline)
    counts = frames.flats.astype(float)
    variance = counts.var(axis=0, ddof=1).mean() - 4.0**2 - 1 / 12  # rounding to whole counts adds 1/12
    signal = counts.mean() - beamline.dark_offset_adu

    # 900 pixels x 299 degrees of freedom: sqrt(2 / 269100) = 0.27 %, read noise negligible against it
    assert variance / signal == pytest.approx(1.5, rel=4 * np.sqrt(2 / (900 * 299)))


def test_mean_flat_holds_the_photons_asked_for():
    beamline = Beamline(photons=1e4, gain_adu_per_photon=2.0, n_flats=50)
    _, frames = expose_air(beamline=beamline)

    # shot noise of 50 x 2000 pixels of 1e4 photons: 3e-5
    assert (frames.flats.mean() - beamline.dark_offset_adu) / 2.0 == pytest.approx(1e4, rel=2e-4)


def test_darks_show_offset_and_read_noise():
    _, frames = expose_air(beamline=Beamline(read_noise_adu=7.0, dark_offset_adu=200.0, n_darks=30))

    assert frames.darks.mean() == pytest.approx(200.0, abs=5 * 7 / np.sqrt(60000))
    assert frames.darks.std() == pytest.approx(np.sqrt(7.0**2 + 1 / 12), rel=5 / np.sqrt(120000))


def test_gain_fills_two_thirds_of_the_range_unless_it_is_given():
    assert Beamline(photons=2e4).gain == pytest.approx(1.5)
    assert Beamline(photons=1e6).gain == pytest.approx(0.03)
    assert Beamline(photons=1e3, gain_adu_per_photon=0.7).gain == 0.7


def test_flats_that_would_saturate_are_refused():
    with pytest.raises(ValidationError, match=r"flats of 200100 counts would saturate at 65535"):
        Beamline(photons=1e5, gain_adu_per_photon=2.0)


def test_illumination_is_structured_with_mean_one_and_divides_out():
    instrument, frames = expose_air(n_angles=60, beamline=Beamline(n_flats=60))

    assert instrument.illumination.mean() == pytest.approx(1.0)
    assert 0.05 < instrument.illumination.std() < 0.2
    # mean of 60 frames over mean of 60 flats at 2e4 photons, structure up to 30 % darker than the mean
    np.testing.assert_allclose(transmission(frames).mean(axis=0), 1.0, atol=6 * np.sqrt(2 / (60 * 1.4e4)))


def test_fixed_pattern_is_in_the_projections_and_not_in_the_flats():
    beamline = Beamline(photons=1e6, n_flats=60)
    _, frames = expose_air(n_angles=60, beamline=beamline, fixed_pattern_relative=0.01)

    assert transmission(frames).mean(axis=0).std() == pytest.approx(0.01, rel=0.2)


def test_lamp_changes_every_frame_by_what_was_drawn():
    beamline = Beamline(photons=1e6)
    instrument, frames = expose_air(
        n_angles=30, beamline=beamline, energy_index=2, lamp_flicker_relative=0.02, lamp_decay_relative=0.3
    )
    mean = (frames.projections - frames.darks.mean(axis=0)).mean(axis=(1, 2))
    flats = (frames.flats - frames.darks.mean(axis=0)).mean(axis=(1, 2))

    # shot noise of 2000 pixels of 1e6 photons: 2e-5
    np.testing.assert_allclose(mean / beamline.gain / 1e6, instrument.drawn.lamp[2], rtol=3e-4)
    np.testing.assert_allclose(flats / beamline.gain / 1e6, instrument.drawn.lamp_flats[2], rtol=3e-4)


@pytest.mark.parametrize("h", [0.0, 0.05])
def test_harmonics_pass_an_opaque_sample(h):
    _, frames = expose_air(depth=30.0, harmonic_fraction=h)

    assert transmission(frames).mean() == pytest.approx(h / (1 + h), abs=1e-4)


def test_zingers_hit_at_their_rate():
    shape, n_angles, rate = (60, 60), 100, 1e-3
    _, frames = expose_air(shape, n_angles=n_angles, zinger_rate=rate)
    expected = rate * n_angles * 3600

    # a zinger adds at least half of the light of a pixel, noise 0.7 %; two on one pixel count once (0.05 %)
    assert np.count_nonzero(transmission(frames) > 1.2) == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_there_are_no_zingers_unless_asked_for():
    _, frames = expose_air((60, 60), n_angles=100)

    assert np.count_nonzero(transmission(frames) > 1.1) == 0


def test_hot_pixels_are_the_same_in_all_frames_and_as_many_as_asked_for():
    instrument, frames = expose_air((100, 100), hot_pixel_rate=4e-3)
    hot = frames.darks.mean(axis=0) > 150 + 1000

    assert np.count_nonzero(hot) == pytest.approx(40, abs=5 * np.sqrt(40))
    np.testing.assert_array_equal(hot, instrument.hot_photons > 0)
    assert (frames.flats.mean(axis=0)[hot] > frames.darks.mean(axis=0)[hot]).all()


def test_counts_saturate_and_do_not_wrap_round():
    beamline = Beamline(photons=2e4, gain_adu_per_photon=2.3)
    instrument, frames = expose_air((60, 60), n_angles=50, zinger_rate=0.01, beamline=beamline)

    assert frames.projections.max() == 65535
    assert frames.projections.min() > 0.5 * beamline.photons * beamline.gain * instrument.illumination.min()


def test_same_seed_counts_the_same_and_another_seed_or_energy_differs():
    one = expose_air(seed=3)[1]

    np.testing.assert_array_equal(one.projections, expose_air(seed=3)[1].projections)
    assert np.any(one.projections != expose_air(seed=4)[1].projections)
    assert np.any(one.projections != expose_air(seed=3, energy_index=1)[1].projections)
