"""The fit of one other program, run by `fit_peers.py` with the Python of the environment that program is installed in.

It needs NumPy and that program only: `python fit_one_peer.py IN.npz OUT.npz` reads energies, columns and spectra, runs
every adapter below whose program can be imported, and writes coefficients and seconds.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import numpy as np


def mantis(module: Any, energies: np.ndarray, columns: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """MANTiS: `calc_svd_maps`, the pseudo-inverse of references and background."""
    stack = SimpleNamespace(n_cols=spectra.shape[1], n_rows=1, n_ev=energies.size, od=spectra.T)
    analysis = module.analyze(stack)
    analysis.target_spectra, analysis.n_target_spectra = columns.T, columns.shape[1]
    analysis.calc_svd_maps()
    return analysis.target_svd_maps[:, 0].T


def pyxas(module: Any, energies: np.ndarray, columns: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """Least squares of pyxas 1.0, `fit_2D_xanes_non_iter`, with an offset of its own in place of the background."""
    references = {f"ref{i}": np.column_stack([energies / 1000, columns[:, i]]) for i in range(2)}
    return module.fit_2D_xanes_non_iter(spectra[:, :, None], energies / 1000, references)[0][:, :, 0]


def pyxrf_nnls(module: Any, energies: np.ndarray, columns: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """PyXRF: `fit_spectrum`, a loop of SciPy's non-negative least squares."""
    return module.fit_spectrum(spectra, columns, method="nnls")[0]


def pyxrf_admm(module: Any, energies: np.ndarray, columns: np.ndarray, spectra: np.ndarray) -> np.ndarray:
    """PyXRF: `fit_spectrum` by alternating directions."""
    return module.fit_spectrum(spectra, columns, method="admm")[0]


Adapter = Callable[[Any, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
ADAPTERS: list[tuple[str, str, str, Adapter]] = [
    ("mantis-xray", "SVD maps", "mantis_xray.analysis.analyze", mantis),
    ("pyxas", "least squares, offset", "pyxas", pyxas),
    ("pyxrf", "nnls", "pyxrf.core.fitting", pyxrf_nnls),
    ("pyxrf", "admm", "pyxrf.core.fitting", pyxrf_admm),
]
"""Distribution, method, module, adapter."""


def main() -> None:
    """Run what can be imported here."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    given = np.load(sys.argv[1])
    energies, columns, spectra = given["energies"], given["columns"], given["spectra"]
    found: dict[str, np.ndarray] = {}
    for distribution, method, module, adapter in ADAPTERS:
        try:
            program = importlib.import_module(module)
        except ImportError:
            continue
        adapter(program, energies, columns, spectra[:, :100])  # warms up
        start = time.perf_counter()
        coefficients = adapter(program, energies, columns, spectra)
        seconds = time.perf_counter() - start
        name = f"{distribution} {version(distribution)}, {method}"
        found[name] = np.concatenate([[[seconds] * spectra.shape[1]], coefficients[:2]])
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
