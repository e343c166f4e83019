"""Speed of the linear combination fit: against scipy's nnls voxel by voxel, and against one product A.T @ Y.

Run as `python benchmarks/fit_speed.py`. It prints a table and exits with 1 if the fit, sigma and R-factor included,
reaches less than 100 times the spectra per second of the nnls loop, or takes more than 3 times the product. Times are
the best of several rounds that visit every job in turn, so that other work on the machine hits all of them alike.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import CombinationModel, fit_combination, make_model
from xanesmap.spectra.reference import bundled_reference, sample_references

LEAST_SPEEDUP = 100.0
MOST_PRODUCTS = 3.0
PAUSE_S = 0.15  # OpenBLAS threads keep a core busy for a while after a product
CASES = [(24, 2, 2_000_000), (40, 2, 1_500_000), (51, 2, 1_000_000), (24, 3, 2_000_000), (40, 3, 1_500_000)]


def main() -> int:
    """Run all cases; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    table = Table(
        "energies", "phases", "voxels", "negative", "A.T @ Y", "fit", "time", "x product", "x nnls", "M spectra/s"
    )
    passed = True
    for n_energies, n_phases, n_voxels in CASES:
        model = electrode_model(n_energies, n_phases)
        spectra = noisy_electrode(model, n_voxels)
        design = model.design.astype(np.float32)
        negative = (fit_combination(spectra, model).amounts < 0).any(axis=0).mean()
        jobs: dict[str, Callable[[], object]] = {"product": partial(np.matmul, design.T, spectra)}
        for constraint in ("free", "non-negative"):
            jobs[constraint] = partial(
                fit_combination, spectra, model, constraint=constraint, threads=arguments.threads
            )
        best = best_times(jobs, rounds=arguments.rounds)
        loop = nnls_seconds(model, spectra)
        for constraint in ("free", "non-negative"):
            products, speedup = best[constraint] / best["product"], loop / best[constraint]
            passed &= products <= MOST_PRODUCTS and speedup >= LEAST_SPEEDUP
            table.add_row(
                f"{n_energies}", f"{n_phases} + 1", f"{n_voxels / 1e6:.1f} M", f"{negative:.0%}",
                f"{best['product'] * 1e3:.1f} ms", constraint, f"{best[constraint] * 1e3:.1f} ms",
                f"{products:.2f}", f"{speedup:.0f}", f"{n_voxels / best[constraint] / 1e6:.0f}",
            )  # fmt: skip
    Console(width=120).print(table)
    print("passed" if passed else f"FAILED: wanted >= {LEAST_SPEEDUP:g} x nnls and <= {MOST_PRODUCTS:g} x product")
    return 0 if passed else 1


def electrode_model(n_energies: int, n_phases: int) -> CombinationModel:
    """LiFePO4, FePO4 and, for three phases, a plain step as metal-like third; one background column."""
    energies = np.linspace(7092.0, 7192.0, n_energies)
    references = sample_references([bundled_reference("LFP"), bundled_reference("FP")], energies)
    step = 0.5 + np.arctan((energies - 7118.0) / 2.0) / np.pi
    columns = [*references, step][:n_phases]
    return make_model(columns, background_columns(energies, kind="victoreen"))


def noisy_electrode(model: CombinationModel, n_voxels: int) -> np.ndarray:
    """`(energy, voxel)` float32: a third pure, a third mixed, a third empty; noise a tenth of the edge step."""
    rng = np.random.default_rng(0)
    amounts = np.zeros((len(model.solver), n_voxels), dtype=np.float32)
    third = n_voxels // 3
    amounts[0, :third] = 0.045
    amounts[:, third : 2 * third] = 0.02 * rng.random((len(amounts), third), dtype=np.float32)
    spectra = model.design.astype(np.float32) @ amounts
    spectra += 0.0045 * rng.standard_normal(spectra.shape, dtype=np.float32)
    return spectra


def best_times(jobs: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Best time in s of each job; one round to warm up."""
    best = dict.fromkeys(jobs, np.inf)
    for number in range(rounds + 1):
        for name, job in jobs.items():
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            job()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def nnls_seconds(model: CombinationModel, spectra: np.ndarray, *, n_sample: int = 3000) -> float:
    """Time in s of a loop of scipy's nnls over all spectra, from a sample spread over them; best of three."""
    sample = np.ascontiguousarray(spectra[:, :: spectra.shape[1] // n_sample].T, dtype=np.float64)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for spectrum in sample:
            nnls(model.design, spectrum)
        times.append(time.perf_counter() - start)
    return min(times) / len(sample) * spectra.shape[1]


if __name__ == "__main__":
    sys.exit(main())
