"""The projections of one slab at one energy, corrected and put where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.resampling import reading_positions, rows_needed, undo_displacement
from xanesmap.reconstruct.alignment.resampling_noise import variance_behind_ramp, variance_of_reading
from xanesmap.reconstruct.correction import Attenuation, attenuate
from xanesmap.reconstruct.engines import FilterName
from xanesmap.reconstruct.noise import DetectorNoise
from xanesmap.reconstruct.scan import Tomogram
from xanesmap.reconstruct.simulator.optics import spline_coefficients
from xanesmap.reconstruct.stripes import StripeMethod, remove_stripes

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlabFrames:
    """Line integrals of some detector rows at one energy, ready to be reconstructed.

    Parameters
    ----------
    values
        `(angle, row, u)` line integrals.
    variance
        `(angle, row, u)` their variance, as it acts behind the filter of the reconstruction.
    flat_variance
        `(row, u)` variance common to all angles.
    n_bad, n_zingers
        Repaired values.
    """

    values: NDArray[np.float32]
    variance: NDArray[np.float32]
    flat_variance: NDArray[np.float32]
    n_bad: int
    n_zingers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCorrection:
    """How counts of one energy become line integrals.

    Parameters
    ----------
    noise
        Gain and read noise of the detector.
    zinger_sigma, stripes, filter_name
        As in `ReconstructConfig`.
    lamp
        `(angle,)` line integral of the air, taken from frames as recorded; None where the lamp was steady. An alignment
        has levels of its own.
    """

    noise: DetectorNoise
    zinger_sigma: float | None
    stripes: StripeMethod
    filter_name: FilterName
    lamp: NDArray[np.float32] | None = None


def recorded_frames(tomogram: Tomogram, correction: FrameCorrection, *, start: int, stop: int) -> SlabFrames:
    """Detector rows `start` to `stop - 1` as they were recorded.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    attenuation = _attenuation(tomogram, correction, start=start, stop=stop)
    values = attenuation.values
    if correction.lamp is not None:
        values -= correction.lamp[:, None, None]
    return SlabFrames(
        values=remove_stripes(values, method=correction.stripes),
        variance=attenuation.variance,
        flat_variance=attenuation.flat_variance,
        n_bad=attenuation.n_bad,
        n_zingers=attenuation.n_zingers,
    )


def aligned_frames(
    tomogram: Tomogram, correction: FrameCorrection, alignment: Alignment, *, index: int, start: int, stop: int
) -> SlabFrames:
    """Rows `start` to `stop - 1` of the undisturbed image, from the frames that could be aligned.

    Each frame is interpolated once, from the counts as measured. The fixed pattern that alignment found is the mean of
    what the angles leave unexplained: with it goes what the noise of the flats has in common at all angles.

    Parameters
    ----------
    tomogram
        The energy.
    correction
        How counts become line integrals.
    alignment
        Of the whole scan.
    index
        Place of the energy in the scan.
    start, stop
        Rows.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    kept = alignment.kept_frames(index, n_angles=len(tomogram.angles_rad))
    rows = slice(start, stop)
    shift, magnification = alignment.displacement_px[index, : len(kept)][kept], float(alignment.magnification[index])
    needed = rows_needed(
        rows,
        shift_px=shift,
        magnification=magnification,
        roll_rad=alignment.roll_rad,
        n_rows=tomogram.n_rows,
        n_columns=tomogram.n_columns,
    )
    attenuation = _attenuation(tomogram, correction, start=needed.start, stop=needed.stop)
    values = attenuation.values[kept]
    values -= alignment.air_level[index, : len(kept)][kept, None, None].astype(np.float32)
    values -= alignment.pattern[index, needed]
    put_back = partial(
        undo_displacement,
        shift_px=shift,
        magnification=magnification,
        roll_rad=alignment.roll_rad,
        first_row=needed.start,
        n_rows=tomogram.n_rows,
        rows=rows,
    )
    share = (stop - start) / (needed.stop - needed.start)  # neighbouring slabs read, and count, the rows between them
    return SlabFrames(
        values=put_back(spline_coefficients(remove_stripes(values, method=correction.stripes))),
        # taken for coefficients, the variance comes out smoothed by a pixel, and never negative
        variance=put_back(np.ascontiguousarray(attenuation.variance[kept]))
        * _change_of_variance(put_back, n_columns=tomogram.n_columns, filter_name=correction.filter_name),
        flat_variance=np.zeros((stop - start, tomogram.n_columns), np.float32),
        n_bad=round(attenuation.n_bad * share),
        n_zingers=round(attenuation.n_zingers * share),
    )


def _change_of_variance(
    put_back: partial[NDArray[np.float32]], *, n_columns: int, filter_name: FilterName
) -> NDArray[np.float32]:
    """`(angle, row, u)` share of the variance that is left behind interpolation and filter."""
    along_v, along_u = reading_positions(n_columns=n_columns, **put_back.keywords)
    down = variance_of_reading(along_v)[:, :, None]
    across = variance_behind_ramp(along_u, filter_name=filter_name)[:, None, :]
    return np.asarray(down * across, np.float32)


def _attenuation(tomogram: Tomogram, correction: FrameCorrection, *, start: int, stop: int) -> Attenuation:
    frames = tomogram.read_rows(start, stop)
    return attenuate(frames, noise=correction.noise, zinger_sigma=correction.zinger_sigma)
