"""Composition across a front: how wide it is, and whether blur alone explains that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import norm

FloatArray = NDArray[np.floating[Any]]

WIDTH_10_90 = float(norm.ppf(0.9) - norm.ppf(0.1))
"""Distance between 10 and 90 % of a Gaussian edge, in standard deviations: 2.563."""
VOXEL_DEVIATION = float(np.sqrt(1 / 12))
"""Standard deviation of the blur of the voxels themselves, voxels."""

# Voxels that share their noise and their blur: an error of a mean over n voxels is that of n / this many.
CORRELATED_VOXELS = 8.0

_LEAST_VOXELS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeFit:
    """A Gaussian edge fitted to composition against distance; lengths in the unit of the distance.

    Attributes
    ----------
    position, position_error
        Where the edge is halfway, and its standard error.
    deviation, deviation_error
        Standard deviation of the edge and its standard error.
    low, high
        Composition far on the negative and far on the positive side.
    """

    position: float
    position_error: float
    deviation: float
    deviation_error: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Distance between 10 and 90 % of the step."""
        return WIDTH_10_90 * self.deviation

    @property
    def width_error(self) -> float:
        """Standard error of the width."""
        return WIDTH_10_90 * self.deviation_error

    def intrinsic_width(self, blur: float) -> float:
        """Width without blur of that standard deviation, sqrt(w^2 - w_blur^2); 0 where blur explains all."""
        return WIDTH_10_90 * float(np.sqrt(max(self.deviation**2 - blur**2, 0.0)))

    def intrinsic_width_error(self, blur: float, blur_error: float) -> float:
        """Standard error of that width; where blur explains all, the width that would go unseen."""
        squares = 2 * float(np.hypot(self.deviation * self.deviation_error, blur * blur_error))
        width2 = max(self.deviation**2 - blur**2, 0.0)
        return WIDTH_10_90 * min(squares / (2 * np.sqrt(width2)) if width2 else np.inf, float(np.sqrt(squares)))


def fit_edge(
    distance: FloatArray, fraction: FloatArray, sigma: FloatArray, *, independent: bool = False
) -> EdgeFit | None:
    """Fit a Gaussian edge.

    Parameters
    ----------
    distance
        `(sample,)` distance from the front, any unit.
    fraction
        `(sample,)` composition.
    sigma
        `(sample,)` its standard deviation.
    independent
        Whether the samples are independent; otherwise eight of them count as one, as neighbouring voxels do.

    Returns
    -------
    The fit, or None where there are too few samples or no edge.
    """
    if len(distance) < (4 if independent else _LEAST_VOXELS) or np.ptp(distance) == 0:
        return None
    weight = 1 / np.maximum(sigma, 1e-6)
    reach = float(np.ptp(distance))
    start = np.array([float(np.median(distance)), reach / 8, *_ends(distance, fraction)])

    def misfit(p: FloatArray) -> FloatArray:
        return np.asarray((p[2] + (p[3] - p[2]) * norm.cdf((distance - p[0]) / p[1]) - fraction) * weight)

    bounds = ([distance.min(), 1e-3 * reach, -np.inf, -np.inf], [distance.max(), 4 * reach, np.inf, np.inf])
    found = least_squares(misfit, start, bounds=bounds, x_scale=[reach, reach, 1, 1])
    covariance = np.linalg.pinv(found.jac.T @ found.jac)
    n_per_value = 1.0 if independent else CORRELATED_VOXELS
    # a misfit beyond the noise is an error of the model, and widens the error bar
    spread = max(1.0, 2 * found.cost / max(len(distance) - 4, 1))
    position, deviation, low, high = (float(value) for value in found.x)
    return EdgeFit(
        position=position,
        position_error=float(np.sqrt(covariance[0, 0] * n_per_value * spread)),
        deviation=deviation,
        deviation_error=float(np.sqrt(covariance[1, 1] * n_per_value * spread)),
        low=low,
        high=high,
    )


def _ends(distance: FloatArray, fraction: FloatArray) -> tuple[float, float]:
    """Median composition in the outermost fifth of the distances on either side."""
    near, far = np.quantile(distance, [0.2, 0.8])
    return float(np.median(fraction[distance <= near])), float(np.median(fraction[distance >= far]))
