"""Energies that do not belong to the rest: a bad exposure must not decide the phases of every voxel."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from xanesmap.errors import FitError
from xanesmap.spectra.combination_model import CombinationModel

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]

_STARTS: Final = 300
_ROUNDS: Final = 20
_KEPT: Final = 0.75
"""Share of the energies that are taken as good: up to a quarter may be bad."""
_REJECTED_SIGMA: Final = 4.0
"""Residuals beyond this many robust standard deviations are rejected: one good energy of 16000."""


def trusted_energies(spectra: ArrayLike, model: CombinationModel, *, seed: int = 0) -> BoolArray:
    """Energies that a linear combination describes, found by least trimmed squares.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra: the mean spectrum of a scan (which shows the smallest errors), or many.
    model
        Columns and weights.
    seed
        Of the random subsets the search starts from.

    Returns
    -------
    `(energy,)` false where the residual of the best fit to three quarters of the energies is beyond four robust
    standard deviations. At most a quarter of the energies can be rejected.

    Raises
    ------
    FitError
        If spectra and model differ in energies, or too few energies are left to tell a bad one from a good one.

    Notes
    -----
    Huber's loss alone would not do: an energy that stands alone, as the one before the edge often does, pulls the
    fit towards itself and shows no residual.

    References
    ----------
    P. J. Rousseeuw, J. Am. Stat. Assoc. 79, 871 (1984), doi:10.1080/01621459.1984.10477105; P. J. Rousseeuw, K. Van
    Driessen, Data Min. Knowl. Disc. 12, 29 (2006), doi:10.1007/s10618-005-0024-4 (concentration steps).
    """
    columns, design, n_spectra = _standardised(spectra, model)
    n_energies, n_columns = design.shape
    n_kept = int(np.ceil(_KEPT * n_energies))
    if n_kept < n_columns + 2:
        message = (
            f"{n_energies} energies and {n_columns} coefficients were given: three quarters of the energies have to "
            "exceed the coefficients by two to find bad ones. Fit without the robust option."
        )
        raise FitError(message)
    kept = _best_subset(columns, design, n_kept=n_kept, seed=seed)
    size = _residual_size(columns, design, kept)
    # The kept ones are the smallest residuals; what share of the normal distribution that is sets the scale.
    scale = float(np.median(size) / np.sqrt(chi2.median(n_spectra) / n_spectra))
    trusted = size <= max(_REJECTED_SIGMA * scale, 1e-9 * float(np.abs(columns).max()))
    trusted[kept] = True
    return np.asarray(trusted)


def _standardised(spectra: ArrayLike, model: CombinationModel) -> tuple[FloatArray, FloatArray, int]:
    """Columns with the second moments of the spectra, and the design, both in units of the noise."""
    values = np.asarray(spectra, dtype=np.float64)
    if values.ndim == 0 or len(values) != len(model.design):
        message = f"spectra of shape {values.shape} were given for a model of {len(model.design)} energies."
        raise FitError(message)
    values = values.reshape(len(values), -1)
    if model.matrix is not None:
        values = model.matrix @ values
    n_spectra = values.shape[1]
    if n_spectra > len(values):
        eigenvalues, vectors = np.linalg.eigh(values @ values.T)
        values = vectors * np.sqrt(np.maximum(eigenvalues, 0))
    root = np.sqrt(model.weights / model.weights.mean())[:, np.newaxis]
    return root * values / np.sqrt(n_spectra), root * model.design, n_spectra


def _residual_size(columns: FloatArray, design: FloatArray, kept: NDArray[np.intp]) -> FloatArray:
    """`(energy,)` root mean square residual of the fit to some energies."""
    coefficients = np.linalg.lstsq(design[kept], columns[kept], rcond=None)[0]
    return np.asarray(np.linalg.norm(columns - design @ coefficients, axis=1))


def _best_subset(columns: FloatArray, design: FloatArray, *, n_kept: int, seed: int) -> NDArray[np.intp]:
    rng = np.random.default_rng(seed)
    n_energies, n_columns = design.shape
    best, lowest = np.arange(n_kept), np.inf
    for _ in range(_STARTS):
        kept = rng.choice(n_energies, n_columns + 1, replace=False)
        kept, squares = _concentrate(columns, design, kept, n_kept=n_kept)
        if squares < lowest:
            best, lowest = kept, squares
    return best


def _concentrate(
    columns: FloatArray, design: FloatArray, kept: NDArray[np.intp], *, n_kept: int
) -> tuple[NDArray[np.intp], float]:
    """Keep the smallest residuals, fit them, and again: the sum of squares never rises."""
    for _ in range(_ROUNDS):
        size = _residual_size(columns, design, kept)
        smallest = np.sort(np.argsort(size)[:n_kept])
        if np.array_equal(smallest, kept):
            break
        kept = smallest
    return kept, float(np.sum(_residual_size(columns, design, kept)[kept] ** 2))
