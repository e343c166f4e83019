"""Raw counts to attenuation with its counting variance: dark, flat, zingers, bad pixels, logarithm.

With dark frame D, flat F and projection I the attenuation along a ray is `p = -ln((I - D) / (F - D))`. The
counts vary by `gain * (I - D) + read_variance`, so the logarithm varies by `v = (gain * (I - D) +
read_variance) / (I - D)^2`, and by the second term of its Taylor series it is too large by `v / 2` on average
(`1 / (2 N)` for N photons): at 50 photons a bias of 0.01, which the phase fit would take for matter. Here `(I
- D) (1 + v / 2)` goes into the logarithm and into its variance. For Poisson counts that is `N + 1/2`, which
leaves a bias of only `1 / (24 N^2)` (shifts of this kind: Anscombe, Biometrika 35, 246 (1948),
doi:10.1093/biomet/35.3-4.246).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from xanesmap.errors import DataError
from xanesmap.reconstruct.noise import DetectorNoise, estimate_noise, estimate_noise_from_projections
from xanesmap.reconstruct.plausible_counts import implausible_frames
from xanesmap.reconstruct.scan import CountArray, Frames
from xanesmap.reconstruct.zingers import (
    BoolArray,
    fill_from_neighbours,
    mean_without_zingers,
    remove_zingers,
    spread_of_neighbours,
)

__all__ = [
    "Attenuation",
    "DetectorNoise",
    "attenuate",
    "dead_pixels",
    "estimate_noise",
    "estimate_noise_from_projections",
    "lasting_saturation",
    "saturated_pixels",
]

MAX_BAD_PORTION = 0.05
DEAD_PORTION = 0.2
"""A pixel with less than this portion of the light of its neighbours is dead."""

DEAD_WINDOW = 9
MAX_PLACEHOLDER_COUNTS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attenuation:
    """Attenuation of the sample along each ray, with its noise.

    Attributes
    ----------
    values
        `(angle, v, u)` float32, `-ln` of the transmission, no unit.
    variance
        `(angle, v, u)` float32 counting variance of each value, independent between pixels.
    flat_variance
        `(v, u)` float32 variance common to all angles, from the mean flat and the mean dark.
    n_bad
        Number of values that had to be filled from their neighbours (dead, saturated or without counts).
    n_zingers
        Number of zingers replaced in projections, flats and darks.
    notes
        What was repaired, one sentence each.
    """

    values: NDArray[np.float32]
    variance: NDArray[np.float32]
    flat_variance: NDArray[np.float32]
    n_bad: int
    n_zingers: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """Mean dark and light of `(v, u)` pixels, what is known of their noise, and which of them are dead."""

    dark: NDArray[np.float32]
    light: NDArray[np.float32]
    dark_variance: float
    light_variance: NDArray[np.float32]
    dead: BoolArray
    n_zingers: int


def attenuate(frames: Frames, *, noise: DetectorNoise, zinger_sigma: float | None = 8.0) -> Attenuation:
    """Attenuation of every ray and its counting variance.

    Each detector row is treated by itself, so the outcome does not depend on how many rows are given at once.
    The intensity of single frames is not corrected: see `xanesmap.reconstruct.alignment.coarse.air_level`.

    Parameters
    ----------
    frames
        Counts of some detector rows.
    noise
        Gain and read variance of the detector.
    zinger_sigma
        Values above their neighbours by this many standard deviations are zingers; None keeps them.

    Returns
    -------
    Attenuation, all arrays float32 and finite.

    Raises
    ------
    DataError
        NaN, infinite or absurdly large counts, flats that cannot normalise the projections, or more than 5 % of bad
        values.
    """
    _require_plausible(frames)
    reference = _reference(frames, noise=noise, zinger_sigma=zinger_sigma)
    values = np.empty(frames.projections.shape, dtype=np.float32)
    variance = np.empty_like(values)
    flat_variance = np.empty_like(reference.light)
    n_bad = n_zingers = 0
    for row in range(reference.light.shape[0]):
        sinogram, bad = _transmission(frames, reference, row, noise=noise)
        fill_from_neighbours(sinogram, bad)
        zingers = _remove_row_zingers(sinogram, reference.light[row], noise=noise, n_sigma=zinger_sigma)
        n_bad += int(np.count_nonzero(bad))
        n_zingers += int(np.count_nonzero(zingers))
        values[:, row], variance[:, row] = _logarithm(
            sinogram, reference.light[row], repaired=bad | zingers, noise=noise
        )
        flat_variance[row] = _common_variance(sinogram, reference, row)
    _require_few_bad(frames, n_bad)
    # The mean of ln(flat) is too low by half its relative variance, as for the projections.
    values += 0.5 * reference.light_variance / reference.light**2
    return Attenuation(
        values=values,
        variance=variance,
        flat_variance=flat_variance,
        n_bad=n_bad,
        n_zingers=n_zingers + reference.n_zingers,
        notes=_repair_notes(reference, n_bad=n_bad, n_zingers=n_zingers, n_values=values.size),
    )


def dead_pixels(light: NDArray[np.float32]) -> BoolArray:
    """Pixels without light, or with far less than their neighbours in the row.

    Parameters
    ----------
    light
        `(v, u)` mean flat less mean dark, counts.

    Returns
    -------
    `(v, u)` True where the light is not positive or below a fifth of the median over nine columns.
    """
    neighbours = median_filter(light, size=(1, DEAD_WINDOW), mode="reflect")
    return np.asarray((light <= 0) | (light < DEAD_PORTION * neighbours))


def saturated_pixels(counts: CountArray) -> BoolArray:
    """Integer counts at the top of their type, where the true light is unknown.

    Parameters
    ----------
    counts
        Raw counts of any shape.

    Returns
    -------
    True where saturated, same shape; never for floating-point counts.
    """
    if counts.dtype.kind not in "iu":
        return np.zeros(counts.shape, dtype=np.bool_)
    return np.asarray(counts == np.iinfo(counts.dtype).max)


def lasting_saturation(frames: CountArray) -> BoolArray:
    """Pixels saturated in most of repeated frames; saturated in one of them is a zinger.

    Parameters
    ----------
    frames
        `(frame, v, u)` raw counts of the same thing.

    Returns
    -------
    `(v, u)` True where more than half of the frames are saturated, or any of fewer than three.
    """
    portion = saturated_pixels(frames).mean(axis=0)
    return np.asarray(portion > (0.5 if frames.shape[0] >= 3 else 0.0))


def _require_plausible(frames: Frames) -> None:
    stacks = (frames.projections, frames.flats, frames.darks)
    for name, stack in zip(frames.datasets, stacks, strict=True):
        broken = implausible_frames(stack)
        if broken.size:
            message = (
                f"{frames.source}: dataset '{name}' holds NaN, infinite or absurdly large counts in frame {broken[0]} "
                f"({broken.size} such frames). Drop these frames, or export the raw counts again."
            )
            raise DataError(message)


def _reference(frames: Frames, *, noise: DetectorNoise, zinger_sigma: float | None) -> _Reference:
    dark, dark_zingers = mean_without_zingers(
        frames.darks, gain=0.0, read_variance=noise.read_variance, n_sigma=zinger_sigma
    )
    flat, flat_zingers = mean_without_zingers(
        frames.flats, gain=noise.gain, read_variance=noise.read_variance, n_sigma=zinger_sigma
    )
    _require_light(frames, flat - dark)
    placeholder = bool(np.all(frames.flats == 1))
    dead = dead_pixels(flat - dark) | lasting_saturation(frames.flats)
    light = _bridge(flat - dark, dead, frames)
    variance = (noise.gain * light + noise.read_variance) / frames.flats.shape[0]
    return _Reference(
        dark=dark,
        light=light,
        dark_variance=noise.read_variance / frames.darks.shape[0],
        light_variance=np.zeros_like(light) if placeholder else variance,
        dead=dead,
        n_zingers=dark_zingers + flat_zingers,
    )


def _require_light(frames: Frames, light: NDArray[np.float32]) -> None:
    flats = f"{frames.source}: dataset '{frames.datasets[1]}'"
    # The median of all projections is only worth its time for placeholders.
    if np.all(frames.flats == 1) and (typical := float(np.median(frames.projections))) > MAX_PLACEHOLDER_COUNTS:
        message = (
            f"{flats} holds only ones (no flats were recorded) while the projections have {typical:.0f} "
            "counts, which cannot be normalised. Copy the flats of a neighbouring energy into the file, or "
            "leave it out."
        )
        raise DataError(message)
    if not np.any(light > 0):
        message = (
            f"{flats} holds no light: its largest mean count over the dark is {float(light.max()):.4g}. The "
            "shutter was closed or flats and darks are swapped: copy flats of a neighbouring energy, or "
            "leave this energy out."
        )
        raise DataError(message)


def _bridge(light: NDArray[np.float32], dead: BoolArray, frames: Frames) -> NDArray[np.float32]:
    """Light of dead pixels from the nearest live ones of their row."""
    columns = np.arange(light.shape[1])
    bridged = light.copy()
    for row in np.flatnonzero(dead.any(axis=1)):
        live = ~dead[row]
        if not live.any():
            message = (
                f"{frames.source}: detector row {frames.first_row + row} has no working pixel (dataset "
                f"'{frames.datasets[1]}'). Cut the rows without beam from the frames."
            )
            raise DataError(message)
        bridged[row] = np.interp(columns, columns[live], light[row, live])
    return bridged


def _transmission(
    frames: Frames, reference: _Reference, row: int, *, noise: DetectorNoise
) -> tuple[NDArray[np.float32], BoolArray]:
    """Transmission `(angle, u)` of one row, and where it has no meaning.

    A count within one standard deviation of the read noise of zero carries no logarithm.
    """
    raw = frames.projections[:, row]
    counts = raw.astype(np.float32) - reference.dark[row]
    bad = (counts <= noise.read_variance**0.5) | reference.dead[row] | saturated_pixels(raw)
    if bad.all():
        message = (
            f"{frames.source}: dataset '{frames.datasets[0]}' has no counts over the dark in detector row "
            f"{frames.first_row + row}. Cut the rows without beam from the frames."
        )
        raise DataError(message)
    return counts / reference.light[row], bad


def _remove_row_zingers(
    sinogram: NDArray[np.float32],
    light: NDArray[np.float32],
    *,
    noise: DetectorNoise,
    n_sigma: float | None,
) -> BoolArray:
    if n_sigma is None:
        return np.zeros(sinogram.shape, dtype=np.bool_)
    return remove_zingers(
        sinogram,
        variance_slope=noise.gain / light,
        variance_offset=noise.read_variance / light**2,
        n_sigma=n_sigma,
    )


def _logarithm(
    sinogram: NDArray[np.float32], light: NDArray[np.float32], *, repaired: BoolArray, noise: DetectorNoise
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    counts = sinogram * light
    relative = np.minimum((noise.gain * counts + noise.read_variance) / counts**2, 1.0)
    factor = 1.0 + 0.5 * relative
    values = -np.log(sinogram * factor)
    counts *= factor
    variance = (noise.gain * counts + noise.read_variance) / counts**2
    if repaired.any():
        variance[repaired] += spread_of_neighbours(values, repaired)
    return values, variance


def _common_variance(sinogram: NDArray[np.float32], reference: _Reference, row: int) -> NDArray[np.float32]:
    """Variance `(u,)` that all angles share: the flat's, and the dark's, which enters both logarithms."""
    light = reference.light[row]
    dark_term = reference.dark_variance * np.mean((1.0 / sinogram - 1.0) ** 2, axis=0)
    return np.asarray((reference.light_variance[row] + dark_term) / light**2)


def _require_few_bad(frames: Frames, n_bad: int) -> None:
    portion = n_bad / frames.projections.size
    if portion > MAX_BAD_PORTION:
        last = frames.first_row + frames.projections.shape[1] - 1
        message = (
            f"{frames.source}: {100 * portion:.1f} % of the pixels of '{frames.datasets[0]}' in detector "
            f"rows {frames.first_row} to {last} are dead, saturated or without counts; "
            f"{100 * MAX_BAD_PORTION:.0f} % can be filled. Cut the region without beam, or leave this energy "
            "out."
        )
        raise DataError(message)


def _repair_notes(reference: _Reference, *, n_bad: int, n_zingers: int, n_values: int) -> tuple[str, ...]:
    told = (
        (
            int(np.count_nonzero(reference.dead)),
            "dead or saturated detector pixels were filled from neighbours",
        ),
        (n_bad, f"of {n_values} values without usable counts were filled from neighbours"),
        (n_zingers, f"zingers in {n_values} values were replaced by the median of their neighbours"),
        (reference.n_zingers, "zingers in flats and darks were replaced by the median over the frames"),
    )
    return tuple(f"{count} {text}." for count, text in told if count)
