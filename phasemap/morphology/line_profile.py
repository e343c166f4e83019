"""Composition along a line and in a box, with error bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from xanesmap.phasemap.morphology.interface_profile import CORRELATED_VOXELS, EdgeFit, fit_edge
from xanesmap.phasemap.morphology.voxel_noise import weighted_noise

FloatArray = NDArray[np.floating[Any]]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineProfile:
    """Composition along a line; lengths in voxels.

    Attributes
    ----------
    distance
        `(step,)` from the start.
    mean, error
        `(step,)` weighted mean over the cross-section and its standard error; NaN outside the sample.
    edge
        Gaussian edge fitted along the line; None where there is none.
    """

    distance: FloatArray
    mean: FloatArray
    error: FloatArray
    edge: EdgeFit | None


def line_profile(
    fraction: FloatArray, sigma: FloatArray, *, start: Point, end: Point, radius_px: float = 1.0
) -> LineProfile:
    """Composition along a line, averaged over a disc across it.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase, NaN outside the sample.
    sigma
        `(z, y, x)` its standard deviation.
    start, end
        z, y, x in voxels, not the same.
    radius_px
        Of the disc, voxels; 0 for the line alone.

    Returns
    -------
    LineProfile in steps of one voxel. Voxels are weighted by their certainty. Errors count eight neighbouring voxels as
    one value, for they share their noise.
    """
    first, last = np.asarray(start, float), np.asarray(end, float)
    length = float(np.linalg.norm(last - first))
    distance = np.arange(int(length) + 1, dtype=float)
    along = (last - first) / length
    points = first + distance[:, None, None] * along + _disc(along, radius_px)  # (step, place, 3)
    known = np.isfinite(fraction) & np.isfinite(sigma) & (sigma > 0)
    weight = np.where(known, 1 / np.where(known, sigma, 1) ** 2, 0)
    total = _sampled(weight, points)
    mean = np.where(
        total > 0, _sampled(weight * np.where(known, fraction, 0), points) / np.maximum(total, 1e-30), np.nan
    )
    # at least the error of one voxel's worth: a thin line samples each voxel several times
    independent = max(1.0, points.shape[1] / CORRELATED_VOXELS)
    error = np.where(total > 0, np.sqrt(points.shape[1] / np.maximum(total, 1e-30) / independent), np.nan)
    inside = np.isfinite(mean)
    edge = fit_edge(distance[inside], mean[inside], error[inside], independent=True)
    return LineProfile(distance=distance, mean=mean, error=error, edge=edge)


def _disc(along: FloatArray, radius: float) -> FloatArray:
    """(place, 3) points of a unit grid across a direction."""
    side = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    side /= np.linalg.norm(side)
    other = np.cross(along, side)
    steps = np.arange(-int(radius), int(radius) + 1)
    places = [a * side + b * other for a in steps for b in steps if a * a + b * b <= radius * radius + 1e-9]
    return np.array(places)


def _sampled(volume: FloatArray, points: FloatArray) -> FloatArray:
    """(step,) sum over the cross-section, by linear interpolation."""
    values = map_coordinates(volume, points.reshape(-1, 3).T, order=1, mode="constant")
    return np.asarray(values.reshape(points.shape[:2]).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxMean:
    """Composition in a box."""

    voxels: int
    """Voxels of the sample in it."""
    mean: float
    """Mean of the fraction, weighted by the edge step: of the atoms in the box. NaN without sample."""
    error: float
    """Standard error, from the errors of the voxels; eight neighbours count as one value."""


def box_mean(fraction: FloatArray, sigma: FloatArray, amount: FloatArray, *, corner: Point, opposite: Point) -> BoxMean:
    """Mean composition in a box.

    Parameters
    ----------
    fraction
        `(z, y, x)` fraction of a phase, NaN outside the sample.
    sigma
        `(z, y, x)` its standard deviation.
    amount
        `(z, y, x)` edge step, 1/um.
    corner, opposite
        z, y, x of two opposite corners in voxels; voxels whose centres lie between count.
    """
    low, high = np.minimum(corner, opposite), np.maximum(corner, opposite)
    box = tuple(slice(max(0, int(np.ceil(a))), max(0, int(np.floor(b)) + 1)) for a, b in zip(low, high, strict=True))
    f, s, a = fraction[box], sigma[box], amount[box]
    known = np.isfinite(f) & np.isfinite(s) & np.isfinite(a) & (a > 0)
    weight = a[known].astype(np.float64)
    if weight.size == 0:
        return BoxMean(voxels=0, mean=float("nan"), error=float("nan"))
    total = float(weight.sum())
    independent = max(1.0, min(CORRELATED_VOXELS, weight.size))
    return BoxMean(
        voxels=int(weight.size),
        mean=float(weight @ f[known]) / total,
        error=float(np.sqrt(independent * np.sum(weighted_noise(weight, s[known]) ** 2))) / total,
    )
