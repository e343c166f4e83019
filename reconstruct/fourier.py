"""Filtered back-projection and projection as non-uniform FFTs (FINUFFT)."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import finufft
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from xanesmap.reconstruct.engines import FilterName, FloatArray
from xanesmap.reconstruct.filters import (
    angular_weights,
    check_sinograms,
    filter_response,
    inscribed_circle,
    padded_length,
)

# Relative accuracy of the transforms. Errors of 1e-4 are a tenth of the smallest noise of any scan, and the
# measured bias of the phase fraction at this setting is below 0.002 (ENGINES.md 3).
_ACCURACY = 1e-4
# Points along rays lie next to one another as they come, so sorting them first costs more than it saves (5 to 15 %);
# the small upsampling is enough for this accuracy, and pinned because older versions take the large one by themselves.
_OPTIONS = {"spread_sort": 0, "upsampfac": 1.25}
# Two real slices travel as one complex image; more than this many at once only costs memory.
PAIRS_AT_ONCE = 4

_Points = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FourierEngine:
    """Filtered back-projection as one type-1 non-uniform FFT per two slices, projection as type 2.

    The filtered rows are Fourier series on the rays of the central-slice theorem; a type-1 non-uniform FFT sums them
    on the pixel grid without the interpolation of a classical back-projection. Two real slices are the real and
    imaginary part of one complex transform. Threads share the slices out, each with transforms of its own; threads
    within one transform would wait for one another, the longer the more other work the machine has.

    Parameters
    ----------
    filter_name
        Apodisation of the ramp filter.
    threads
        Threads; None uses all cores.

    References
    ----------
    Barnett, Magland and af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019), doi:10.1137/18M120885X.
    """

    filter_name: FilterName = "ramlak"
    threads: int | None = None

    @property
    def name(self) -> str:
        """Name used in configuration and provenance."""
        return "fourier"

    @property
    def version(self) -> str:
        """Version of FINUFFT."""
        return f"finufft {version('finufft')}"

    def reconstruct(self, sinograms: FloatArray, angles_rad: FloatArray, *, centre: float) -> NDArray[np.float32]:
        """Filtered back-projection.

        Parameters
        ----------
        sinograms
            `(slice, angle, u)` line integrals, unitless.
        angles_rad
            `(angle,)` radians.
        centre
            Detector column of the rotation axis, pixels.

        Returns
        -------
        `(slice, n_u, n_u)` attenuation per pixel length, axis at `(n_u - 1)/2`; 0 outside the inscribed circle,
        where some rays miss the detector.

        Raises
        ------
        DataError
            Shapes of sinograms and angles do not fit.
        """
        check_sinograms(sinograms, angles_rad)
        n_slices, _, n_u = sinograms.shape
        response = filter_response(padded_length(n_u), filter_name=self.filter_name).astype(np.float32)
        window = _window(n_u)
        multiplier = _axis_phase(angles_rad, len(window), n_u, centre=centre + _margin(n_u))
        multiplier *= (angular_weights(angles_rad)[:, None] / len(window)).astype(np.float32)
        points = _points(angles_rad, len(window))
        circle = inscribed_circle(n_u)
        slices = np.empty((n_slices, n_u, n_u), np.float32)

        def reconstruct_block(block: slice, threads: int) -> None:
            rows = _filter(_as_pairs(sinograms[block]), response, threads=threads)
            rows *= window
            spectrum = scipy.fft.fft(rows, axis=-1, workers=threads, overwrite_x=True)
            spectrum *= multiplier
            images = _transform(1, spectrum.reshape(len(spectrum), -1), points, n_u=n_u, threads=threads)
            _from_pairs(images, out=slices[block])
            slices[block] *= circle

        _share_out(reconstruct_block, n_slices, threads=self._threads)
        return slices

    def project(self, slices: FloatArray, angles_rad: FloatArray, *, centre: float) -> NDArray[np.float32]:
        """Line integrals of band-limited slices.

        Parameters
        ----------
        slices
            `(slice, n, n)` attenuation per pixel length, axis at `(n - 1)/2`.
        angles_rad
            `(angle,)` radians.
        centre
            Detector column of the rotation axis, pixels.

        Returns
        -------
        `(slice, angle, n)` line integrals, unitless.
        """
        n_slices, n_u, _ = slices.shape
        length = padded_length(n_u)
        multiplier = _axis_phase(angles_rad, length, n_u, centre=centre).conj()
        # The Nyquist bin has no partner of opposite sign: left in, it would leak one slice of a pair into the other.
        multiplier[:, length // 2] = 0
        points = _points(angles_rad, length)
        sinograms = np.empty((n_slices, len(angles_rad), n_u), np.float32)

        def project_block(block: slice, threads: int) -> None:
            values = _transform(2, _as_pairs(slices[block]), points, n_u=n_u, threads=threads)
            spectrum = values.reshape(len(values), *multiplier.shape) * multiplier
            rows = scipy.fft.ifft(spectrum, axis=-1, workers=threads, overwrite_x=True)[..., :n_u]
            _from_pairs(rows, out=sinograms[block])

        _share_out(project_block, n_slices, threads=self._threads)
        return sinograms

    @property
    def _threads(self) -> int:
        return self.threads or os.cpu_count() or 1


def _share_out(work: Callable[[slice, int], None], n_slices: int, *, threads: int) -> None:
    """Call `work(block of slices, threads it may use)` for all slices, several blocks at the same time."""
    n_pairs = (n_slices + 1) // 2
    step = 2 * min(PAIRS_AT_ONCE, -(-n_pairs // threads))
    blocks = [slice(start, min(start + step, n_slices)) for start in range(0, n_slices, step)]
    workers = max(1, min(threads, len(blocks)))
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, block, threads // workers) for block in blocks]:
            done.result()


def _filter(pairs: NDArray[np.complex64], response: NDArray[np.float32], *, threads: int) -> NDArray[np.complex64]:
    """`(pair, angle, u)` to filtered rows with a margin on either side, `(pair, angle, window)`."""
    n_u = pairs.shape[-1]
    spectrum = scipy.fft.fft(pairs, len(response), axis=-1, workers=threads)
    spectrum *= response
    rows = scipy.fft.ifft(spectrum, axis=-1, workers=threads, overwrite_x=True)
    before, after = _margin(n_u), len(_window(n_u)) - _margin(n_u)
    filtered: NDArray[np.complex64] = np.concatenate([rows[..., -before:], rows[..., :after]], axis=-1)
    return filtered


def _points(angles_rad: FloatArray, length: int) -> _Points:
    """Row and column frequency, radians per pixel, of every `(angle, frequency)`."""
    angles = np.asarray(angles_rad, np.float64)[:, None]
    frequency = 2 * np.pi * scipy.fft.fftfreq(length)
    row, column = (-np.sin(angles) * frequency).ravel(), (np.cos(angles) * frequency).ravel()
    return row.astype(np.float32), column.astype(np.float32)


def _transform(
    kind: int, data: NDArray[np.complex64], points: _Points, *, n_u: int, threads: int
) -> NDArray[np.complex64]:
    """Non-uniform transforms of type 1, `(pair, point)` to `(pair, y, x)`, or of type 2, the other way round."""
    sign, n_pairs = (1 if kind == 1 else -1), len(data)
    plan = finufft.Plan(kind, (n_u, n_u), n_pairs, _ACCURACY, sign, dtype="complex64", nthreads=threads, **_OPTIONS)
    plan.setpts(*points)  # planning takes 6 % of the time at 96 columns, below 1 % from 512: not worth keeping
    result = plan.execute(np.ascontiguousarray(data))
    # finufft drops the leading axis of a single transform
    return np.asarray(result).reshape(n_pairs, *np.shape(result)[-2 if kind == 1 else -1 :])


def _margin(n_u: int) -> int:
    """Columns kept on either side of the detector after filtering."""
    return max(8, n_u // 12)


def _window(n_u: int) -> NDArray[np.float32]:
    """Weight of each kept column: 1 on the detector, falling smoothly to 0 over the margins.

    Pixels of the inscribed circle are met by rays on the detector only, so the filtered rows may be made periodic
    over little more than the detector instead of over the padded length: 40 % fewer points to spread, which is where
    the time goes. The taper removes the step that would ring at the rim of the circle.
    """
    margin = _margin(n_u)
    length = scipy.fft.next_fast_len(n_u + 2 * margin)
    while length % 2 == 0:  # an odd length has no Nyquist bin, which would have to be dropped and its noise with it
        length = scipy.fft.next_fast_len(length + 1)
    outside = np.maximum(margin - np.arange(length), np.arange(length) - (margin + n_u - 1)).clip(min=0)
    weight = np.cos(0.5 * np.pi * np.minimum(outside / margin, 1)) ** 2
    return np.asarray(weight, np.float32)


def _axis_phase(angles_rad: FloatArray, length: int, n_u: int, *, centre: float) -> NDArray[np.complex64]:
    """`(angle, frequency)` phase that moves detector column `centre` onto the axis at `(n_u - 1)/2`.

    FINUFFT counts pixels from `n_u // 2`, half a pixel from the house axis where `n_u` is even.
    """
    half = n_u // 2 - (n_u - 1) / 2
    angles = np.asarray(angles_rad, np.float64)[:, None]
    turns = scipy.fft.fftfreq(length) * (centre + half * (np.cos(angles) - np.sin(angles)))
    # whole turns are taken off in double precision; single precision then does for sine and cosine
    radians = (2 * np.pi * (turns - np.rint(turns))).astype(np.float32)
    phase = np.empty(radians.shape, np.complex64)
    np.cos(radians, out=phase.real)
    np.sin(radians, out=phase.imag)
    return phase


def _as_pairs(stack: FloatArray) -> NDArray[np.complex64]:
    """`(slice, ...)` real to `(pair, ...)` complex; an odd last slice travels alone."""
    pairs = np.empty(((len(stack) + 1) // 2, *stack.shape[1:]), np.complex64)
    pairs.real = stack[0::2]
    pairs.imag[: len(stack) // 2] = stack[1::2]
    pairs.imag[len(stack) // 2 :] = 0
    return pairs


def _from_pairs(pairs: NDArray[np.complexfloating[Any]], *, out: NDArray[np.float32]) -> None:
    """Write `(pair, ...)` complex back into `(slice, ...)` real."""
    out[0::2] = pairs.real
    out[1::2] = pairs.imag[: len(out) // 2]
