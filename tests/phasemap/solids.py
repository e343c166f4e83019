"""Solids of known geometry on voxels, for tests and benchmarks of morphology."""

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.ndimage import shift as ndimage_shift
from scipy.spatial.transform import Rotation
from scipy.special import ellipeinc, ellipkinc
from scipy.stats import norm


def signed_depth(shape, centre, half_axes, rotation=None):
    """Depth below the surface of an ellipsoid, voxels, positive inside; exact for a ball, first order otherwise."""
    axes = np.broadcast_to(np.asarray(half_axes, float), 3)
    offset = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) - centre
    local = offset if rotation is None else offset @ rotation
    radius = np.linalg.norm(local / axes, axis=-1)
    slope = np.linalg.norm(local / axes**2, axis=-1) / np.maximum(radius, 1e-9)
    return (1 - radius) / np.where(radius > 1e-9, slope, 1 / axes.min())


def ellipsoid(shape, centre, half_axes, rotation=None):
    """True inside."""
    return signed_depth(shape, centre, half_axes, rotation) >= 0


def blurred(depth, blur_px):
    """Occupancy of a body whose sharp surface was blurred."""
    return norm.cdf(depth / blur_px)


def ellipsoid_area(half_axes):
    """Area of an ellipsoid by Legendre's elliptic integrals."""
    a, b, c = np.sort(np.asarray(half_axes, float))[::-1]
    if np.isclose(a, c):
        return 4 * np.pi * a**2
    angle, modulus = np.arccos(c / a), a**2 * (b**2 - c**2) / (b**2 * (a**2 - c**2))
    second, first = ellipeinc(angle, modulus), ellipkinc(angle, modulus)
    return 2 * np.pi * (c**2 + a * b / np.sin(angle) * (second * np.sin(angle) ** 2 + first * np.cos(angle) ** 2))


def ellipsoid_mean_curvature(points, centre, half_axes):
    """Mean curvature where the rays from the centre through the points leave the ellipsoid."""
    squares = np.asarray(half_axes, float) ** 2
    offset = points - centre
    on = offset / np.sqrt((offset**2 / squares).sum(axis=1))[:, None]
    height = 1 / np.sqrt((on**2 / squares**2).sum(axis=1))
    return height**3 * (squares.sum() - (on**2).sum(axis=1)) / (2 * squares.prod())


def touching_pair(rng, n=72):
    """Two random ellipsoids that overlap by up to a third of the smaller one's radius: (one, other)."""
    radii = rng.uniform(6, 14, 2)
    axes = [radius * rng.uniform(0.8, 1.2, 3) for radius in radii]
    turns = [Rotation.random(random_state=rng).as_matrix() for _ in radii]
    along = rng.normal(size=3)
    along /= np.linalg.norm(along)
    # half axis along the line between the centres
    half = [1 / np.linalg.norm(along @ turn / axis) for turn, axis in zip(turns, axes, strict=True)]
    distance = sum(half) - rng.uniform(0.3, 0.33 * radii.min())
    first = (n - 1) / 2 - along * distance / 2 + rng.uniform(-0.5, 0.5, 3)
    one, other = (
        ellipsoid((n,) * 3, centre, axis, turn)
        for centre, axis, turn in zip((first, first + along * distance), axes, turns, strict=True)
    )
    return one, other


def blurred_balls(rng, n, *, blur_px, noise, supersampling=2):
    """Filled parts of two balls that overlap, blurred and with noise, and the area of the circle in which they meet."""
    radii, way = rng.uniform(6, 11, 2), rng.normal(size=3)
    way /= np.linalg.norm(way)
    distance = radii.sum() - rng.uniform(0.5, 0.33 * radii.min())
    first = (n - 1) / 2 - way * (distance + radii[1] - radii[0]) / 2 + rng.uniform(-0.5, 0.5, 3)
    along = (distance**2 + radii[0] ** 2 - radii[1] ** 2) / (2 * distance)
    s = supersampling
    grid = (np.arange(n * s) + 0.5) / s - 0.5
    z, y, x = np.meshgrid(grid, grid, grid, indexing="ij", sparse=True)
    inside = np.zeros((n * s,) * 3, np.float32)
    for centre, radius in zip((first, first + way * distance), radii, strict=True):
        inside[(z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2] = 1
    filled = gaussian_filter(inside, blur_px * s).reshape(n, s, n, s, n, s).mean(axis=(1, 3, 5))
    return filled + noise * rng.normal(size=filled.shape), np.pi * (radii[0] ** 2 - along**2)


def core_in_ball(rng, radius, core_radius, *, offset, blur_px):
    """Depth below a ball, filled parts of it and of a core off its middle by so many voxels, and both centres."""
    shape = (2 * radius + 9, 2 * radius + 10, 2 * radius + 8)
    centre = (np.array(shape) - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    way = rng.normal(size=3)
    core_centre = centre + offset * way / np.linalg.norm(way)
    outer, inner = signed_depth(shape, centre, radius), signed_depth(shape, core_centre, core_radius)
    return outer, blurred(outer, blur_px), blurred(inner, blur_px), centre, core_centre


def is_split_right(labels, one, other):
    """Whether two labels were found and hold at least 95 % of each body, their overlap left out."""
    if labels.max() != 2:
        return False
    shares = [[np.mean(labels[body] == value) for value in (1, 2)] for body in (one & ~other, other & ~one)]
    first, second = (int(np.argmax(share)) for share in shares)
    return first != second and min(max(share) for share in shares) > 0.95


def knobbly_body(rng, radius, n, supersampling=2):
    """Depth below the surface of a random wavy ellipsoid on a finer grid, voxels: `(s n, s n, s n)`."""
    s = supersampling
    grid = (np.arange(s * n) + 0.5) / s - 0.5
    offset = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1) - (n - 1) / 2 - rng.uniform(-0.5, 0.5, 3)
    local = offset @ Rotation.random(random_state=rng).as_matrix() / (radius * rng.uniform(0.75, 1.0, 3))
    length = np.linalg.norm(local, axis=-1)
    level = 1 - length
    direction = local / np.maximum(length, 1e-6)[..., None]
    for _ in range(4):
        level += rng.uniform(0.01, 0.05) * np.cos(direction @ rng.uniform(-4, 4, 3) + rng.uniform(0, 2 * np.pi))
    inside = level > 0
    return (distance_transform_edt(inside) - distance_transform_edt(~inside)) / s


def core_in(depth, share, *, blur_px, shift=(0, 0, 0), supersampling=2):
    """Mask of a body and the blurred fraction of a core of that share, one depth below the surface or shifted (voxels).

    `depth` is that of `knobbly_body`.
    """
    s = supersampling
    body = depth > 0
    core = (depth > np.quantile(depth[body], 1 - share)).astype(np.float32)
    core = ndimage_shift(core, np.asarray(shift, float) * s, order=1) * body

    def mean(values):
        return values.reshape(*(m for n in values.shape for m in (n // s, s))).mean(axis=(1, 3, 5))

    filled, part = gaussian_filter(body.astype(np.float32), blur_px * s), gaussian_filter(core, blur_px * s)
    filled, part = mean(filled), mean(part)
    mask = filled >= 0.5
    return mask, np.where(mask, part / np.maximum(filled, 1e-6), np.nan)
