"""Ramp filters and angular weights of filtered back-projection."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.engines import FilterName, FloatArray

# A gap between neighbouring angles wider than this many typical gaps is a missing wedge, not coarse sampling.
_WEDGE_GAPS = 3.0


def padded_length(n_u: int) -> int:
    """Even FFT length, at least `2 n_u`, at which filtering `n_u` samples does not wrap around."""
    length: int = scipy.fft.next_fast_len(2 * n_u, real=True)
    while length % 2:
        length = scipy.fft.next_fast_len(length + 1, real=True)
    return length


def ramp_kernel(length: int) -> NDArray[np.float64]:
    """Samples of the band-limited ramp filter in real space.

    Parameters
    ----------
    length
        Even number of samples; index 0 is the centre, the second half holds negative positions.

    Returns
    -------
    `(length,)` kernel in 1/pixel^2.

    Notes
    -----
    h(0) = 1/4, h(j) = -1/(pi j)^2 for odd j, 0 for even j (Kak and Slaney, Principles of Computerized Tomographic
    Imaging (1988), eq. 3.61, doi:10.1137/1.9780898719277). Sampling it in real space keeps the right value at zero
    frequency, which a ramp sampled in Fourier space loses, and with it the offset of the slice.
    """
    kernel = np.zeros(length)
    kernel[0] = 0.25
    odd = np.arange(1, length // 2 + 1, 2)
    kernel[odd] = kernel[length - odd] = -1.0 / (np.pi * odd) ** 2
    return kernel


def filter_response(length: int, *, filter_name: FilterName) -> NDArray[np.float64]:
    """Transfer function of the filter at the frequencies of `scipy.fft.fftfreq(length)`.

    Parameters
    ----------
    length
        Even number of samples of the padded sinogram row.
    filter_name
        `ramlak` (no apodisation), `shepp` (sinc), `cosine` or `hann`.

    Returns
    -------
    `(length,)` real, non-negative, 1/pixel.

    Raises
    ------
    DataError
        The filter is not known.
    """
    window = apodisation(scipy.fft.fftfreq(length), filter_name=filter_name)
    response: NDArray[np.float64] = scipy.fft.fft(ramp_kernel(length)).real * window
    return response


def apodisation(frequency: FloatArray, *, filter_name: FilterName) -> NDArray[np.float64]:
    """Window that a filter multiplies the ramp with.

    Parameters
    ----------
    frequency
        `(...)` cycles per pixel, at most 1/2 either way.
    filter_name
        As in `filter_response`.

    Returns
    -------
    `(...)` from 0 to 1.

    Raises
    ------
    DataError
        The filter is not known.
    """
    windows = {
        "ramlak": np.ones_like(frequency),
        "shepp": np.sinc(frequency),
        "cosine": np.cos(np.pi * frequency),
        "hann": np.cos(np.pi * frequency) ** 2,
    }
    if filter_name not in windows:
        message = f"Filter {filter_name!r} is not known. Use one of {', '.join(windows)}."
        raise DataError(message)
    return np.asarray(windows[filter_name], np.float64)


def angular_weights(angles_rad: FloatArray) -> NDArray[np.float64]:
    """Arc of the half circle that each projection stands for.

    Parameters
    ----------
    angles_rad
        `(angle,)` radians, any order, any start; beyond 180 degrees counts as a repeat.

    Returns
    -------
    `(angle,)` radians. The sum is pi for full coverage, and less where a wedge is missing.

    Notes
    -----
    Half the gap to either neighbour on the circle of period pi. Projections at the same angle (modulo 180 degrees)
    share their arc. A gap above three times the median is a missing wedge: the projections at its rim get a typical
    gap instead, since stretching them over the wedge would multiply their noise.
    """
    folded = np.mod(np.asarray(angles_rad, dtype=np.float64), np.pi)
    order = np.argsort(folded, kind="stable")
    gaps = np.diff(folded[order], append=folded[order[0]] + np.pi)
    typical = np.median(gaps[gaps > 1e-6]) if np.any(gaps > 1e-6) else np.pi
    gaps = np.where(gaps > _WEDGE_GAPS * typical, typical, gaps)
    weights = np.empty_like(folded)
    weights[order] = 0.5 * (gaps + np.roll(gaps, 1))
    return weights


def inscribed_circle(n_u: int) -> NDArray[np.bool_]:
    """`(n_u, n_u)` True where a pixel is met by a ray at every angle, the axis being in the middle of the detector."""
    offset = np.arange(n_u) - (n_u - 1) / 2
    inside: NDArray[np.bool_] = offset[:, None] ** 2 + offset[None, :] ** 2 <= (n_u / 2) ** 2
    return inside


def check_sinograms(sinograms: NDArray[Any], angles_rad: FloatArray) -> None:
    """Refuse sinograms whose shape does not fit the angles.

    Raises
    ------
    DataError
        The array is not `(slice, angle, u)`, or its angle axis has another length than `angles_rad`.
    """
    if sinograms.ndim != 3 or sinograms.shape[1] != len(angles_rad):
        message = (
            f"Sinograms must be (slice, angle, u) with {len(angles_rad)} angles; got an array of shape "
            f"{sinograms.shape}. Move the detector row to the first axis."
        )
        raise DataError(message)
