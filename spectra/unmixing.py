"""Unmixing without or with little knowledge of the phases: principal components, clusters, non-negative factors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA
from sklearn.mixture import GaussianMixture

from xanesmap.errors import FitError

FloatArray = NDArray[np.floating[Any]]
ClusterMethod = Literal["k-means", "gaussian-mixture"]

MOST_CLUSTERS: Final = 6
"""Most clusters tried where their number is left open."""

_NMF_ROUNDS: Final = 500
_TRACY_WIDOM_99: Final = 2.02
"""99 % point of the Tracy-Widom law of real matrices (Johnstone 2001)."""
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrincipalComponents:
    """Directions in which spectra vary most, in units of their noise.

    Parameters
    ----------
    eigenvalues
        `(component,)` variance along each, where noise has 1: the scree.
    noise_edge
        Eigenvalue that noise alone hardly exceeds.
    spectra
        `(component, energy)` the directions, in the unit of the spectra, of unit length over the noise.
    scores
        `(component, spectrum)` position of each spectrum along them, with noise of standard deviation 1.
    mean
        `(energy,)` mean spectrum.
    noise
        `(energy,)` standard deviation that the spectra were scaled by.
    """

    eigenvalues: FloatArray
    noise_edge: float
    spectra: FloatArray
    scores: FloatArray
    mean: FloatArray
    noise: FloatArray

    @property
    def n_significant(self) -> int:
        """Number of components that noise does not explain."""
        return int(np.count_nonzero(self.eigenvalues > self.noise_edge))

    def project(self, spectra: ArrayLike) -> FloatArray:
        """`(component, spectrum)` scores of other spectra, `(energy, spectrum)`, as those of `scores`."""
        values = np.asarray(spectra, dtype=np.float64)
        return np.asarray((self.spectra / self.noise**2) @ (values - self.mean[:, np.newaxis]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Spectra sorted by their shape.

    Parameters
    ----------
    labels
        `(spectrum,)` number of the cluster, from 0, the largest first.
    sizes
        `(cluster,)` number of spectra.
    spectra
        `(cluster, energy)` mean spectra.
    criterion
        Bayesian information criterion of a Gaussian mixture, to compare numbers of clusters; NaN for k-means.
    assign
        From other spectra `(energy, spectrum)` to the numbers of their clusters.
    """

    labels: NDArray[np.intp]
    sizes: NDArray[np.intp]
    spectra: FloatArray
    criterion: float
    assign: Callable[[FloatArray], NDArray[np.intp]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Non-negative spectra and amounts whose product are the data.

    Parameters
    ----------
    spectra
        `(phase, energy)` spectra, of the same mean as the references they started from.
    amounts
        `(phase, spectrum)` amounts.
    change
        `(phase,)` root mean square difference from the references they started from.
    misfit
        Root mean square residual over the root mean square of the data.
    """

    spectra: FloatArray
    amounts: FloatArray
    change: FloatArray
    misfit: float


def principal_components(
    spectra: ArrayLike, *, noise: ArrayLike, n_components: int = 8, n_lost: int = 0
) -> PrincipalComponents:
    """Principal components of spectra, scaled so that the noise is the same at every energy.

    Parameters
    ----------
    spectra
        `(energy, spectrum)` spectra, such as those of the voxels inside the mask.
    noise
        `(energy,)` standard deviation at each energy, in the unit of the spectra.
    n_components
        Most components returned.
    n_lost
        Dimensions the spectra have lost, such as the columns of a fit whose residuals they are.

    Returns
    -------
    The components. The noise edge is what the largest eigenvalue of noise alone exceeds once in a hundred times, for
    independent spectra. Neighbouring voxels of a tomogram share noise, which lifts that edge, so judge a component
    just above it by its map.

    Raises
    ------
    FitError
        Too few spectra or numbers that are not finite.

    References
    ----------
    I. M. Johnstone, Ann. Stat. 29, 295 (2001), doi:10.1214/aos/1009210544; for spectra of this kind E. R. Malinowski,
    Factor Analysis in Chemistry, Wiley (2002).
    """
    values, sigma = _checked(spectra), np.asarray(noise, dtype=np.float64)
    n_energies, n_spectra = values.shape
    model = PCA(n_components=min(n_components, n_energies, n_spectra), svd_solver="full")
    scores = model.fit_transform((values / sigma[:, np.newaxis]).T)
    return PrincipalComponents(
        eigenvalues=np.asarray(model.explained_variance_),
        noise_edge=_largest_of_noise(n_energies - n_lost, n_spectra),
        spectra=np.asarray(model.components_ * sigma),
        scores=np.asarray(scores.T),
        mean=np.asarray(model.mean_ * sigma),
        noise=sigma,
    )


def cluster_spectra(
    spectra: ArrayLike,
    *,
    noise: ArrayLike,
    n_clusters: int | None = None,
    method: ClusterMethod = "gaussian-mixture",
    seed: int = 0,
) -> Clusters:
    """Sort spectra into clusters of like shape, on their significant principal components.

    Parameters
    ----------
    spectra
        `(energy, spectrum)` spectra divided by their edge step: otherwise thickness decides and not chemistry.
    noise
        `(energy,)` typical standard deviation at each energy, unitless.
    n_clusters
        Number of clusters. None: that of the lowest Bayesian information criterion, for a Gaussian mixture.
    method
        "k-means" (round clusters of like width) or "gaussian-mixture" (any ellipsoid).
    seed
        Of the starts.

    Returns
    -------
    The clusters.

    Raises
    ------
    FitError
        Fewer spectra than clusters, or no number of clusters for k-means.
    """
    values = _checked(spectra)
    found = principal_components(values, noise=noise)
    n_used = max(found.n_significant, 1)
    scores = found.scores[:n_used].T
    if len(scores) < (n_clusters or 2):
        message = f"{n_clusters or 2} clusters of {len(scores)} spectra were asked for; give more spectra."
        raise FitError(message)
    predict, criterion = _sorted_scores(scores, n_clusters, method=method, seed=seed)
    labels = predict(scores)
    present, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.zeros(int(present.max()) + 1, np.intp)
    rank[present[order]] = np.arange(len(present))

    def assign(others: FloatArray) -> NDArray[np.intp]:
        # a component of the mixture that was nobody's best is nobody's afterwards either, but for a rare spectrum
        return np.asarray(rank[np.minimum(predict(found.project(others)[:n_used].T), len(rank) - 1)])

    numbers = rank[labels]
    return Clusters(
        labels=numbers,
        sizes=counts[order],
        spectra=np.stack([values[:, numbers == number].mean(axis=1) for number in range(len(present))]),
        criterion=criterion,
        assign=assign,
    )


def _sorted_scores(
    scores: FloatArray, n_clusters: int | None, *, method: ClusterMethod, seed: int
) -> tuple[Callable[[FloatArray], NDArray[np.intp]], float]:
    """What sorts scores into clusters, and the criterion of that choice."""
    match method:
        case "k-means":
            if n_clusters is None:
                message = "k-means takes a number of clusters; give one, or take a Gaussian mixture."
                raise FitError(message)
            return KMeans(n_clusters, n_init=5, random_state=seed).fit(scores).predict, np.nan
        case "gaussian-mixture":
            numbers = range(1, min(MOST_CLUSTERS, len(scores)) + 1) if n_clusters is None else (n_clusters,)
            mixtures = [GaussianMixture(number, n_init=2, random_state=seed).fit(scores) for number in numbers]
            criteria = [float(mixture.bic(scores)) for mixture in mixtures]
            best = int(np.argmin(criteria))
            return mixtures[best].predict, criteria[best]
        case _:
            assert_never(method)


def factorise(spectra: ArrayLike, references: ArrayLike, *, seed: int = 0) -> Factors:
    """Non-negative matrix factorisation that starts from references and lets them change.

    Parameters
    ----------
    spectra
        `(energy, spectrum)` spectra without background, such as normalised ones; below zero counts as zero.
    references
        `(phase, energy)` reference spectra to start from.
    seed
        Of the order of updates.

    Returns
    -------
    Factors after 500 rounds. They are not unique: any mixing that leaves all of them non-negative describes the data
    as well. Take them for a hint of how the sample differs from its references, not for spectra of pure phases.

    Raises
    ------
    FitError
        Shapes that do not match.

    References
    ----------
    D. D. Lee, H. S. Seung, Nature 401, 788 (1999), doi:10.1038/44565; A. Cichocki, A.-H. Phan, IEICE Trans. Fundam.
    E92-A, 708 (2009), doi:10.1587/transfun.E92.A.708 (coordinate descent).
    """
    values, start = np.maximum(_checked(spectra), 0).T, np.asarray(references, dtype=np.float64)
    if start.ndim != 2 or start.shape[1] != values.shape[1]:
        message = f"references of shape {start.shape} were given for spectra at {values.shape[1]} energies."
        raise FitError(message)
    # A factor of exactly zero could never leave it.
    curves = np.maximum(start, _LEAST)
    amounts = np.maximum(values @ np.linalg.pinv(curves), _LEAST)
    model = NMF(len(curves), init="custom", tol=0, max_iter=_NMF_ROUNDS, random_state=seed)
    amounts = model.fit_transform(values, W=np.ascontiguousarray(amounts), H=curves.copy())
    scale = start.mean(axis=1) / np.maximum(model.components_.mean(axis=1), _LEAST)
    found = model.components_ * scale[:, np.newaxis]
    residual = values - amounts @ model.components_
    return Factors(
        spectra=np.asarray(found),
        amounts=np.asarray((amounts / scale).T),
        change=np.sqrt(((found - start) ** 2).mean(axis=1)),
        misfit=float(np.sqrt((residual**2).mean() / (values**2).mean())),
    )


def _largest_of_noise(n_dimensions: int, n_spectra: int) -> float:
    """Eigenvalue that the largest one of white noise exceeds once in a hundred times."""
    roots = np.sqrt(n_spectra - 1), np.sqrt(n_dimensions)
    centre = sum(roots) ** 2
    width = sum(roots) * (1 / roots[0] + 1 / roots[1]) ** (1 / 3)
    return float((centre + _TRACY_WIDOM_99 * width) / n_spectra)


def _checked(spectra: ArrayLike) -> FloatArray:
    values = np.asarray(spectra, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        message = f"spectra of shape {values.shape} were given; two or more are needed, energies first."
        raise FitError(message)
    if not np.isfinite(values).all():
        message = "spectra hold numbers that are not finite; leave those voxels out."
        raise FitError(message)
    return values
