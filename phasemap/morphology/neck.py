"""Area of the neck between two touching bodies: where the sections of both, seen from beyond the neck, become one.

The voxels at a neck tell little of it. Beyond the plane in which two balls of ten voxels meet in a circle of three, the
section of either grows by sixty square voxels for every voxel, so that between the centres of two neighbouring voxels
half of the neck is gained. Farther off that does no harm: the section of a ball is `a0 + a1 s - pi s^2` at the distance
s from the plane, whatever its radius, and that of an ellipsoid is a parabola too. So sections are fitted on both sides
and extrapolated to the plane; the plane lies where both have one area and one middle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

FloatArray = NDArray[np.floating[Any]]

_ROUND = -np.pi  # of s^2 in the section of a ball
_ROUND_SPREAD = 1.0  # its standard deviation over ellipsoids whose semi-axes differ by a fifth
_RANGE_PX = 4.5  # over which sections are looked at
_LEAST_RANGE_PX = 1.5
_FRINGE_PX = 2  # voxels outside of the bodies that are partly filled
_NEAR_PX = 2.0  # within which the plane, not the numbers of the voxels, says whose they are
_PASSES = 6
_MOST_SHIFT_PX, _MOST_TILT = 1.0, 0.3  # in a pass
_SLIGHT_GROOVE = 10.0  # growth of both sections, square voxels per voxel, below which they do not place the plane
_GRID = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """A plane between two bodies."""

    centre: FloatArray
    """`(3,)` point on it, voxels."""
    normal: FloatArray
    """`(3,)` unit vector from the first to the second body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionErrors:
    """How well sections of the bodies are known."""

    blur_px: float
    """Standard deviation of the blur, that of the voxels included: fills the groove around the neck so far, voxels."""
    lost: float
    """Area that blur takes from every section of a ball, square voxels."""
    common: float
    """Standard error of the place of a whole surface, voxels."""
    density: float
    """Variance that a unit of area adds to a volume, voxels^2 per square voxel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neck:
    """Area of a neck and its standard error, square voxels."""

    area: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Section:
    """Section of one body at the distance s from the plane: `area @ (1, s, s^2)`."""

    area: FloatArray
    error: float
    """Standard error of that at the plane."""
    middle: FloatArray
    """`(3,)` middle of the sections, from the centre of the plane, voxels."""

    @property
    def gain(self) -> float:
        """Area at the plane gained per voxel by which the surface moves out: the girth of a ball."""
        return float(np.sqrt(4 * np.pi * max(self.area[0], 0.0) + self.area[1] ** 2))


def measure_neck(
    one: NDArray[np.bool_], other: NDArray[np.bool_], filled: FloatArray, *, start: Plane, errors: SectionErrors
) -> Neck | None:
    """Area of the neck between two bodies.

    Parameters
    ----------
    one, other
        `(z, y, x)` True in each body.
    filled
        `(z, y, x)` filled part of every voxel of both and around them; 0 in other bodies.
    start
        About where they meet.
    errors
        Of their sections.

    Returns
    -------
    That of the flat section in which they meet; None where one of them is too thin to tell.
    """
    plane, nearest = start, 2 * errors.blur_px
    sides = [_Side(own, foe, filled, plane, way) for own, foe, way in ((one, other, -1), (other, one, 1))]
    ranges = [(nearest, min(nearest + _RANGE_PX, side.reach)) for side in sides]
    if min(high - low for low, high in ranges) < _LEAST_RANGE_PX:
        return None
    girth = [2 * np.sqrt(np.pi * max(one.sum(), other.sum()) ** (2 / 3))] * 2
    for _ in range(_PASSES):
        found = [
            side.section(plane, limits, density=errors.density * around)
            for side, limits, around in zip(sides, ranges, girth, strict=True)
        ]
        girth = [section.gain for section in found]
        plane = _between(plane, *found)
    neck = _joined(found[0], found[1], common=errors.common)
    return replace(neck, area=max(neck.area + errors.lost, 0.0))


class _Side:
    """Voxels of one body near a neck."""

    def __init__(
        self, own: NDArray[np.bool_], other: NDArray[np.bool_], filled: FloatArray, plane: Plane, way: int
    ) -> None:
        self.way = way
        fringe = binary_dilation(own, iterations=_FRINGE_PX) & ~other
        points = np.argwhere((fringe | other) & (filled != 0))
        z, y, x = points.T
        self.is_foe = other[z, y, x]
        self.filled = filled[z, y, x].astype(np.float64)
        self.points = points.astype(np.float64)
        away = way * ((np.argwhere(own) - plane.centre) @ plane.normal)
        self.reach = float(away.max(initial=0.0))

    def section(self, plane: Plane, limits: tuple[float, float], *, density: float) -> _Section:
        """Sections between two distances from a plane, by their moments with a smooth window."""
        low, high = limits
        offset = self.points - plane.centre
        away = self.way * (offset @ plane.normal)
        use = (away > low) & (away < high) & ~(self.is_foe & (away > _NEAR_PX))
        weight = self.filled[use] * _window(away[use], low, high)
        moments = np.array([weight @ away[use] ** k for k in range(3)])
        grid = np.linspace(low, high, _GRID)
        powers, window = grid ** np.arange(3)[:, None], _window(grid, low, high)
        step = grid[1] - grid[0]
        gram, spread = (powers * w @ powers.T * step for w in (window, window**2))
        # the noise of the volume against how far bodies differ from balls (ridge regression)
        pull = np.diag([0.0, 0.0, density / _ROUND_SPREAD**2])
        solve = np.linalg.inv(gram + pull)
        area = solve @ (moments + pull @ [0.0, 0.0, _ROUND])
        covariance = solve @ (density * spread + pull**2 * _ROUND_SPREAD**2) @ solve
        middle = weight @ offset[use] / max(float(weight.sum()), 1e-9)
        return _Section(area=area, error=float(np.sqrt(covariance[0, 0])), middle=middle)


def _window(away: FloatArray, low: float, high: float) -> FloatArray:
    """1 in the middle between two distances, 0 at both, smoothly: what single voxels add does not jump."""
    window: FloatArray = np.sin(np.pi * (away - low) / (high - low)) ** 2
    return window


def _between(plane: Plane, one: _Section, other: _Section) -> Plane:
    """Plane in which the sections of both have one area and one middle.

    By how much the section of a ball grows at the plane is 2 pi times the distance of its middle from it.
    """
    growth = one.area[1] + other.area[1]
    lever = growth / (growth**2 + _SLIGHT_GROOVE**2)
    shift = float(np.clip((one.area[0] - other.area[0]) * lever, -_MOST_SHIFT_PX, _MOST_SHIFT_PX))
    apart = one.middle - other.middle
    tilt = 2 * np.pi * lever * (apart - (apart @ plane.normal) * plane.normal)
    tilt *= min(1.0, _MOST_TILT / max(float(np.linalg.norm(tilt)), 1e-9))
    normal = plane.normal - tilt
    return Plane(centre=plane.centre + shift * plane.normal, normal=normal / np.linalg.norm(normal))


def _joined(one: _Section, other: _Section, *, common: float) -> Neck:
    """Area where both sections meet: that of the body which grows faster counts less."""
    growth = np.maximum([one.area[1], other.area[1]], 0) + _SLIGHT_GROOVE
    share = growth[::-1] / growth.sum()
    area = float(share @ [one.area[0], other.area[0]])
    by_noise = float(np.hypot(*(share * [one.error, other.error])))
    return Neck(area=area, error=float(np.hypot(by_noise, common * (share @ [one.gain, other.gain]))))
