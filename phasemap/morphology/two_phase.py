"""Two phases side by side, or one solid solution.

The spectrum of a mixture and that of a linear solid solution are the same, so a voxel of fraction one half says nothing
by itself. What tells is where such voxels lie, and how many there are. Two phases that meet at a sharp front look mixed
only where the blur of the microscope and the noise make them so, and that share of the volume can be predicted:
without noise it is 2.563 sigma A / V for fractions between 0.1 and 0.9 (A: area of the front, V: volume, sigma: blur).
An excess over the prediction is a solid solution, or a mixture finer than the resolution: those two cannot be told
apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from xanesmap.phasemap.morphology.core_shell import Body, Front
from xanesmap.phasemap.morphology.interface_profile import (
    CORRELATED_VOXELS,
    VOXEL_DEVIATION,
    WIDTH_10_90,
    EdgeFit,
    fit_edge,
)
from xanesmap.phasemap.surfaces.distance import distance_to_surface

FloatArray = NDArray[np.floating[Any]]
Verdict = Literal["two phases", "solid solution or fine mixture", "one phase", "undecided"]

MIXED_RANGE = (0.1, 0.9)
"""Fractions between which a voxel counts as mixed in the comparison with blur."""
BLUR_ERROR = 0.1
"""Relative standard error of the blur of the microscope, where none is given."""

_SAMPLE = 15_000  # voxels of a large particle that are looked at
_SIGNIFICANT = 3.0
_LEAST_EXCESS = 0.05  # share of the volume: below it even a certain excess changes nothing
_END_TOLERANCE = 0.05  # error of energy scale and references allowed for in the fractions of the pure phases
_FAR = 3.0  # blurs from the front, beyond which a voxel holds one phase
_EDGE_REACH = 6.0  # blurs from the front, within which the edge is fitted
_THINNED, _LEAST_SAMPLE = 5_000, 30
_LARGEST_ERROR = 0.25  # of the excess: beyond it nothing can be said


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPhaseEvidence:
    """What speaks for two phases and what for a solid solution, in one particle. Lengths in voxels.

    Attributes
    ----------
    verdict
        In words.
    observed, predicted
        Share of voxels with a fraction between 0.1 and 0.9: found, and expected of two phases with a sharp front.
    observed_error, predicted_error
        Their standard errors: noise and correlation of voxels; the same, and the error of the blur.
    excess, excess_error
        Their difference and its standard error: noise, correlation of voxels and the error of the blur.
    edge
        Gaussian edge fitted across the front; None without a front.
    blur_width, blur_width_error
        10 to 90 % width that blur alone gives, and its standard error.
    components
        Number of Gaussians, 1 to 3, that describe the histogram of fractions best (Bayesian information criterion).
    residual_ratio, residual_ratio_error
        Median residual of the spectral fit near the front over that elsewhere, and its standard error: above 1 speaks
        for a third species, or for images that do not match. NaN where not known.
    """

    verdict: Verdict
    observed: float
    observed_error: float
    predicted: float
    predicted_error: float
    excess: float
    excess_error: float
    edge: EdgeFit | None
    blur_width: float
    blur_width_error: float
    components: int
    residual_ratio: float
    residual_ratio_error: float

    def sentence(self, *, pixel_size_um: float) -> str:
        """The verdict with its evidence.

        Parameters
        ----------
        pixel_size_um
            Edge of a voxel, um.
        """
        nm = 1000 * pixel_size_um
        text = (
            f"{self.verdict}: {self.observed:.1%} of the volume lies between 0.1 and 0.9, a sharp front would give "
            f"{self.predicted:.1%}; excess {self.excess:+.1%} +- {self.excess_error:.1%}"
        )
        if self.edge is not None and self.edge.width_error < self.edge.width / 3:
            text += f"; front {self.edge.width * nm:.0f} +- {self.edge.width_error * nm:.0f} nm wide (10 to 90 %), "
            text += f"blur alone {self.blur_width * nm:.0f} nm"
        return f"{text}; histogram of {self.components} component{'s' if self.components > 1 else ''}."


def sharp_mixed_share(
    area: float, volume: float, *, blur_px: float, between: tuple[float, float] = MIXED_RANGE
) -> float:
    """Share of a volume that a sharp front makes look mixed, by blur alone.

    Parameters
    ----------
    area
        Of the front, square voxels.
    volume
        Voxels.
    blur_px
        Standard deviation of the blur, that of the voxels included, voxels.
    between
        Fractions between which a voxel counts as mixed.

    Returns
    -------
    2.563 blur area / volume for fractions between 0.1 and 0.9; for a front bent far less than the blur.
    """
    low, high = norm.ppf(between)
    return float((high - low) * blur_px * area / volume)


def mixed_share(fraction: FloatArray, *, between: tuple[float, float] = MIXED_RANGE) -> float:
    """Share of the finite values between two fractions; NaN without any."""
    values = fraction[np.isfinite(fraction)]
    return float(np.mean((values > between[0]) & (values < between[1]))) if values.size else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maps:
    """What was measured in a particle, not denoised.

    Attributes
    ----------
    fraction
        `(z, y, x)` fraction of the core's phase.
    sigma
        `(z, y, x)` its standard deviation; NaN or 0 where nothing was measured.
    residual
        `(z, y, x)` R-factor of the spectral fit, where known.
    """

    fraction: FloatArray
    sigma: FloatArray
    residual: FloatArray | None = None


def judge(body: Body, front: Front, maps: Maps, *, blur_px: float, seed: int = 0) -> TwoPhaseEvidence:
    """Weigh two phases against a solid solution.

    Parameters
    ----------
    body
        The particle.
    front
        Its front; empty where the fraction does not cross one half, or crosses it only by noise.
    maps
        What was measured.
    blur_px
        Standard deviation of the blur of the microscope, without that of the voxels, voxels.
    seed
        Of the choice of voxels in a large particle.

    Returns
    -------
    TwoPhaseEvidence. A verdict of two phases says that blur and noise explain every mixed voxel, not that no solid
    solution exists below the resolution.
    """
    rng = np.random.default_rng(seed)
    points = _measured_voxels(body, maps, rng)
    where = tuple(points.T)
    f, s = maps.fraction[where].astype(np.float64), maps.sigma[where].astype(np.float64)
    blur = float(np.hypot(blur_px, VOXEL_DEVIATION))
    distance = _distance_into_core(points, front, f)
    predicted, slack = _expected(f, s, distance, blur)
    observed = mixed_share(f)
    chance = [np.sqrt(p * (1 - p) * CORRELATED_VOXELS / max(len(f), 1)) for p in (observed, predicted)]
    error = float(np.sqrt(chance[0] ** 2 + chance[1] ** 2 + slack**2))
    ratio, ratio_error = _residual_ratio(maps.residual, where, np.abs(distance) < _FAR * blur)
    near = np.abs(distance) < _EDGE_REACH * blur
    return TwoPhaseEvidence(
        verdict=_verdict(
            observed - predicted,
            error,
            most=_mixed_by_blur_and_noise(np.full(len(f), 0.5), s) - predicted,
            has_front=not front.surface.is_empty,
        ),
        observed=observed,
        observed_error=float(chance[0]),
        predicted=predicted,
        predicted_error=float(np.hypot(chance[1], slack)),
        excess=observed - predicted,
        excess_error=error,
        edge=fit_edge(distance[near], f[near], s[near]),
        blur_width=WIDTH_10_90 * blur,
        blur_width_error=WIDTH_10_90 * BLUR_ERROR * blur,
        components=_components(f, rng),
        residual_ratio=ratio,
        residual_ratio_error=ratio_error,
    )


def _measured_voxels(body: Body, maps: Maps, rng: np.random.Generator) -> NDArray[np.int64]:
    """(voxel, 3) measured voxels of a particle; of a large one some."""
    known = np.isfinite(maps.fraction) & np.isfinite(maps.sigma) & (maps.sigma > 0)
    points = np.argwhere(body.inside & known)
    if len(points) > _SAMPLE:
        points = points[np.sort(rng.choice(len(points), _SAMPLE, replace=False))]
    return points


def _distance_into_core(points: NDArray[np.int64], front: Front, f: FloatArray) -> FloatArray:
    """(voxel,) distance from the front, positive in the core; infinite where there is no front."""
    if front.surface.is_empty:
        return np.full(len(f), np.copysign(np.inf, np.median(f) - 0.5) if len(f) else np.inf)
    return -distance_to_surface(points.astype(np.float64), front.surface)


def _expected(f: FloatArray, s: FloatArray, distance: FloatArray, blur: float) -> tuple[float, float]:
    """Mixed share of two phases with a sharp front, and its error from that of the blur."""
    if len(f) == 0:
        return float("nan"), float("nan")
    low = _pure_level(f[distance < -_FAR * blur], 0.0)
    high = _pure_level(f[distance > _FAR * blur], 1.0)
    narrow, middle, wide = (
        _mixed_by_blur_and_noise(low + (high - low) * norm.cdf(distance / (blur * factor)), s)
        for factor in (1 - BLUR_ERROR, 1.0, 1 + BLUR_ERROR)
    )
    return middle, (wide - narrow) / 2


def _pure_level(values: FloatArray, ideal: float) -> float:
    """Fraction of a pure phase as measured, no farther from the ideal than systematic errors explain."""
    measured = float(np.median(values)) if values.size else ideal
    return float(np.clip(measured, ideal - _END_TOLERANCE, ideal + _END_TOLERANCE))


def _mixed_by_blur_and_noise(true: FloatArray, sigma: FloatArray) -> float:
    if len(true) == 0:
        return float("nan")
    low, high = MIXED_RANGE
    return float(np.mean(norm.cdf((high - true) / sigma) - norm.cdf((low - true) / sigma)))


def _verdict(excess: float, error: float, *, most: float, has_front: bool) -> Verdict:
    """Verdict by the excess; `most` is that of a particle of one half throughout."""
    needed = max(_SIGNIFICANT * error, _LEAST_EXCESS)
    if not (error <= _LARGEST_ERROR and most > needed):
        return "undecided"
    if excess > needed:
        return "solid solution or fine mixture"
    return "two phases" if has_front else "one phase"


def _components(f: FloatArray, rng: np.random.Generator) -> int:
    """Number of Gaussians in the histogram; voxels are thinned, as neighbours are not independent."""
    n = min(_THINNED, int(len(f) / CORRELATED_VOXELS))
    if n < _LEAST_SAMPLE:
        return 1
    # one voxel of the rim with a huge error must not be a component of its own
    values = np.clip(rng.choice(f, n, replace=False), -1, 2)[:, None]
    scores = [_mixture(values, count).bic(values) for count in (1, 2, 3)]
    return int(np.argmin(scores)) + 1


def _mixture(values: FloatArray, count: int) -> GaussianMixture:
    starts = np.quantile(values, (np.arange(count) + 0.5) / count)[:, None]
    mixture = GaussianMixture(count, means_init=starts, init_params="random_from_data", random_state=0)
    return mixture.fit(values)


def _residual_ratio(
    residual: FloatArray | None, where: tuple[NDArray[np.int64], ...], near: NDArray[np.bool_]
) -> tuple[float, float]:
    """Median residual near the front over that elsewhere, and its standard error."""
    if residual is None or not near.any() or near.all():
        return float("nan"), float("nan")
    values = residual[where]
    here, away = (_median_with_error(values[part & np.isfinite(values)]) for part in (near, ~near))
    if not away[0] > 0:
        return float("nan"), float("nan")
    ratio = here[0] / away[0]
    return ratio, float(np.hypot(here[1] / away[0], ratio * away[1] / away[0]))


def _median_with_error(values: FloatArray) -> tuple[float, float]:
    """Median and its standard error, for a distribution normal about it."""
    if values.size == 0:
        return float("nan"), float("nan")
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    independent = max(values.size / CORRELATED_VOXELS, 1.0)
    return float(middle), float(np.sqrt(np.pi / 2 / independent) * (high - low) / 2)
