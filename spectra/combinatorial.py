"""Which references a spectrum is made of: every combination of a few of many, ranked by an information criterion."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, Final, Literal, assert_never

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import FitError
from xanesmap.spectra.combination import fit_combination
from xanesmap.spectra.combination_model import CombinationModel, make_model

FloatArray = NDArray[np.floating[Any]]
Criterion = Literal["bic", "aicc"]

MOST_COMBINATIONS: Final = 20_000
"""Most combinations tried: three of 48 references."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankedCombination:
    """One combination of references fitted to spectra.

    Parameters
    ----------
    names
        References, in their order.
    score
        Information criterion over all spectra; lower is better.
    difference
        Score above that of the best combination: over 6 is strong evidence against, over 10 very strong.
    weight
        Share of the evidence among all combinations tried, 0 to 1.
    fraction
        `(reference, spectrum)` fractions, non-negative.
    r_factor
        `(spectrum,)` sum of squared residuals over sum of squares.
    """

    names: tuple[str, ...]
    score: float
    difference: float
    weight: float
    fraction: FloatArray
    r_factor: FloatArray


def rank_combinations(
    spectra: ArrayLike,
    references: ArrayLike,
    background: ArrayLike,
    *,
    names: Sequence[str],
    most: int = 3,
    criterion: Criterion = "bic",
    noise: ArrayLike | None = None,
) -> tuple[RankedCombination, ...]:
    r"""Fit all combinations of one to `most` references and rank them, best first.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra, such as the means of a few regions; each has its own amounts, all share the references.
    references
        `(reference, energy)` normalised absorption at those energies.
    background
        `(column, energy)` background columns, part of every fit.
    names
        Name of each reference.
    most
        Most references in a combination.
    criterion
        "bic" (Schwarz) asks more of another reference the more data there are; "aicc" (Akaike, corrected for few data)
        asks less.
    noise
        `(energy,)` standard deviation at each energy, in any unit: weights only.

    Returns
    -------
    The combinations, without those whose columns the energies cannot tell apart. Amounts are non-negative.

    Raises
    ------
    FitError
        No reference, too many combinations, or none that can be fitted.

    Notes
    -----
    For n data, residual sum of squares S and k coefficients, :math:`n \ln(S/n) + k \ln n` and
    :math:`n \ln(S/n) + 2k + 2k(k+1)/(n-k-1)`. The noise is taken from the residuals, so that what no combination
    describes does not favour large ones. Neighbouring energies share what is left of the model's errors; the
    differences are then too large, the order is not.

    References
    ----------
    G. Schwarz, Ann. Stat. 6, 461 (1978), doi:10.1214/aos/1176344136; C. M. Hurvich, C.-L. Tsai, Biometrika 76, 297
    (1989), doi:10.1093/biomet/76.2.297; R. E. Kass, A. E. Raftery, J. Am. Stat. Assoc. 90, 773 (1995),
    doi:10.1080/01621459.1995.10476572 (grades of evidence).
    """
    values = np.asarray(spectra, dtype=np.float64).reshape(len(np.asarray(spectra)), -1)
    curves, columns = np.asarray(references, dtype=np.float64), np.asarray(background, dtype=np.float64)
    chosen = _choices(len(curves), most)
    fitted = [
        _fit(values, curves[list(choice)], columns, [names[i] for i in choice], noise, criterion) for choice in chosen
    ]
    known = sorted((fit for fit in fitted if fit is not None), key=lambda fit: fit.score)
    if not known:
        message = (
            f"no combination of {', '.join(names)} can be fitted at {len(values)} energies; measure more energies."
        )
        raise FitError(message)
    differences = np.array([fit.score for fit in known]) - known[0].score
    weights = np.exp(-differences / 2)
    weights /= weights.sum()
    return tuple(
        RankedCombination(
            names=fit.names,
            score=fit.score,
            difference=float(difference),
            weight=float(weight),
            fraction=fit.fraction,
            r_factor=fit.r_factor,
        )
        for fit, difference, weight in zip(known, differences, weights, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    names: tuple[str, ...]
    score: float
    fraction: FloatArray
    r_factor: FloatArray


def _choices(n_references: int, most: int) -> list[tuple[int, ...]]:
    sizes = range(1, min(most, n_references) + 1)
    chosen = list(chain.from_iterable(combinations(range(n_references), size) for size in sizes))
    if not chosen:
        message = f"combinations of up to {most} of {n_references} references were asked for; give one or more of each."
        raise FitError(message)
    if len(chosen) > MOST_COMBINATIONS:
        message = (
            f"{len(chosen)} combinations of up to {most} of {n_references} references were asked for, at most "
            f"{MOST_COMBINATIONS} are tried; leave out references that cannot be there."
        )
        raise FitError(message)
    return chosen


def _fit(
    spectra: FloatArray,
    references: FloatArray,
    background: FloatArray,
    names: Sequence[str],
    noise: ArrayLike | None,
    criterion: Criterion,
) -> _Fit | None:
    """None where the columns cannot be told apart."""
    try:
        model = make_model(references, background, noise=noise, names=names)
    except FitError:
        return None
    fit = fit_combination(spectra, model, constraint="non-negative", variance=np.ones(len(spectra)))
    squares = _weighted_squares(spectra, model, np.concatenate([fit.amounts, fit.background]))
    n_coefficients = model.design.shape[1] * spectra.shape[1] + 1  # the noise is one more
    score = _score(squares, n_data=spectra.size, n_coefficients=n_coefficients, criterion=criterion)
    return _Fit(names=tuple(names), score=score, fraction=fit.fraction, r_factor=fit.r_factor)


def _weighted_squares(spectra: FloatArray, model: CombinationModel, coefficients: FloatArray) -> float:
    weights = model.weights / model.weights.mean()
    return float(np.sum(weights[:, np.newaxis] * (spectra - model.design @ coefficients) ** 2))


def _score(squares: float, *, n_data: int, n_coefficients: int, criterion: Criterion) -> float:
    # A fit without any residual is as good as numbers of this precision can tell.
    likelihood = n_data * float(np.log(max(squares / n_data, np.finfo(np.float64).tiny)))
    match criterion:
        case "bic":
            return likelihood + n_coefficients * float(np.log(n_data))
        case "aicc":
            left = n_data - n_coefficients - 1
            if left <= 0:
                return float("inf")
            return likelihood + 2 * n_coefficients + 2 * n_coefficients * (n_coefficients + 1) / left
        case _:
            assert_never(criterion)
