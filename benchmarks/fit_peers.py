"""The linear combination fit beside other programs: spectra per second, error, bias and coverage on the same spectra.

Run as `python benchmarks/fit_peers.py`. SciPy, scikit-learn and NumPy are always there. MANTiS (`mantis-xray`), pyxas
and PyXRF (`pyxrf`) are best installed each in an environment of its own, whose Python is named with `--peer`:

    python -m venv /tmp/mantis && /tmp/mantis/bin/pip install mantis-xray
    python benchmarks/fit_peers.py --peer /tmp/mantis/bin/python

The spectra are mixtures of the bundled references with a background that falls with energy, noise of a tenth of an edge
step, and, in the second table, an energy scale that is off by half an eV.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls
from sklearn.linear_model import LinearRegression

from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import CombinationModel, fit_combination, make_model
from xanesmap.spectra.energy_offset import fit_energy_offset
from xanesmap.spectra.reference import bundled_reference, sample_references

ENERGIES = np.arange(7092.0, 7193.0, 2.0)
PHASES = [bundled_reference("LFP"), bundled_reference("FP")]
NOISE = 0.1
Result = tuple[np.ndarray, np.ndarray | None]
"""Fraction of LiFePO4 of every spectrum, and its standard deviation where the program gives one."""


def main() -> None:
    """Print a table for a right and for a wrong energy scale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", type=int, default=40_000)
    parser.add_argument("--peer", action="append", default=[], help="Python of an environment with another program")
    told = parser.parse_args()
    n_spectra = told.spectra
    console = Console(width=120)
    for offset in (0.0, 0.5):
        truth, spectra = simulated(n_spectra, offset_ev=offset)
        table = Table(title=f"{n_spectra} spectra, {ENERGIES.size} energies, energy scale off by {offset:g} eV")
        for title in ("program", "spectra/s", "RMSE", "bias", "bias pure LFP", "inside 1 sigma"):
            table.add_column(title, justify="left" if title == "program" else "right")
        for name, fit in fits().items():
            fit(spectra[:, :100])  # compiles, warms up
            start = time.perf_counter()
            fraction, sigma = fit(spectra)
            table.add_row(name, *judged(fraction, sigma, truth, seconds=time.perf_counter() - start))
        for python in told.peer:
            for name, fraction, seconds in of_peer(python, spectra):
                table.add_row(name, *judged(fraction, None, truth, seconds=seconds))
        console.print(table)


def judged(fraction: np.ndarray, sigma: np.ndarray | None, truth: np.ndarray, *, seconds: float) -> tuple[str, ...]:
    """Spectra per second, root mean square error, bias, bias of pure LiFePO4, and coverage."""
    error = fraction - truth
    inside = "none" if sigma is None else f"{np.mean(np.abs(error) < sigma):.3f}"
    numbers = (np.sqrt(np.mean(error**2)), error.mean(), error[truth == 1].mean())
    return f"{truth.size / seconds:,.0f}", f"{numbers[0]:.4f}", *(f"{number:+.4f}" for number in numbers[1:]), inside


def of_peer(python: str, spectra: np.ndarray) -> Iterator[tuple[str, np.ndarray, float]]:
    """Name, fraction and seconds of every program in another environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, energies=ENERGIES, columns=fit_columns(), spectra=spectra)
        script = Path(__file__).with_name("fit_one_peer.py")
        subprocess.run([python, str(script), str(given), str(found)], check=True, capture_output=True)
        for name, rows in np.load(found).items():
            yield name, shares(rows[1:]), float(rows[0, 0])


def fit_columns() -> np.ndarray:
    """`(energy, column)` references and background."""
    return np.concatenate([sample_references(PHASES, ENERGIES), background_columns(ENERGIES)]).T


def simulated(n_spectra: int, *, offset_ev: float) -> tuple[np.ndarray, np.ndarray]:
    """Fractions, a third of them 0 and a third 1, and `(energy, spectrum)` float32 of unit edge step."""
    rng = np.random.default_rng(0)
    truth = np.clip(rng.uniform(-1, 2, n_spectra), 0, 1)
    references = sample_references(PHASES, ENERGIES, energy_offset_ev=offset_ev)
    clean = references.T @ np.stack([truth, 1 - truth]) + 0.37 * background_columns(ENERGIES).T
    return truth, (clean + NOISE * rng.standard_normal(clean.shape)).astype(np.float32)


def fits() -> dict[str, Callable[[np.ndarray], Result]]:
    """All programs at hand."""
    columns = fit_columns()
    return {
        "xanesmap, free": lambda spectra: ours(spectra, "free"),
        "xanesmap, non-negative": lambda spectra: ours(spectra, "non-negative"),
        "xanesmap, offset fitted": lambda spectra: ours(spectra, "free", with_offset=True),
        "numpy lstsq": lambda spectra: (shares(np.linalg.lstsq(columns, spectra, rcond=None)[0]), None),
        "scipy nnls": lambda spectra: (shares(np.transpose([nnls(columns, one)[0] for one in spectra.T])), None),
        "scikit-learn, positive": lambda spectra: (shares(positive(columns, spectra)), None),
    }


def ours(spectra: np.ndarray, constraint: str, *, with_offset: bool = False) -> Result:
    """Fit with the known noise; the offset, where asked for, from the mean spectrum."""
    offset = fit_energy_offset(spectra.mean(axis=1), PHASES, ENERGIES).offset_ev if with_offset else 0.0
    fit = fit_combination(spectra, model(offset), constraint=constraint, variance=np.full(ENERGIES.size, NOISE**2))
    return fit.fraction[0], fit.fraction_sigma[0]


def model(offset_ev: float) -> CombinationModel:
    """References moved by an offset, and a background."""
    return make_model(sample_references(PHASES, ENERGIES, energy_offset_ev=offset_ev), background_columns(ENERGIES))


def positive(columns: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """Coefficients by scikit-learn's non-negative regression."""
    return LinearRegression(positive=True, fit_intercept=False).fit(columns, spectra).coef_.T


def shares(coefficients: np.ndarray) -> np.ndarray:
    """Fraction of the first phase."""
    return coefficients[0] / coefficients[:2].sum(axis=0)


if __name__ == "__main__":
    main()
