"""Cubic B-spline interpolation of shifted and magnified frames, compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep the machine code for the next process where a folder allows it."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written to
        return njit(**options)(function)


@_compiled
def fill_taps(scale: float, offset: float, n: int, taps: Any, weights: Any) -> None:
    """Four spline coefficients and their weights for each output pixel `x`, read at `scale x + offset`.

    Positions outside of `0 .. n - 1` are moved to the edge; coefficients beyond it are mirrored.
    """
    for x in range(taps.shape[0]):
        position = min(max(scale * x + offset, 0.0), n - 1.0)
        first = int(np.floor(position))
        t = position - first
        weights[x, 0] = (1 - t) ** 3 / 6
        weights[x, 1] = (4 - 6 * t * t + 3 * t * t * t) / 6
        weights[x, 2] = (1 + 3 * t + 3 * t * t - 3 * t * t * t) / 6
        weights[x, 3] = t * t * t / 6
        for k in range(4):
            tap = abs(first - 1 + k)
            taps[x, k] = max(min(tap, 2 * (n - 1) - tap), 0)


@_compiled
def read_frames(coefficients: Any, scale: float, offsets: Any, frames: Any, start: int, stop: int) -> None:
    """Fill `frames[start:stop]` `(frame, v, u)` from spline coefficients `(frame, v, u)`.

    Output pixel `x` of frame `a` is read at `scale x + offsets[a]`, in v and in u.
    """
    n_v, n_u = coefficients.shape[1:]
    rows, columns = frames.shape[1:]
    taps_v, taps_u = np.empty((rows, 4), np.int64), np.empty((columns, 4), np.int64)
    weights_v, weights_u = np.empty((rows, 4), np.float32), np.empty((columns, 4), np.float32)
    along_u = np.empty((n_v, columns), np.float32)
    for a in range(start, stop):
        fill_taps(scale, offsets[a, 0], n_v, taps_v, weights_v)
        fill_taps(scale, offsets[a, 1], n_u, taps_u, weights_u)
        for v in range(n_v):
            for u in range(columns):
                total = np.float32(0)
                for k in range(4):
                    total += coefficients[a, v, taps_u[u, k]] * weights_u[u, k]
                along_u[v, u] = total
        for v in range(rows):
            for u in range(columns):
                total = np.float32(0)
                for k in range(4):
                    total += along_u[taps_v[v, k], u] * weights_v[v, k]
                frames[a, v, u] = total


@_compiled
def read_turned_frames(
    coefficients: Any, along: float, across: float, offsets: Any, frames: Any, start: int, stop: int
) -> None:
    """Fill `frames[start:stop]` `(frame, v, u)` from spline coefficients `(frame, v, u)`, turned in their plane.

    Output pixel `(v, u)` of frame `a` is read at `along (v, u) + across (u, -v) + offsets[a]`.
    """
    n_v, n_u = coefficients.shape[1:]
    rows, columns = frames.shape[1:]
    tap_v, tap_u = np.empty((1, 4), np.int64), np.empty((1, 4), np.int64)
    weight_v, weight_u = np.empty((1, 4), np.float32), np.empty((1, 4), np.float32)
    for a in range(start, stop):
        for v in range(rows):
            for u in range(columns):
                fill_taps(0.0, along * v + across * u + offsets[a, 0], n_v, tap_v, weight_v)
                fill_taps(0.0, along * u - across * v + offsets[a, 1], n_u, tap_u, weight_u)
                total = np.float32(0)
                for i in range(4):
                    along_u = np.float32(0)
                    for k in range(4):
                        along_u += coefficients[a, tap_v[0, i], tap_u[0, k]] * weight_u[0, k]
                    total += along_u * weight_v[0, i]
                frames[a, v, u] = total
