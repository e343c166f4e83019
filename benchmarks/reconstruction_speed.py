"""Speed of the reconstruction engines, as a multiple of the Fourier transforms none of them can do without.

Run as `python benchmarks/reconstruction_speed.py`. It prints a table and exits with 1 if filtered back-projection with
the `fourier` engine takes more than 3 times the transforms alone: one real FFT of the rows padded to twice their length
and one complex FFT of the grid of twice the width per two slices, in single precision on all threads. Other engines and
the projection are shown for comparison. Times are the best of several rounds that visit every job in turn, so that
other work on the machine hits all of them alike.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.fft
from rich.console import Console
from rich.table import Table

from xanesmap.reconstruct.engines import make_engine, tomopy_available

MOST_TRANSFORMS = 3.0
CASES = [(512, 361, 64), (1024, 721, 16)]


def main() -> int:
    """Run all cases; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    table = Table("columns", "angles", "slices", "job", "ms per slice", "x transforms")
    passed = True
    for n_u, n_angles, n_slices in CASES:
        sinograms, slices, angles = noisy_scan(n_u, n_angles, n_slices)
        jobs = {"transforms alone": partial(transforms_alone, sinograms, threads=arguments.threads)}
        for name in ("fourier", "tomopy") if tomopy_available() else ("fourier",):
            engine = make_engine(name, threads=arguments.threads)
            jobs[f"{name} FBP"] = partial(engine.reconstruct, sinograms, angles, centre=n_u / 2)
        engine = make_engine("fourier", threads=arguments.threads)
        jobs["fourier projection"] = partial(engine.project, slices, angles, centre=n_u / 2)
        best = best_times(jobs, rounds=arguments.rounds)
        for name, seconds in best.items():
            ratio = seconds / best["transforms alone"]
            table.add_row(
                f"{n_u}", f"{n_angles}", f"{n_slices}", name, f"{1e3 * seconds / n_slices:.1f}", f"{ratio:.2f}"
            )
        passed &= best["fourier FBP"] <= MOST_TRANSFORMS * best["transforms alone"]
    Console(width=120).print(table)
    print("passed" if passed else f"FAILED: wanted fourier FBP <= {MOST_TRANSFORMS:g} x transforms alone")
    return 0 if passed else 1


def noisy_scan(n_u: int, n_angles: int, n_slices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sinograms `(slice, angle, u)`, slices `(slice, y, x)` and angles; what they show does not matter for speed."""
    rng = np.random.default_rng(0)
    sinograms = rng.standard_normal((n_slices, n_angles, n_u), dtype=np.float32)
    slices = rng.standard_normal((n_slices, n_u, n_u), dtype=np.float32)
    return sinograms, slices, np.linspace(0, np.pi, n_angles, endpoint=False)


def transforms_alone(sinograms: np.ndarray, *, threads: int) -> None:
    """The FFTs that any reconstruction by Fourier transform needs, and nothing else."""
    n_slices, _, n_u = sinograms.shape
    grid = np.ones((2 * n_u, 2 * n_u), np.complex64)
    for first in range(0, n_slices, 2):
        scipy.fft.rfft(sinograms[first : first + 2], 2 * n_u, axis=-1, workers=threads)
        scipy.fft.fft2(grid, workers=threads)


def best_times(jobs: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Best time in s of each job; one round to warm up."""
    best = dict.fromkeys(jobs, np.inf)
    for number in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


if __name__ == "__main__":
    sys.exit(main())
