"""Noise of the projections carried through filtered back-projection, voxel by voxel.

Filtered back-projection is linear, so the variance of a voxel is a weighted sum of the variances of the pixels it was
made from. Two kinds of noise behave differently: counting noise is independent in every pixel of every projection and
averages out over angles, while the noise of the mean flat is the same in every projection and adds up along rings.
The first sum varies slowly across a slice and is evaluated on a coarse grid; the second depends on the distance from
the axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, map_coordinates

from xanesmap.reconstruct.engines import FilterName, FloatArray
from xanesmap.reconstruct.filters import angular_weights, filter_response, padded_length

# Angles are merged into this many groups and the slice sampled at about this many points a side: the variance is a
# mean over all angles and changes over particle sizes, not over pixels.
_ANGLE_GROUPS = 60
_POINTS_A_SIDE = 32
# Sub-pixel steps of the ring kernel, and directions it is averaged over.
_SUBSTEPS = 8
_DIRECTIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisePlan:
    """Geometry-dependent sums of the noise propagation, made once by `plan_noise` and used for every slice.

    Parameters
    ----------
    coordinates
        `(point,)` pixel indices of the coarse grid, the same along y and x.
    n_u
        Detector columns.
    groups
        `(angle,)` group index of each projection.
    back_projection
        `(point * point, group * u)` sparse matrix: squared weights of counting noise.
    squared_filter
        `(tap,)` squared filter kernel, 1/pixel^4.
    ring
        `(radius, u)` squared response at distance `radius` (pixels) from the axis to a unit error of one detector
        column that is common to all projections.
    """

    coordinates: NDArray[np.float64]
    n_u: int
    groups: NDArray[np.intp]
    back_projection: scipy.sparse.csr_array
    squared_filter: NDArray[np.float64]
    ring: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelVariance:
    """Variance of reconstructed attenuation, (attenuation per pixel)^2, in its two compact forms.

    Parameters
    ----------
    counting
        `(slice, point, point)` at the plan's coordinates along y and x.
    ring
        `(slice, radius)` at 0, 1, 2... pixels from the axis.
    """

    counting: NDArray[np.float64]
    ring: NDArray[np.float64]


def plan_noise(angles_rad: FloatArray, *, n_u: int, filter_name: FilterName = "ramlak") -> NoisePlan:
    """Prepare the propagation for one set of angles.

    Parameters
    ----------
    angles_rad
        `(angle,)` radians.
    n_u
        Detector columns.
    filter_name
        Apodisation used in the reconstruction.
    """
    weights = angular_weights(angles_rad)
    n_points = min(n_u, _POINTS_A_SIDE)
    coordinates = np.linspace(0, n_u - 1, n_points)
    groups = _angle_groups(angles_rad)
    kernel = np.real(scipy.fft.ifft(filter_response(padded_length(n_u), filter_name=filter_name)))
    reach = min(n_u // 2, 8)
    return NoisePlan(
        coordinates=coordinates,
        n_u=n_u,
        groups=groups,
        back_projection=_squared_back_projection(angles_rad, weights, groups, coordinates, n_u),
        squared_filter=np.concatenate([kernel[-reach:], kernel[: reach + 1]]) ** 2,
        ring=_ring_response(angles_rad, weights, n_u=n_u, filter_name=filter_name),
    )


def voxel_variance(variance: FloatArray, flat_variance: FloatArray, plan: NoisePlan, *, centre: float) -> VoxelVariance:
    """Variance of the reconstructed attenuation.

    Parameters
    ----------
    variance
        `(slice, angle, u)` variance of the line integrals, independent between pixels.
    flat_variance
        `(slice, u)` variance common to all angles.
    plan
        From `plan_noise`, for the same angles.
    centre
        Detector column of the rotation axis, pixels.

    Notes
    -----
    With filter kernel h and angular weights w, a voxel at detector position s(t) has
    var = sum_t w_t^2 sum_u h^2(s_t - u) var(t, u) + sum_u [sum_t w_t h(s_t - u)]^2 var_flat(u).
    For uniform variance and N angles over 180 degrees the first sum is pi^2 var / (12 N) (Kak and Slaney (1988),
    section 5.2; doi:10.1137/1.9780898719277).
    """
    shift = centre - (plan.n_u - 1) / 2
    grouped = _group_means(np.asarray(variance, np.float64), plan.groups)
    smoothed = _shift_columns(convolve1d(grouped, plan.squared_filter, axis=-1, mode="nearest"), shift)
    counting = plan.back_projection @ smoothed.reshape(len(smoothed), -1).T
    rings = plan.ring @ _shift_columns(np.asarray(flat_variance, np.float64), shift).T
    points = len(plan.coordinates)
    return VoxelVariance(counting=counting.T.reshape(-1, points, points), ring=rings.T)


def spread_to_pixels(counting: FloatArray, ring: FloatArray, *, n_u: int) -> NDArray[np.float32]:
    """Sum of the two forms of noise on all pixels, by linear interpolation.

    Parameters
    ----------
    counting
        `(..., point, point)`, any quantity linear in the variances of `VoxelVariance.counting`.
    ring
        `(..., radius)`, the same for `VoxelVariance.ring`.
    n_u
        Columns of a slice.

    Returns
    -------
    `(..., n_u, n_u)` values.
    """
    n_points = counting.shape[-1]
    scale = (n_points - 1) / max(n_u - 1, 1)
    matrix = _interpolation_matrix(np.arange(n_u) * scale, n_points).astype(np.float32)
    total: NDArray[np.float32] = np.asarray(matrix @ counting.astype(np.float32) @ matrix.T, np.float32)
    total += _along_radius(ring.astype(np.float32), n_u=n_u)
    return total


def _interpolation_matrix(positions: FloatArray, n_nodes: int) -> NDArray[np.float64]:
    """`(position, node)` weights of linear interpolation between equidistant nodes, constant beyond the ends."""
    weights: NDArray[np.float64] = np.maximum(
        0, 1 - np.abs(np.clip(positions, 0, n_nodes - 1)[:, None] - np.arange(n_nodes))
    )
    return weights


def _angle_groups(angles_rad: FloatArray) -> NDArray[np.intp]:
    rank = np.argsort(np.argsort(np.mod(angles_rad, np.pi), kind="stable"), kind="stable")
    n_groups = min(len(rank), _ANGLE_GROUPS)
    return np.asarray(rank * n_groups // len(rank), np.intp)


def _group_means(variance: NDArray[np.float64], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """`(slice, angle, u)` to `(slice, group, u)`."""
    counts = np.bincount(groups)
    membership = (groups[None, :] == np.arange(len(counts))[:, None]) / counts[:, None]
    means: NDArray[np.float64] = np.einsum("ga,sau->sgu", membership, variance, optimize=True)
    return means


def _squared_back_projection(
    angles_rad: FloatArray,
    weights: NDArray[np.float64],
    groups: NDArray[np.intp],
    coordinates: NDArray[np.float64],
    n_u: int,
) -> scipy.sparse.csr_array:
    offset = coordinates - (n_u - 1) / 2
    y, x = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
    rows, columns, values = [], [], []
    for angle, weight, group in zip(angles_rad, weights, groups, strict=True):
        position = np.clip((n_u - 1) / 2 + x * np.cos(angle) - y * np.sin(angle), 0, n_u - 1)
        left = np.minimum(position.astype(np.intp), n_u - 2)
        for column, share in ((left, 1 - (position - left)), (left + 1, position - left)):
            rows.append(np.arange(len(x)))
            columns.append(group * n_u + column)
            values.append(weight**2 * share)
    shape = (len(x), (groups.max() + 1) * n_u)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return scipy.sparse.csr_array(scipy.sparse.coo_array(entries, shape=shape))


def _ring_response(
    angles_rad: FloatArray, weights: NDArray[np.float64], *, n_u: int, filter_name: FilterName
) -> NDArray[np.float64]:
    """`(radius, u)` mean over directions of the squared sum over angles of w h(s - u)."""
    length = padded_length(n_u)
    spectrum = np.zeros(length * _SUBSTEPS)
    half = length // 2
    response = filter_response(length, filter_name=filter_name)
    spectrum[:half], spectrum[-half:] = response[:half], response[half:]
    radii = np.arange((n_u + 1) // 2 + 1)
    squared = np.zeros((len(radii), n_u))
    for direction in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:
        position = radii[:, None] * np.cos(np.asarray(angles_rad) + direction) + (n_u - 1) / 2
        bins = np.rint(position * _SUBSTEPS).astype(np.intp) % spectrum.size
        dwell = np.zeros((len(radii), spectrum.size))
        np.add.at(dwell, (np.arange(len(radii))[:, None], bins), weights)
        # the kernel is even, so correlation and convolution are the same
        summed = np.real(scipy.fft.ifft(scipy.fft.fft(dwell, axis=-1) * spectrum * _SUBSTEPS, axis=-1))
        squared += summed[:, : n_u * _SUBSTEPS : _SUBSTEPS] ** 2
    return squared / _DIRECTIONS


def _along_radius(rings: NDArray[np.float32], *, n_u: int) -> NDArray[np.float32]:
    """`(..., radius)` to `(..., n_u, n_u)`."""
    offset = np.arange(n_u) - (n_u - 1) / 2
    radius = np.hypot(offset[:, None], offset[None, :]).clip(max=rings.shape[-1] - 1)
    left = np.minimum(radius.astype(np.intp), rings.shape[-1] - 2)
    share = (radius - left).astype(np.float32)
    interpolated: NDArray[np.float32] = rings[..., left] * (1 - share) + rings[..., left + 1] * share
    return interpolated


def _shift_columns(values: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
    """Move the column axis so that `centre` comes to the middle of the detector."""
    if shift == 0:
        return values
    flat = values.reshape(-1, values.shape[-1])
    columns = np.arange(values.shape[-1]) + shift
    grid = np.broadcast_arrays(np.arange(len(flat))[:, None], columns)
    moved: NDArray[np.float64] = map_coordinates(flat, grid, order=1, mode="nearest").reshape(values.shape)
    return moved
