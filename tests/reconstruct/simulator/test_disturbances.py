import numpy as np
import pytest
from pydantic import ValidationError

from xanesmap.reconstruct.simulator.disturbances import (
    Disturbances,
    draw_disturbances,
    fixed_pattern,
    magnification_at,
    measured_angles,
    stream,
)

ENERGIES = np.linspace(7092.0, 7192.0, 30)
TURN = np.linspace(0.0, 2 * np.pi, 100, endpoint=False)


def draw(seed=7, *, energies=ENERGIES, n_flats=5, **sizes):
    return draw_disturbances(
        Disturbances(**sizes), energies_ev=energies, angles_rad=TURN, n_columns=65, n_flats=n_flats, seed=seed
    )


def test_nothing_is_disturbed_by_default():
    drawn = draw()

    np.testing.assert_array_equal(drawn.energies_ev, ENERGIES)
    np.testing.assert_array_equal(drawn.shift_px, np.zeros((30, 100, 2)))
    np.testing.assert_array_equal(drawn.centre_px, np.full(30, 32.0))
    np.testing.assert_array_equal(drawn.magnification, np.ones(30))
    np.testing.assert_array_equal(drawn.lamp, np.ones((30, 100)))
    np.testing.assert_array_equal(drawn.lamp_flats, np.ones((30, 5)))


def test_jitter_has_its_standard_deviation_in_v_and_u():
    shift = draw(jitter_px=0.7).shift_px

    # the standard deviation of 3000 normal numbers is known to 1 / sqrt(6000) = 1.3 %
    np.testing.assert_allclose(shift.std(axis=(0, 1)), 0.7, rtol=0.06)
    assert abs(np.corrcoef(shift[..., 0].ravel(), shift[..., 1].ravel())[0, 1]) < 5 / np.sqrt(3000)


@pytest.mark.parametrize("seed", range(4))
def test_drift_is_smooth_common_to_all_angles_and_spans_its_size(seed):
    shift = draw(seed, drift_px=4.0).shift_px

    np.testing.assert_array_equal(shift, np.broadcast_to(shift[:, :1], shift.shape))
    np.testing.assert_allclose(np.ptp(shift[:, 0], axis=0), 4.0)
    np.testing.assert_allclose(shift[:, 0].max(axis=0), 2.0)
    assert np.abs(np.diff(shift[:, 0], axis=0)).max() < 1.5


def test_drift_of_a_single_energy_is_nothing():
    np.testing.assert_array_equal(draw(energies=[7100.0], drift_px=4.0).shift_px, np.zeros((1, 100, 2)))


def test_run_out_repeats_at_every_energy_and_has_its_rms_over_a_turn():
    shift = draw(run_out_px=1.3).shift_px

    np.testing.assert_array_equal(shift, np.broadcast_to(shift[:1], shift.shape))
    np.testing.assert_allclose(np.sqrt((shift[0] ** 2).mean(axis=0)), 1.3, rtol=1e-9)


def test_run_out_holds_nothing_that_a_move_of_the_sample_would_explain():
    shift = draw(run_out_px=1.0).shift_px[0]
    moves = np.stack([np.ones_like(TURN), np.cos(TURN), np.sin(TURN)])

    np.testing.assert_allclose(moves @ shift, 0.0, atol=1e-9)


def test_centre_moves_within_its_bounds_and_stays_out_of_the_shifts():
    drawn = draw(centre_shift_px=1.5)
    moved = drawn.centre_px - 32.0

    assert np.abs(moved).max() <= 1.5
    # a uniform number has a standard deviation of 1.5 / sqrt(3) = 0.87, here from 30 draws
    assert moved.std() == pytest.approx(1.5 / np.sqrt(3), rel=0.4)
    np.testing.assert_array_equal(drawn.shift_px, 0.0)


def test_magnification_falls_by_the_percentage_by_which_the_energy_rises():
    magnification = magnification_at(ENERGIES, reference_ev=7142.0)

    assert magnification[0] / magnification[-1] == pytest.approx(7192 / 7092)  # 1.41 %
    assert np.interp(7142.0, ENERGIES, magnification) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(draw(magnification_reference_ev=7142.0).magnification, magnification)


def test_energy_offset_is_what_must_be_added_to_the_recorded_energies():
    np.testing.assert_allclose(ENERGIES + 1.4, draw(energy_offset_ev=1.4).energies_ev)


def test_energy_jitter_is_random_with_its_standard_deviation():
    many = np.linspace(7000.0, 7400.0, 2000)
    error = draw(energies=many, energy_jitter_ev=0.2).energies_ev - many

    assert error.std() == pytest.approx(0.2, rel=0.08)  # five times 1 / sqrt(4000)
    assert abs(error.mean()) < 5 * 0.2 / np.sqrt(2000)


def test_lamp_decays_from_the_first_frame_to_the_last_flat():
    drawn = draw(lamp_decay_relative=0.3)
    frames = np.concatenate([drawn.lamp, drawn.lamp_flats], axis=1).ravel()

    assert frames[0] == 1.0
    assert frames[-1] == pytest.approx(0.7)
    np.testing.assert_allclose(np.diff(frames), -0.3 / (frames.size - 1))


def test_lamp_flickers_by_its_standard_deviation_in_projections_and_flats():
    drawn = draw(lamp_flicker_relative=0.02, n_flats=50)

    assert drawn.lamp.std() == pytest.approx(0.02, rel=0.08)
    assert drawn.lamp_flats.std() == pytest.approx(0.02, rel=0.1)
    assert drawn.lamp.mean() == pytest.approx(1.0, abs=5 * 0.02 / np.sqrt(3000))


def test_switching_one_disturbance_on_leaves_the_draws_of_the_others_alone():
    alone = draw(jitter_px=1.0).shift_px
    with_others = draw(jitter_px=1.0, drift_px=4.0, centre_shift_px=1.0, lamp_flicker_relative=0.02).shift_px

    np.testing.assert_allclose(with_others - draw(drift_px=4.0).shift_px, alone, atol=1e-12)


def test_same_seed_draws_the_same_and_another_seed_differs():
    sizes = {"jitter_px": 1.0, "run_out_px": 1.0, "lamp_flicker_relative": 0.02}

    np.testing.assert_array_equal(draw(3, **sizes).shift_px, draw(3, **sizes).shift_px)
    assert np.abs(draw(3, **sizes).shift_px - draw(4, **sizes).shift_px).max() > 0.5


def test_streams_of_different_purpose_or_index_are_different():
    draws = [
        stream(1, "a"),
        stream(1, "a", 0),
        stream(1, "a", 1),
        stream(1, "a", 0, 0),
        stream(1, "b"),
        stream(2, "a"),
    ]

    assert len({generator.integers(2**62) for generator in draws}) == len(draws)


def test_missing_wedge_takes_half_from_each_end():
    angles = np.arange(-90.0, 91.0)

    left = measured_angles(angles, start_deg=-90.0, range_deg=180.0, missing_wedge_deg=40.0)

    np.testing.assert_array_equal(left, np.arange(-70.0, 71.0))


def test_missing_wedge_is_symmetric_though_the_end_of_the_rotation_is_not_measured():
    left = measured_angles(np.arange(0.0, 180.0), start_deg=0.0, range_deg=180.0, missing_wedge_deg=60.0)

    np.testing.assert_array_equal(left, np.arange(30.0, 151.0))


def test_fixed_pattern_has_its_rms_and_half_of_it_is_common_to_all_energies():
    patterns = np.stack([fixed_pattern((80, 90), relative=0.01, seed=1, energy_index=e) - 1 for e in range(4)])

    # 80 x 90 pixels hold some 600 independent speckles; the two halves may correlate by a few percent
    np.testing.assert_allclose(patterns.std(axis=(1, 2)), 0.01, rtol=0.15)
    np.testing.assert_allclose(patterns.mean(axis=(1, 2)), 0.0, atol=1e-12)
    common = np.corrcoef(patterns.reshape(4, -1))[np.triu_indices(4, 1)]
    np.testing.assert_allclose(common, 0.5, atol=0.2)


def test_unknown_disturbance_is_refused():
    with pytest.raises(ValidationError, match="jiter_px"):
        Disturbances(jiter_px=1.0)  # type: ignore[call-arg]


def test_negative_size_is_refused():
    with pytest.raises(ValidationError, match="jitter_px"):
        Disturbances(jitter_px=-1.0)
