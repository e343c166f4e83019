"""Frames of a slab against those of the whole detector, and their noise against theory."""

from dataclasses import replace

import numpy as np
import pytest

from xanesmap.phasemap.mapping.slab_frames import FrameCorrection, aligned_frames, recorded_frames
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.noise import DetectorNoise
from xanesmap.reconstruct.scan import Frames

N_ANGLES, N_ROWS, N_COLUMNS, COUNTS = 24, 40, 48, 10_000.0


class StillCounts:
    """A tomogram of air: counting noise and nothing else."""

    n_rows, n_columns = N_ROWS, N_COLUMNS
    angles_rad = np.linspace(0, np.pi, N_ANGLES, endpoint=False)

    def __init__(self):
        rng = np.random.default_rng(0)
        shape = (N_ANGLES, N_ROWS, N_COLUMNS)
        self.frames = Frames(
            projections=rng.poisson(COUNTS, shape).astype(np.uint16),
            flats=np.full((10, N_ROWS, N_COLUMNS), COUNTS, np.uint16),
            darks=np.zeros((5, N_ROWS, N_COLUMNS), np.uint16),
        )

    def read_rows(self, start, stop):
        return replace(
            self.frames,
            projections=self.frames.projections[:, start:stop],
            flats=self.frames.flats[:, start:stop],
            darks=self.frames.darks[:, start:stop],
        )


CORRECTION = FrameCorrection(
    noise=DetectorNoise(gain=1.0, read_variance=0.0), zinger_sigma=None, stripes="none", filter_name="ramlak"
)


def alignment(shift, *, kept=None):
    return Alignment(
        shift_px=np.broadcast_to(np.asarray(shift, float), (1, N_ANGLES, 2)).copy(),
        magnification=np.ones(1),
        roll_rad=0.0,
        centre_px=np.array([(N_COLUMNS - 1) / 2]),
        residual_px=np.zeros((1, N_ANGLES)),
        kept=np.ones((1, N_ANGLES), bool) if kept is None else kept[None],
        air_level=np.zeros((1, N_ANGLES)),
        pattern=np.zeros((1, N_ROWS, N_COLUMNS), np.float32),
        contrast=np.ones(1),
    )


def test_no_displacement_returns_the_frames_as_recorded():
    tomogram = StillCounts()
    recorded = recorded_frames(tomogram, CORRECTION, start=8, stop=20)
    aligned = aligned_frames(tomogram, CORRECTION, alignment((0, 0)), index=0, start=8, stop=20)
    np.testing.assert_allclose(aligned.values, recorded.values, atol=2e-6)
    np.testing.assert_allclose(aligned.variance, recorded.variance, rtol=0.05)


def test_whole_pixels_take_other_rows_and_columns():
    tomogram = StillCounts()
    recorded = recorded_frames(tomogram, CORRECTION, start=11, stop=23)
    aligned = aligned_frames(tomogram, CORRECTION, alignment((3, -2)), index=0, start=8, stop=20)
    np.testing.assert_allclose(aligned.values[:, :, 4:-4], recorded.values[:, :, 2:-6], atol=2e-6)


@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.0, 0.5), (0.3, 0.2)])
def test_variance_is_that_of_noise_behind_the_ramp(shift):
    tomogram = StillCounts()
    frequency = np.abs(np.fft.fftfreq(N_COLUMNS))

    def behind_ramp(frames):
        return np.fft.ifft(np.fft.fft(frames.values, axis=-1) * frequency, axis=-1).real

    recorded = recorded_frames(tomogram, CORRECTION, start=4, stop=36)
    aligned = aligned_frames(tomogram, CORRECTION, alignment(shift), index=0, start=4, stop=36)
    measured = behind_ramp(aligned).var() / behind_ramp(recorded).var()
    # 37,000 values, correlated over a few rows
    assert aligned.variance.mean() / recorded.variance.mean() == pytest.approx(measured, rel=0.05)


def test_level_and_pattern_are_taken_off_where_they_were_recorded():
    tomogram = StillCounts()
    plain = aligned_frames(tomogram, CORRECTION, alignment((1, 0)), index=0, start=8, stop=20)
    pattern = np.zeros((1, N_ROWS, N_COLUMNS), np.float32)
    pattern[0, 15, 20] = 0.1
    level = np.linspace(0, 1, N_ANGLES)[None]
    how = replace(alignment((1, 0)), pattern=pattern, air_level=level)
    cleaned = aligned_frames(tomogram, CORRECTION, how, index=0, start=8, stop=20)
    change = plain.values - cleaned.values - level[0][:, None, None]
    np.testing.assert_allclose(change[:, 15 - 1 - 8, 20], 0.1, atol=1e-5)
    change[:, 15 - 1 - 8, 20] = 0
    np.testing.assert_allclose(change, 0, atol=1e-5)


def test_frames_left_out_are_not_there():
    kept = np.arange(N_ANGLES) % 3 > 0
    tomogram = StillCounts()
    everything = aligned_frames(tomogram, CORRECTION, alignment((0.3, 0.1)), index=0, start=8, stop=20)
    some = aligned_frames(tomogram, CORRECTION, alignment((0.3, 0.1), kept=kept), index=0, start=8, stop=20)
    np.testing.assert_allclose(some.values, everything.values[kept], atol=1e-6)
    assert len(some.variance) == kept.sum()
